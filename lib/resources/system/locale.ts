/**
 * A locale that programs can use: listed in /etc/locale.gen, compiled by locale-gen(8), and named by variables that every
 * login and service gets (locale.conf(5)). Read from these files and with `locale -a`.
 */
import { changeText } from '../../kit/files/changeText.ts'
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { refOf } from '../../kit/ref.ts'
import { type Desired, type ResourceType, Unknown } from '../../kit/resourceType.ts'
import { ensure } from '../../kit/schema.ts'
import { lines, sh } from '../../kit/shell.ts'

const VARIABLES = [
  'LANG',
  'LC_ADDRESS',
  'LC_COLLATE',
  'LC_CTYPE',
  'LC_IDENTIFICATION',
  'LC_MEASUREMENT',
  'LC_MESSAGES',
  'LC_MONETARY',
  'LC_NAME',
  'LC_NUMERIC',
  'LC_PAPER',
  'LC_TELEPHONE',
  'LC_TIME',
] as const

/**
 * @example
 * locale({ name: 'C.UTF-8', variables: ['LC_COLLATE'] })
 */
export type Locale = {
  /** As /usr/share/i18n/SUPPORTED has it: `'de_DE.UTF-8'`. `'C.UTF-8'` is part of every Debian. */
  name: string
  /**
   * Variables that name it for the whole host: `['LANG']`, or `['LC_TIME', 'LC_PAPER']` beside another LANG. What runs
   * already gets them when it starts again.
   *
   * @default as they are
   */
  variables?: readonly (typeof VARIABLES)[number][]
  /** 'absent' removes it, and the variables that name it. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type LocaleState = {
  /** In /etc/locale.gen, without which an update of the package locales removes it. */
  listed: boolean
  /** Programs can use it. */
  compiled: boolean
  /** `LANG=de_DE.UTF-8`: present values of the declared variables, in the order of their names. */
  variables?: string[]
}

const LIST = '/etc/locale.gen'
/** A link to the other from Debian 13 on. */
const USUAL = '/etc/default/locale'
const CONF = '/etc/locale.conf'

export const locale: ResourceType<Locale, LocaleState, 'name'> = {
  type: 'locale',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        maxLength: 60,
        pattern: '^(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\\.[A-Za-z0-9-]+)?(@[a-z]+)?$',
        description: 'the name of a locale, such as "de_DE.UTF-8" or "C.UTF-8"',
      },
      variables: { type: 'array', items: { enum: VARIABLES }, uniqueItems: true },
      ensure,
    },
  },
  key: ['name'],
  name: ({ name }) => name,
  check: ({ name, variables = [] }) =>
    isBuiltIn(name) && variables.length === 0
      ? [`${name} is always there; say which variables name it: variables: ['LANG']`]
      : [],
  absent: { check: ({ name }) => (isBuiltIn(name) ? [`${name} is part of every Debian, and cannot be removed`] : []) },
  desired: ({ name, variables }) => ({
    listed: true,
    compiled: true,
    ...(variables === undefined ? {} : { variables: variables.map((variable) => `${variable}=${name}`).toSorted() }),
  }),
  needs: (name) => (isBuiltIn(name) ? [] : [refOf('package', 'locales'), refOf('package', 'locales-all')]),
  claims: (_name, { variables = [] }) => variables.map((entry) => `locale variable:${variableIn(entry)}`),
  paths: (_name, { variables = [] }) => [LIST, ...(variables.length === 0 ? [] : [USUAL, CONF])],
  sharedPaths: [LIST, USUAL, CONF],
  state: form.fields<LocaleState>({
    listed: form.flag,
    compiled: form.flag,
    variables: form.optional(form.list(form.matching(/^[A-Z_]{4,30}=[A-Za-z0-9_.@-]*$/, 'variable with a locale'))),
  }),
  read: {
    command: () => `locale -a 2>/dev/null || :\nprintf '\\0'\n${readSmallFiles([LIST, USUAL, CONF])}`,
    parse: ({ stdout }, entries) => parseReading(stdout, entries),
  },
  drift: { gone: 'removed' },
  steps: ({ name, before, after }) => [
    { title: `set up locale ${name}`, run: setUp(name, before instanceof Unknown ? null : before, after) },
  ],
  remove: ({ name, before }) => [
    {
      title: `remove locale ${name}`,
      run: setUp(name, before instanceof Unknown ? null : before, { listed: false, compiled: false, variables: [] }),
    },
  ],
}

/** Of the C library itself, in no list. */
function isBuiltIn(name: string): boolean {
  return /^(C|POSIX)([.@]|$)/.test(name)
}

function variableIn(entry: string): string {
  return entry.slice(0, entry.indexOf('='))
}

/** `de_DE.utf8` for `de_DE.UTF-8`, as `locale -a` has it. */
function compiledName(name: string): string {
  return name.replace(/\.[^@]+/, (codeset) => `.${codeset.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}`)
}

function parseReading(stdout: string, entries: readonly Desired<LocaleState>[]): Map<string, LocaleState | null> {
  const end = stdout.indexOf('\0')
  const compiled = new Set(lines(stdout.slice(0, end)))
  const files = parseSmallFiles({ stdout: stdout.slice(end + 1) })
  const linesOf = (path: string): string[] | undefined => {
    const file = files.get(path)
    return file?.kind === 'file' ? lines(file.bytes.toString('utf8')) : undefined
  }
  const listed = linesOf(LIST)?.map((line) => line.trim().split(/\s+/)[0])
  const conf = linesOf(files.get(USUAL)?.kind === 'link' ? CONF : USUAL) ?? []
  const values = new Map(conf.flatMap(assignment))
  return new Map(
    entries.map(({ name, desired }) => {
      const isCompiled = compiled.has(compiledName(name))
      const state = {
        // The package locales-all has them all without a list.
        listed: isBuiltIn(name) || (listed === undefined ? isCompiled : listed.includes(name)),
        compiled: isCompiled,
        variables: variablesOf(name, desired, values),
      }
      const isThere = state.variables.length > 0 || (!isBuiltIn(name) && (state.listed || state.compiled))
      return [name, isThere ? state : null]
    }),
  )
}

