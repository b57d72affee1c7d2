import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseMounts } from '../../lib/sandbox/mounts.ts'

const test = suite('sandbox mounts')

test('reads mount point, kind and options, also where optional fields stand between', () => {
  // The first line as recorded on Debian 12; the second after proc_pid_mountinfo(5).
  const mountinfo =
    '40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n' +
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n'
  assert.equal(parseMounts(mountinfo), [
    { mountPoint: '/sys/fs/cgroup/systemd', fsType: 'cgroup', options: 'rw,name=systemd' },
    { mountPoint: '/mnt2', fsType: 'ext3', options: 'rw,errors=continue' },
  ])
})

test('turns octal escapes back into blanks', () => {
  const [mount] = parseMounts('1 2 0:3 / /a\\040b\\134c rw - tmpfs none rw\n')
  assert.is(mount?.mountPoint, '/a b\\c')
})

test('refuses a line of another form', () => {
  assert.throws(() => parseMounts('nonsense\n'), /mountinfo: unexpected line nonsense/)
})

test.run()
