/**
 * A kernel module: loaded now and at each boot, by /etc/modules-load.d/keelson-NAME.conf (modules-load.d(5)), with options
 * in /etc/modprobe.d/keelson-NAME.conf (modprobe.d(5)). Loaded with modprobe(8); what is loaded is read from
 * /proc/modules, /sys/module and the kernel's list of built-in modules.
 */
import { parseSmallFiles, readSmallFiles } from '../../kit/files/smallFiles.ts'
import * as form from '../../kit/form.ts'
import { payload } from '../../kit/prelude.ts'
import { refOf } from '../../kit/ref.ts'
import type { Compared, Desired, ResourceType } from '../../kit/resourceType.ts'
import { ensure } from '../../kit/schema.ts'
import { lines, sh } from '../../kit/shell.ts'

/**
 * @example
 * kernelModule({ name: 'nf_conntrack', options: { hashsize: 131072 }, now: false })
 */
export type KernelModule = {
  /** As lsmod(8) has it; `-` and `_` are the same to the kernel: `'br_netfilter'`. */
  name: string
  /** Parameters for when it is loaded: `{ hashsize: 131072 }`. @default as it is */
  options?: { readonly [parameter: string]: string | number }
  /** False: only at boot, for hosts that do not let modules be loaded, as in containers. @default true */
  now?: boolean
  /** 'absent' removes both files; a loaded module stays until the next boot. @default 'present' */
  ensure?: 'present' | 'absent'
}

export type KernelModuleState = {
  /** Absent when it is only to be loaded at boot. */
  loaded?: boolean
  atBoot: boolean
  /** `hashsize=131072`, in the order of their names. */
  options?: string[]
}

const LOADED = '/etc/modules-load.d'
const OPTIONS = '/etc/modprobe.d'

export const kernelModule: ResourceType<KernelModule, KernelModuleState, 'name'> = {
  type: 'kernel-module',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,54}$',
        description: 'the name of a kernel module without ".ko", such as "br_netfilter"',
      },
      options: {
        type: 'object',
        maxProperties: 50,
        propertyNames: { pattern: '^[A-Za-z0-9_.-]{1,100}$' },
        additionalProperties: {
          anyOf: [
            { type: 'integer' },
            {
              type: 'string',
              maxLength: 500,
              pattern: '^[!$-\\[\\]-~]+$',
              description: 'one word without blanks, quotes, "#" and "\\", such as "4096" or "on"',
            },
          ],
        },
      },
      now: { type: 'boolean' },
      ensure,
    },
  },
  key: ['name'],
  name: ({ name }) => canonical(name),
  desired: ({ options, now = true }) => ({
    ...(now ? { loaded: true } : {}),
    atBoot: true,
    ...(options === undefined
      ? {}
      : {
          options: Object.entries(options)
            .map(([parameter, value]) => `${parameter}=${value}`)
            .toSorted(),
        }),
  }),
  needs: () => [refOf('package', 'kmod')],
  claims: (name) => [`path:${loadFile(name)}`, `path:${optionsFile(name)}`],
  state: form.fields<Compared<KernelModuleState>>({
    loaded: form.optional(form.flag),
    atBoot: form.flag,
    options: form.optional(form.list(form.matching(/^[!-~]+$/, 'option'))),
  }),
  read: {
    command: (entries) =>
      `${LIST_LOADED}\nprintf '\\0'\n${readSmallFiles(entries.flatMap(({ name }) => [loadFile(name), optionsFile(name)]))}`,
    parse: ({ stdout }, entries) => parseReading(stdout, entries),
  },
  besides: ({ kind, before, fields }) =>
    kind === 'change' && before.loaded === true && fields.some(({ field }) => field === 'options')
      ? ['it is loaded already: its options count from when it is loaded again, or from the next boot']
      : [],
  steps: ({ name, after }) => [
    {
      title: `load kernel module ${name}`,
      run: [
        ...(after.options === undefined ? [] : [writeOptions(name, after.options)]),
        ...(after.loaded === true ? [loadNow(name)] : []),
        after.atBoot
          ? sh`replace_file ${loadFile(name)} root root 0644 ${payload('load')}`
          : sh`remove_file ${loadFile(name)}`,
      ].join('\n'),
      payload: { load: `${name}\n`, options: `options ${name} ${(after.options ?? []).join(' ')}\n` },
    },
  ],
  remove: ({ name }) => [
    {
      title: `no longer load kernel module ${name} at boot`,
      run: sh`remove_file ${loadFile(name)}
remove_file ${optionsFile(name)}`,
    },
  ],
  undo: ({ before, after }) =>
    after?.loaded === true && before?.loaded !== true
      ? { state: notLoaded(before), stays: 'it stays loaded, until the next boot' }
      : undefined,
}

