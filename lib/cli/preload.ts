/**
 * What a command is about to load, asked for at once: each import waits for tsx's loader thread, and one after the
 * other those waits add up to 150 ms of a plan (seen with Node 20 on 2 cores).
 */

/** Starts to load what `plan` and `converge` come to; nothing for other commands, or where only help is asked for. */
export function preload([command = '', ...rest]: readonly string[]): void {
  if (command !== 'plan' && command !== 'converge') return
  if (rest.includes('--help') || rest.includes('-h')) return
  const loading = [
    import('./commands/hosts.ts'),
    import('../engine/converge.ts'),
    import('../dsl/validate.ts'),
    import('../transport/ssh.ts'),
    import('ssh2'),
    ...(command === 'plan' ? [import('./render/planText.ts')] : []),
  ]
  // What cannot be loaded is told by whoever needs it.
  for (const one of loading) one.catch(() => undefined)
}