/** Of a line of environment(5): blanks and quotes around the value do not count. */
function assignment(line: string): [string, string][] {
  const [, variable, value = ''] = /^\s*(?:export\s+)?([A-Z_]+)=(.*)$/.exec(line) ?? []
  return variable === undefined ? [] : [[variable, value.trim().replace(/^(["'])(.*)\1$/, '$2')]]
}

/** Those that are declared; and without a declaration those that name the locale. */
function variablesOf(name: string, desired: LocaleState | null, values: ReadonlyMap<string, string>): string[] {
  const declared = desired?.variables?.map(variableIn)
  return VARIABLES.flatMap((variable) => {
    const value = values.get(variable)
    if (value === undefined) return []
    const isMeant = declared === undefined ? desired === null && value === name : declared.includes(variable)
    return isMeant || value === name ? [`${variable}=${/^[A-Za-z0-9_.@-]*$/.test(value) ? value : ''}`] : []
  })
}

function setUp(name: string, before: LocaleState | null, after: LocaleState): string {
  return [
    ...(isBuiltIn(name) ? [] : [after.listed ? list(name) : unlist(name)]),
    ...(after.variables === undefined ? [] : [setVariables(before?.variables ?? [], after.variables)]),
    ...(isBuiltIn(name) || after.compiled ? [] : [discard(name)]),
  ].join('\n')
}

const SUPPORTED = ['/usr/local/share/i18n/SUPPORTED', '/usr/share/i18n/SUPPORTED']

const UNCOMMENT = `
{ entry = $0; sub(/^[# \\t]*/, "", entry); split(entry, word) }
word[1] == name && word[2] == charset { if (!done) print name " " charset; done = 1; next }
{ print }
END { if (!done) print name " " charset }`
const COMMENT_OUT = '$1 == name { print "# " $0; next } { print }'

/** What is compiled already is left alone by locale-gen, which ends with 0 whatever happened. */
function list(name: string): string {
  const isCompiled = sh`locale -a | grep -qxF -e ${compiledName(name)}`
  return `if [ -e ${LIST} ] && command -v locale-gen > /dev/null; then
  ${charsetOf(name)}
  ${sh`[ -n "$charset" ] || fail ${`Debian has no locale ${name}; ${SUPPORTED[1]} lists those that it has`}`}
  ${changeText(LIST, sh`awk -v name=${name} -v charset="$charset" ${UNCOMMENT}`)}
fi
${isCompiled} || {
  command -v locale-gen > /dev/null || fail 'there is no locale-gen on this host; declare the package locales first'
  locale-gen --keep-existing
  ${isCompiled} || ${sh`fail ${`locale-gen did not make ${name}; above is what it said`}`}
}`
}

function unlist(name: string): string {
  return `[ ! -e ${LIST} ] || {
${changeText(LIST, sh`awk -v name=${name} ${COMMENT_OUT}`)}
}`
}

/** Without a codeset in its name, the archive has it by its name and by that with the codeset: `fr_FR`, `fr_FR.iso88591`. */
function discard(name: string): string {
  const [, base = '', modifier = ''] = /^([^.@]+)(?:\.[^@]+)?(@.+)?$/.exec(name) ?? []
  const both = name.includes('.')
    ? ''
    : sh`${base}."$(printf %s "$charset" | tr -dc '[:alnum:]' | tr '[:upper:]' '[:lower:]')"${modifier}`
  return `${charsetOf(name)}
for compiled in ${sh`${compiledName(name)}`} ${both}; do
  if localedef --list-archive 2>/dev/null | grep -qxF -e "$compiled"; then localedef --delete-from-archive "$compiled"; fi
done
${sh`! locale -a | grep -qxF -e ${compiledName(name)} || fail ${`${name} is still there: the package locales-all has it`}`}`
}

function charsetOf(name: string): string {
  return `charset=$(cat ${SUPPORTED.join(' ')} 2>/dev/null | awk ${sh`-v name=${name}`} '$1 == name { print $2; exit }')`
}

/** Lines of the variables in `gone` go, and those of `entries` come, each in the place of its previous one. */
const SET = `
BEGIN { count = split(entries, entry, " "); for (i = 1; i <= count; i++) { split(entry[i], part, "="); wanted[part[1]] = entry[i] }
  count_gone = split(gone, name, " "); for (i = 1; i <= count_gone; i++) drop[name[i]] }
{ variable = $0; sub(/^[ \\t]*(export[ \\t]+)?/, "", variable); variable = index(variable, "=") ? substr(variable, 1, index(variable, "=") - 1) : "" }
variable in wanted { if (!(variable in done)) print wanted[variable]; done[variable]; next }
variable in drop { next }
{ print }
END { for (i = 1; i <= count; i++) { split(entry[i], part, "="); if (!(part[1] in done)) print entry[i] } }`

function setVariables(before: readonly string[], after: readonly string[]): string {
  const filter = sh`awk -v entries=${after.join(' ')} -v gone=${before.map(variableIn).join(' ')} ${SET}`
  const change = (path: string): string =>
    `[ -e ${path} ] || { : > "$P"/empty; ${sh`replace_file ${path} root root 0644`} "$P"/empty; }
${changeText(path, filter)}`
  return `if [ -L ${USUAL} ]; then
${change(CONF)}
else
${change(USUAL)}
fi`
}
