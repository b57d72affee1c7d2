/**
 * What to do about a failed step, by the messages of tools on the host. Pure.
 */

type Remedy = [pattern: RegExp, next: string | ((unit: string) => string)]

/** Keyed by messages of errno(3), of the engine's own helpers, and of apt. The first match is used. */
const REMEDIES: readonly Remedy[] = [
  [
    /No space left on device|Disk quota exceeded|enough free space/,
    'make room there (`df -h` and `df -i` say where it is full), then converge again',
  ],
  [
    /Read-only file system/,
    'make it writable again (`findmnt` says what is mounted read-only, `dmesg` maybe why), then converge again',
  ],
  [
    /^no end within \d+ s; it was killed/m,
    'find out what it waits for; where it only takes that long, allow it more time (timeoutMs of a command or a service)',
  ],
  [
    /the candidate was refused; the old file is still in place|nothing was replaced/,
    'correct the content by the words above and converge again; what is in place is as it was',
  ],
  [
    /^(\S+): .*(?:stay up|started again by itself|it failed|went down|nothing listens on|the probe failed|systemctl \w+ failed)/m,
    (unit) =>
      `correct what it complains of above, in its unit or its configuration; \`journalctl -u ${unit}\` has the rest`,
  ],
  [
    /Temporary failure (in name resolution|resolving)|Could not (resolve|connect)|Network is unreachable|Failed to fetch/,
    'see that the host reaches its mirrors: `resolvectl query deb.debian.org`, `ip route`, and what the firewall lets out',
  ],
  [
    /no package to install for:|Unable to locate package|has no installation candidate/,
    '`apt-cache policy NAME` on the host says what its sources have under that name',
  ],
  [
    /unmet dependencies|held broken packages/,
    '`apt-get -s install NAME` on the host says what stands against it; take a hold or a pinned version away',
  ],
  [
    /(?:invalid|unknown|no such) (?:user|group)|user .* does not exist|group .* does not exist/i,
    'declare that account, and put it before this (after: …)',
  ],
  [
    /: not found$|command not found|No such file or directory/m,
    'declare what brings the file or command that is missing (a package, a directory), and put it before this (after: …)',
  ],
  [
    /Permission denied|Operation not permitted/,
    'see what forbids it: owner and mode, `lsattr` for an immutable file, `findmnt` for the mount, `dmesg` for a security module',
  ],
  [/Address already in use/, 'see who listens there already: `ss -ltnp` on the host'],
  [/Cannot allocate memory|Out of memory|Killed$/m, 'see what uses up the memory: `free -m`, `dmesg | grep -i oom`'],
]

/** Undefined when no message is known: the report then shows only what the host said. */
export function remedyFor(said: string): string | undefined {
  for (const [pattern, next] of REMEDIES) {
    const found = pattern.exec(said)
    if (found !== null) return typeof next === 'string' ? next : next(found[1] ?? '')
  }
  return undefined
}
