/**
 * Runs recipes without a clock and without randomness, so that the same commit gives the same catalog.
 *
 * This cannot block other sources of change (node:crypto, performance.now, files, the environment); evaluating twice
 * and comparing finds the first two.
 */

/**
 * Runs `work` while `Date.now()`, `new Date()`, `Date()` and `Math.random()` throw. Dates made from a given time still
 * work.
 */
export function deterministic<Result>(work: () => Result): Result {
  const { Date: RealDate } = globalThis
  const { random } = Math
  globalThis.Date = withoutNow(RealDate)
  Math.random = () => refuse('Math.random()')
  try {
    return work()
  } finally {
    globalThis.Date = RealDate
    Math.random = random
  }
}

function withoutNow(real: DateConstructor): DateConstructor {
  return new Proxy(real, {
    construct: (target, given: unknown[], made) =>
      given.length === 0 ? refuse('new Date()') : Reflect.construct(target, given, made),
    apply: () => refuse('Date()'),
    get: (target, key): unknown => (key === 'now' ? () => refuse('Date.now()') : Reflect.get(target, key)),
  })
}

function refuse(what: string): never {
  throw new TypeError(`${what} gives a recipe another value each time; pass the value in from the inventory`)
}
