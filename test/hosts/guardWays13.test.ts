/** What a login passes through, on Debian 13. */
import { testWays } from '../support/guardWays.ts'

await testWays('debian-13')
