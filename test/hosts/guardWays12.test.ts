/** What a login passes through, on Debian 12. */
import { testWays } from '../support/guardWays.ts'

await testWays('debian-12')
