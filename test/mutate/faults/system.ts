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
  {
    what: 'timezone: /etc/timezone is left as it is',
    file: 'lib/resources/system/timezone.ts',
    find: 'if [ -e ${FILE} ] || [ -L ${FILE} ]; then',
    replace: 'if [ -d ${FILE} ]; then',
    tests: ['hosts/identity'],
  },
  {
    what: 'locale: an absent one stays in the list',
    file: 'lib/resources/system/locale.ts',
    find: 'after.listed ? list(name) : unlist(name)',
    replace: "after.listed ? list(name) : ':'",
    tests: ['hosts/locales'],
  },
  {
    what: 'swap file: a folder of another account will do',
    file: 'lib/resources/mounts/swapFile.ts',
    find: '[ "$alone" = yes ] || fail "$path lies',
    replace: '[ -n "$alone" ] || fail "$path lies',
    tests: ['hosts/storage'],
  },
  {
    what: 'mount: what lies in the directory is hidden',
    file: 'lib/resources/mounts/mount.ts',
    find: '[ -z "$(ls -A -- "$here/$name")" ]',
    replace: '[ -n "$here" ]',
    tests: ['hosts/storage'],
  },
  {
    what: 'kernel module: anybody may write its file',
    file: 'lib/resources/kernel/kernelModule.ts',
    find: "file.kind === 'file' && file.mode === '0644'",
    replace: "file.kind === 'file'",
    tests: ['hosts/upkeep'],
  },
  {
    what: 'tmpfiles: what was removed is not missed',
    file: 'lib/resources/system/tmpfiles.ts',
    find: 'missing: missingOf(desired, there)',
    replace: 'missing: missingOf(null, there)',
    tests: ['hosts/upkeep'],
  },
  {
    what: 'logrotate: a log may be in two files',
    file: 'lib/resources/system/logrotate.ts',
    find: 'if said=$(mistakes /etc/logrotate.conf |',
    replace: 'if said=$(mistakes /dev/null |',
    tests: ['hosts/upkeep'],
  },
  {
    what: 'known hosts: a hashed name is not seen',
    file: 'lib/resources/ssh/knownHosts.ts',
    find: 'isHashOf(field, name))',
    replace: "isHashOf(field, ''))",
    tests: ['hosts/knownHosts'],
  },
  {
    what: 'ssh key: whatever pair is there is the declared one',
    file: 'lib/resources/ssh/sshKey.ts',
    find: '[ "$kind $key" = ${publicKey} ]',
    replace: '[ -n "$kind $key" ]',
    tests: ['hosts/sshKey'],
  },
]
