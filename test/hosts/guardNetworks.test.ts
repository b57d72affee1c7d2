/**
 * Networks and packet filters of other makes than the host's own, which lead nowhere and are taken back, on a real host.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { file, service, unit } from '../../lib/index.ts'
import { boot, powerCut } from '../../lib/sandbox/sandbox.ts'
import { freshHost, sshOk } from '../support/host.ts'
import { assertTakenBack } from '../support/takenBack.ts'

const test = suite('lock-out guard, networks')
const host = await freshHost('debian-13')
await sshOk(
  host,
  `apt-get -q update >/dev/null
   DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends ufw nftables ifupdown netplan.io >/dev/null
   ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null`,
)
const network = (): Promise<string> => sshOk(host, 'ip -4 -o address show dev host0 scope global; ip route')

/** Starts the host anew with its address, which networkd has, in the hands of another. */
async function restart(prepare: string): Promise<void> {
  await sshOk(host, `rm -f /etc/systemd/network/*.network; ${prepare}; sync`)
  await powerCut(host.name)
  // Returns when its sshd answers over the new network.
  await boot(host.name)
}

const NO_PACKETS = `flush ruleset
table inet away { chain input { type filter hook input priority 0; policy drop
}; }
`
const dropAll = (): void => {
  const rules = file({ path: '/etc/nftables.conf', content: NO_PACKETS, mode: '0755' })
  service({ name: 'nftables', running: true, restartOn: [rules] })
}

test('rules of nftables that were not in use leave those of ufw as they were', async () => {
  await assertTakenBack(host, dropAll)
  assert.is(await sshOk(host, 'systemctl is-active nftables | cat'), 'inactive\n')
})

test('rules of nftables that replace others, and those that a program had added', async () => {
  await sshOk(
    host,
    `ufw --force disable >/dev/null
     printf 'flush ruleset\\ntable inet mine { chain input { type filter hook input priority 0; tcp dport 81 drop; }; }\\n' > /etc/nftables.conf
     systemctl start nftables
     # As a jail does it, that no file knows of.
     nft add table inet jail; nft 'add set inet jail bad { type ipv4_addr; elements = { 192.0.2.66 }; }'`,
  )
  const rules = (): Promise<string> =>
    sshOk(host, 'nft list tables | grep inet; nft -s list table inet mine; nft list table inet jail')
  const before = await rules()
  await assertTakenBack(host, dropAll)
  assert.is(await rules(), before)
})

test('a network of ifupdown', async () => {
  const [, address = '', gateway = ''] = /inet (\S+).*default via (\S+)/s.exec(await network()) ?? []
  const own = `auto host0\\niface host0 inet static\\n  address ${address}\\n  gateway ${gateway}\\n`
  await restart(`printf '${own}' > /etc/network/interfaces; systemctl disable systemd-networkd 2>/dev/null`)
  assert.is(await sshOk(host, 'systemctl is-active networking systemd-networkd | cat'), 'active\ninactive\n')
  const before = await network()
  await assertTakenBack(host, () => {
    const away = file({
      path: '/etc/network/interfaces',
      content: 'auto host0\niface host0 inet manual\n  up ip address flush dev host0\n',
    })
    service({ name: 'networking', running: true, restartOn: [away] })
  })
  assert.is(await network(), before)
})

test('a network of netplan', async () => {
  const [, address = '', gateway = ''] = /inet (\S+).*default via (\S+)/s.exec(await network()) ?? []
  const plan = (ip: string, to: string): string =>
    `network: {version: 2, ethernets: {host0: {addresses: [${ip}], routes: [{to: default, via: ${to}}]}}}\n`
  await restart(
    `printf '${plan(address, gateway)}' > /etc/netplan/10-own.yaml; chmod 600 /etc/netplan/10-own.yaml
     rm /etc/network/interfaces; systemctl enable systemd-networkd 2>/dev/null`,
  )
  const before = await network()
  await assertTakenBack(host, () => {
    const away = file({
      path: '/etc/netplan/10-own.yaml',
      content: plan('192.0.2.9/24', '192.0.2.1'),
      mode: '0600',
    })
    // systemd makes the network's files of the plan whenever it reads its own again.
    const changed = unit({ name: 'quiet.service', service: { ExecStart: '/bin/true' }, after: away })
    service({ name: 'systemd-networkd', running: true, restartOn: [away, changed] })
  })
  assert.is(await network(), before)
})

test.run()
