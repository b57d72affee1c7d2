/**
 * Hashes of passwords as crypt(5) of libxcrypt lists them, which both Debian 12 and 13 use. Methods whose hashes anybody
 * can break in a moment (DES, NT) are not among them. passwd(1) and login(1) take any text for a hash, and nobody can
 * log in with one that is malformed.
 */
const B64 = '[./A-Za-z0-9]'
const ROUNDS = '(rounds=[1-9][0-9]{0,8}\\$)?'

const FORMS = [
  `\\$y\\$${B64}+\\$${B64}{0,86}\\$${B64}{43}`,
  `\\$gy\\$${B64}+\\$${B64}{0,86}\\$${B64}{43}`,
  `\\$7\\$${B64}{11,97}\\$${B64}{43}`,
  `\\$2[abxy]\\$[0-9]{2}\\$${B64}{53}`,
  // A salt of crypt(5) may hold more, but not what would end the field of shadow(5).
  `\\$6\\$${ROUNDS}${B64}{1,16}\\$${B64}{86}`,
  `\\$5\\$${ROUNDS}${B64}{1,16}\\$${B64}{43}`,
  `\\$1\\$${B64}{1,8}\\$${B64}{22}`,
].map((form) => new RegExp(`^${form}$`))

/** What is wrong with a text that is to be a hash; undefined when nothing is. Does not contain the text. */
export function hashMistake(text: string): string | undefined {
  if (FORMS.some((form) => form.test(text))) return undefined
  if (/^[!*]/.test(text)) return 'begins with what locks it (! or *); leave that out, and declare locked: true'
  const method = /^\$(?:y|gy|7|2[abxy]|6|5|1)\$/.test(text)
  if (!method) return 'is not a hash as crypt(5) has it; make one with: mkpasswd -m yescrypt'
  return 'is not a whole hash as crypt(5) has it, and nobody could log in with it; copy all of it, or make one with: mkpasswd -m yescrypt'
}
