/** Faults in types for the system itself. */
import type { Fault } from '../fault.ts'

export const SYSTEM_FAULTS: readonly Fault[] = [
  {
    what: 'hostname: a domain that the recipe does not mention is taken out of /etc/hosts',
    file: 'lib/resources/system/hostname.ts',
    find: 'desired.how.assumed === true && hosts.includes(desired.running)',
    replace: 'desired.how.assumed === undefined && hosts.includes(desired.running)',
    tests: ['hosts/identity'],
  },
]