/** The kernel's own spelling. */
function canonical(name: string): string {
  return name.replaceAll('-', '_')
}

function loadFile(name: string): string {
  return `${LOADED}/keelson-${name}.conf`
}

function optionsFile(name: string): string {
  return `${OPTIONS}/keelson-${name}.conf`
}

function notLoaded(before: KernelModuleState | null): KernelModuleState | null {
  if (before === null) return null
  const { loaded: _loaded, ...rest } = before
  return rest.atBoot || (rest.options ?? []).length > 0 ? rest : null
}

/** Names of what is loaded, and paths of what is built in; a host may have none of these places. */
const LIST_LOADED = `for k_file in /proc/modules "/lib/modules/$(uname -r)/modules.builtin"; do
  if [ -r "$k_file" ]; then cat -- "$k_file"; fi
done
ls /sys/module 2>/dev/null || :`

function parseReading(
  stdout: string,
  entries: readonly Desired<KernelModuleState>[],
): Map<string, KernelModuleState | null> {
  const end = stdout.indexOf('\0')
  const loaded = new Set(lines(stdout.slice(0, end)).map(moduleIn))
  const files = parseSmallFiles({ stdout: stdout.slice(end + 1) })
  const wordsIn = (path: string): string[] => {
    const file = files.get(path)
    if (file === undefined) return []
    const text = file.kind === 'file' && file.mode === '0644' && file.owner === 'root:root' ? file.bytes.toString() : ''
    return text.trim() === '' ? ['(changed)'] : text.trim().split(/\s+/)
  }
  return new Map(
    entries.map(({ name }): [string, KernelModuleState | null] => {
      const load = wordsIn(loadFile(name))
      const options = wordsIn(optionsFile(name))
      // What only something else loads is not there.
      if (load.length === 0 && options.length === 0) return [name, null]
      return [
        name,
        {
          loaded: loaded.has(name),
          atBoot: load.length === 1 && load[0] === name,
          options: options[0] === 'options' && options[1] === name ? options.slice(2) : options,
        },
      ]
    }),
  )
}

/** `nf_nat 16384 3 …` of /proc/modules, `kernel/net/bridge/br-netfilter.ko` of modules.builtin, or a name alone. */
function moduleIn(line: string): string {
  const [word = ''] = line.split(' ')
  return canonical(word.slice(word.lastIndexOf('/') + 1).replace(/\.ko$/, ''))
}

function writeOptions(name: string, options: readonly string[]): string {
  return options.length === 0
    ? sh`remove_file ${optionsFile(name)}`
    : sh`[ -d ${OPTIONS} ] || make_folder ${OPTIONS}
replace_file ${optionsFile(name)} root root 0644 ${payload('options')}`
}

/** The file for the boot is written once it could be loaded: a module that this kernel does not have is not asked for. */
function loadNow(name: string): string {
  const hint = '; if it may only be loaded at boot, as in a container, say now: false'
  return sh`command -v modprobe > /dev/null || fail 'there is no modprobe on this host; declare the package kmod first'
modprobe -- ${name} || fail ${`${name} could not be loaded${hint}`}`
}
