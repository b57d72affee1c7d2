/**
 * Secrets, as recipes and the command line name them.
 */
import { secretToken } from './schema.ts'
import { Secret } from './value.ts'

const NAME = new RegExp(secretToken.properties.$secret.pattern)

export function isSecretName(name: string): boolean {
  return NAME.test(name)
}

/**
 * A secret by name: its value is read from the environment or the repository's encrypted file, never written in a
 * recipe. It cannot be converted to text; `conf` inserts it into one.
 *
 * @example postgresRole({ name: 'shop', login: true, password: secret('shop-database') })
 */
export function secret(name: string): Secret {
  if (!isSecretName(name)) {
    throw new TypeError(`secret name ${JSON.stringify(name)}: lower-case letters, digits, dots, dashes and underscores`)
  }
  return new Secret(name)
}
