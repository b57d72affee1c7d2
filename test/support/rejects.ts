/** Waits for a promise to fail with an error of the given class and returns that error. `assert.throws` sees no promises. */
export async function rejects<Failure extends Error>(
  promise: Promise<unknown>,
  kind: abstract new (...args: never[]) => Failure,
): Promise<Failure> {
  try {
    await promise
  } catch (error) {
    if (error instanceof kind) return error
    throw error
  }
  throw new Error(`expected ${kind.name}, but nothing failed`)
}
