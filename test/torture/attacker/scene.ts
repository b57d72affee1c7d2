/**
 * What a scene of an attack is, and what scenes share: the folders of an application.
 */
/** `gone`: no longer declared. `absent`: declared to be so. `breaks`: a service does not come up with what it was given. */
export type Phase = 'create' | 'change' | 'gone' | 'absent' | 'undo' | 'breaks'
/** 0: all of it absent. 1 and 2: as it is at first and then. 3: what breaks. */
export type Version = 0 | 1 | 2 | 3

export type Scene = {
  name: string
  /** Types whose steps are attacked here. */
  types: readonly string[]
  /** The attacker. */
  account: string
  /** What it may write in; no other scene has the same. */
  folders: readonly string[]
  /** Base names that it knows. */
  names: readonly string[]
  packages: readonly string[]
  /** Shell text that makes it, on a host with the packages. */
  setUp: string
  declare: (version: Version) => void
  phases: readonly Phase[]
  /** Outside the folders: files whose content the declarations change, but not their rights. */
  rewritten?: readonly string[]
  /** Outside the folders: what the declarations make, with all below. */
  made?: readonly string[]
  /** What would make the attacker root if it came to lie there as a file of root's. */
  evil?: string
  /** The account is to know the secret. */
  told?: true
  /** Moves that are not made: what they come to is known, and takes long. */
  spares?: readonly string[]
}

export const ALL: readonly Phase[] = ['create', 'change', 'gone', 'absent', 'undo']
/** Names that the folders in which the attacker has an interest know as well. */
export const NAMES = ['environment', 'passwd', 'shadow', 'sudoers', 'hosts', 'a', 'b'] as const
/** To give it more to see. */
export const MORE = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']
/** Stands in files of the catalog that only root may read. */
export const SECRET = 'SECRET-CANARY-4711'

export const presence = (version: Version): { ensure?: 'absent' } => (version === 0 ? { ensure: 'absent' } : {})
export const text = (version: Version, about = ''): string => `${about} version ${version}\n`.repeat(3)

/** Shell text: an application's own folder, and one in it. */
export const ownFolders = (app: string): string => `install -d -o app -g app ${app} ${app}/conf ${app}/conf/sub`

/** What a scene in an application's own folder begins with. */
export function appScene(app: string): Pick<Scene, 'account' | 'folders' | 'names' | 'packages' | 'setUp'> {
  return { account: 'app', folders: [app], names: NAMES, packages: [], setUp: ownFolders(app) }
}
