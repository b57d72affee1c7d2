import { Secret } from '../engine/value.ts'

/** A secret by name: from the environment or the repository's encrypted file, never written into a recipe. */
export function secret(name: string): Secret {
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) {
    throw new TypeError(`secret name ${JSON.stringify(name)}: lower-case letters, digits, dots, dashes and underscores`)
  }
  return new Secret(name)
}
