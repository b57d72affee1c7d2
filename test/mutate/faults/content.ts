/** Faults in what brings software and content to a host. */
import type { Fault } from '../fault.ts'

export const CONTENT_FAULTS: readonly Fault[] = [
  {
    what: 'forget what a command has yet to run for once it was tried',
    file: 'lib/resources/commands/commandWatch.ts',
    find: '${raw(text)}\n[ -d',
    replace:
      '[ -d ${folder} ] || mkdir -p -m 0700 ${folder}; replace_file ${file} root root 0600 "$P"/listing\n${raw(text)}\n[ -d',
    tests: ['hosts/onChange'],
  },
  {
    what: 'watch by a mark that a boot takes away',
    file: 'lib/kit/stateFolders.ts',
    find: 'export const MARKS = `${STATE}/made`',
    replace: "export const MARKS = '/run/keelson/made'",
    tests: ['hosts/onChange', 'resources/systemd/service'],
  },
  {
    what: 'a secret that ends the text it stands in',
    file: 'lib/kit/value.ts',
    find: 'return $as === undefined ? value : encoded(value, $as)',
    replace: 'return $as === undefined ? value : value',
    tests: ['dsl/formats'],
  },
]
