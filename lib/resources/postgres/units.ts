/**
 * Converts a setting's text to a canonical value, so that `256MB` and `32768` of 8 kB are equal (PostgreSQL manual,
 * 20.1).
 */
/** Vartype and unit of pg_settings. */
export type SettingKind = { kind: 'bool' | 'enum' | 'integer' | 'real' | 'string'; unit: string | null }

/** In bytes. */
const MEMORY: { [unit: string]: number } = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 }
/** In microseconds. */
const TIME: { [unit: string]: number } = { us: 1, ms: 1e3, s: 1e6, min: 6e7, h: 3.6e9, d: 8.64e10 }

const BOOLEANS: { [word: string]: string } = {
  on: 'on',
  true: 'on',
  yes: 'on',
  1: 'on',
  off: 'off',
  false: 'off',
  no: 'off',
  0: 'off',
}

/** One text for all texts that the server treats as equal; text of an unknown kind stays unchanged. */
export function canonicalSetting(text: string, about: SettingKind | undefined): string {
  switch (about?.kind) {
    case 'bool':
      return BOOLEANS[text.toLowerCase()] ?? text.toLowerCase()
    case 'enum':
      return text.toLowerCase() in BOOLEANS ? BOOLEANS[text.toLowerCase()]! : text.toLowerCase()
    case 'integer':
    case 'real':
      return canonicalNumber(text, about)
    default:
      return text
  }
}

function canonicalNumber(text: string, { kind, unit }: SettingKind): string {
  const [, digits, suffix = ''] = /^\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? []
  if (digits === undefined) return text
  const inUnits = suffix === '' ? Number(digits) : Number(digits) * ratio(suffix, unit)
  if (!Number.isFinite(inUnits)) return text
  return String(kind === 'integer' ? roundHalfEven(inUnits) : Number(inUnits.toPrecision(15)))
}

/** How many units of the setting one `suffix` is: `8kB` for blocks; NaN when the two are incompatible. */
function ratio(suffix: string, unit: string | null): number {
  const [, count = '', base = ''] = /^(\d*)([A-Za-z]+)$/.exec(unit ?? '') ?? []
  const scale = base in MEMORY ? MEMORY : TIME
  return (scale[suffix] ?? Number.NaN) / ((scale[base] ?? Number.NaN) * (count === '' ? 1 : Number(count)))
}

/** Rounds like rint(3), which the server uses. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
