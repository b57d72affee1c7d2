/** TakeClient on a real Debian 12 host; a file for each OS, so that the two run side by side. */
import { takeclientSuite } from '../support/takeclient.ts'

const test = await takeclientSuite('debian-12')

test.run()
