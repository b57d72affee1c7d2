/**
 * A process of an unprivileged account on a host that exchanges what root is about to use. perl, which every Debian has,
 * calls inotify(7) and renameat2(2) by their numbers: an exchange leaves no instant without the name.
 */
import type { SandboxHost } from '../../lib/sandbox/sandbox.ts'
import { quote } from '../../lib/kit/shell.ts'
import { sshOk } from './host.ts'

export type Attack = {
  /** Account it runs as, which owns `folder`. */
  as: string
  folder: string
  /** Names that are exchanged over and over; without them, every name that begins with a dot, as soon as it comes up. */
  names?: readonly string[]
  /** What takes the place, one after the other: links to these paths, or for `''` a folder of its own. */
  decoys: readonly string[]
}

const PERL = `
use strict;
my ($folder, $names, @decoys) = @ARGV;
my @names = split m{/}, $names;
my ($init, $watch, $rename) = \`uname -m\` =~ /aarch64/ ? (26, 27, 276) : (294, 254, 316);
chdir $folder or die "$folder: $!";
my ($count, $stop) = (0, 0);
$SIG{TERM} = sub { $stop = 1 };
sub exchange {
  my ($name) = @_;
  my ($at, $decoy) = (-100, ".x" . $count % @decoys);
  return syscall($rename, $at, $name, $at, $decoy, 2) == 0;
}
for my $i (0 .. $#decoys) { $decoys[$i] eq '' ? mkdir(".x$i") : symlink($decoys[$i], ".x$i") }
my $fd = syscall($init, 0);
my ($here, $mask) = (".", 0x180);
syscall($watch, $fd, $here, $mask) >= 0 or die "inotify: $!";
open(my $events, '<&=', $fd) or die $!;
open(my $ready, '>', "/tmp/ready-$$") or die $!;
while (@names && !$stop) {
  for my $name (@names) {
    next unless exchange($name);
    select(undef, undef, undef, rand(0.004));
    exchange($name);
    $count++;
    select(undef, undef, undef, rand(0.004));
  }
}
while (!@names && !$stop && sysread($events, my $buffer, 65536)) {
  while (length $buffer) {
    my (undef, undef, undef, $length) = unpack('iIII', $buffer);
    my $name = unpack('Z*', substr($buffer, 16, $length));
    $buffer = substr($buffer, 16 + $length);
    exchange($name) and $count++ if $name =~ /^\\./ && $name !~ /^\\.x/;
  }
}
`

/** Runs `work` while the attack goes on. What the attacker made, or gave another name, is taken away afterwards. */
export async function underAttack<T>(host: SandboxHost, attack: Attack, work: () => Promise<T>): Promise<T> {
  const { as, folder, names = [], decoys } = attack
  const words = [folder, names.join('/'), ...decoys].map(quote).join(' ')
  const pid = await sshOk(
    host,
    `setsid setpriv --reuid=${as} --regid=${as} --init-groups perl -e ${quote(PERL)} ${words} >/tmp/attack 2>&1 </dev/null & echo $!
timeout 20 sh -c 'until [ -e /tmp/ready-$0 ]; do sleep 0.05; done' $! || { cat /tmp/attack >&2; exit 1; }`,
  )
  try {
    return await work()
  } finally {
    await sshOk(
      host,
      `kill ${pid.trim()}; timeout 5 sh -c 'while kill -0 $0 2>/dev/null; do sleep 0.05; done' ${pid.trim()} || kill -KILL ${pid.trim()}; rm -f /tmp/ready-*
find ${quote(folder)} -maxdepth 1 \\( -name '.x*' -o -name '.keelson*' ! -user root \\) -exec rm -rf {} +`,
    )
  }
}

/** Owner, mode, size, time and target of all that a host's accounts could want, but for what lies below `except`. */
export async function holdings(host: SandboxHost, except: readonly string[]): Promise<string[]> {
  const pruned = ['/etc/.pwd.lock', ...except].flatMap((path) => ['-path', path, '-o']).slice(0, -1)
  const listing = await sshOk(
    host,
    `find /etc /root /home /srv /opt /usr/local \\( ${pruned.map(quote).join(' ')} \\) -prune -o -printf '%p %y %U:%G %m %s %T@ %l\\n' | sort`,
  )
  return listing.split('\n')
}
