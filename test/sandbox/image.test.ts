import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { aptSources, parseRepositories } from '../../lib/sandbox/image.ts'

const test = suite('sandbox image')

// Recorded: Debian 12, `apt-get update --print-uris`, two suites left out.
const PRINTED = `'http://deb.debian.org/debian/dists/bookworm/InRelease' deb.debian.org_debian_dists_bookworm_InRelease 0 
'http://deb.debian.org/debian-security/dists/bookworm-security/InRelease' deb.debian.org_debian-security_dists_bookworm-security_InRelease 0 
'http://deb.debian.org/debian/dists/bookworm/main/binary-amd64/Packages.xz' deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages 0 
`

test('reads the base address of each suite apt knows', () => {
  assert.equal(
    [...parseRepositories(PRINTED)],
    [
      ['bookworm', 'http://deb.debian.org/debian'],
      ['bookworm-security', 'http://deb.debian.org/debian-security'],
    ],
  )
})

test("another release comes from this machine's mirror too", () => {
  const mirror = new Map([
    ['bookworm', 'http://mirror.example/debian'],
    ['bookworm-security', 'http://mirror.example/security'],
  ])
  assert.equal(aptSources('trixie', mirror), [
    'deb http://mirror.example/debian trixie main',
    'deb http://mirror.example/debian trixie-updates main',
    'deb http://mirror.example/security trixie-security main',
  ])
})

test('a machine that is no Debian takes the public archive', () => {
  assert.equal(aptSources('trixie', new Map([['noble', 'http://archive.ubuntu.com/ubuntu']])), [
    'deb http://deb.debian.org/debian trixie main',
    'deb http://deb.debian.org/debian trixie-updates main',
    'deb http://security.debian.org/debian-security trixie-security main',
  ])
})

test.run()
