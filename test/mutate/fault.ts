/** A fault to plant in the engine, with the tests that ought to notice it. */
export type Fault = {
  what: string
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
  /** Paths of test files, parts will do. */
  tests: readonly string[]
}
