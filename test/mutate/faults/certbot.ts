/** Faults in what is asked of certificate authorities. */
import type { Fault } from '../fault.ts'

const TYPE = 'lib/resources/certbot/certificate.ts'
const TESTS = ['hosts/certificate']

export const CERTBOT_FAULTS: readonly Fault[] = [
  {
    what: 'certificate: what was refused is asked again at once',
    file: TYPE,
    find: '"$left" -le 0 ]',
    replace: '"$left" -gt 0 ]',
    tests: TESTS,
  },
  {
    what: 'certificate: one that is not due stays when another authority is declared',
    file: TYPE,
    find: "['--force-renewal', '--break-my-certs']",
    replace: "['--break-my-certs']",
    tests: TESTS,
  },
  {
    what: 'certificate: a wildcard without a DNS challenge',
    file: TYPE,
    find: "names.filter((name) => name.startsWith('*'))",
    replace: "names.filter((name) => name === '*')",
    tests: TESTS,
  },
  {
    what: 'certificate: a renewal is taken for a change that services have yet to load',
    file: TYPE,
    find: '  paths: () => [],\n',
    replace: '  paths: (name) => [`${LIVE}/${name}/fullchain.pem`],\n',
    tests: TESTS,
  },
  {
    what: 'certificate: certbot follows what others put into its folders',
    file: TYPE,
    find: 'at /etc/letsencrypt/x fail only_roots .`',
    replace: '`',
    tests: TESTS,
  },
]
