// The git repository that describes what an environment runs. Paths are relative to its root, with slashes.
import type { Color } from '../slot.ts'
import type { NamedCommit } from './merge.ts'

/** What one commit changes. */
export interface Changes {
  /** New content by path. */
  write: ReadonlyMap<string, string | Uint8Array>
  /** Files and folders. They are removed before anything is written. */
  remove: readonly string[]
  /** Folders that become what they were in an earlier commit. */
  restore?: readonly { folder: string; from: string }[]
}

export interface Head {
  commit: string
  /** The commit that the caller knew is no longer part of the branch: somebody has rewritten its history. */
  rewritten: boolean
}

export interface Commit {
  commit: string
  /** `Jane <jane@example.com>` */
  author: string
  /** ISO 8601. */
  date: string
  message: string
}

export interface Log {
  /** Newest first. */
  commits: Commit[]
  /** How many commits were looked at, where there may be more in earlier ones. null: nothing is left out. */
  cutAt: number | null
}

/** A commit that shopctl did not write. */
export interface HandChange {
  commit: string
  /** `Jane <jane@example.com>` */
  author: string
  /** ISO 8601, in UTC: when it reached the branch. */
  date: string
  subject: string
  /** `order blue → green`, `order-green: image`. Empty: something else. */
  changes: string[]
  /** Whose slots and Services these are. null: any may be among them. */
  services: string[] | null
}

/** Which of the changes by hand are looked for. */
export interface HandQuery {
  /** So many of the latest, these and `others` together. */
  limit: number
  /** Times, in ISO 8601. */
  others: readonly string[]
  /** null: also those of all other services, and those of none. */
  services: readonly string[] | null
}

/** A slot or a Service that a person has changed last. */
export interface ByHand extends Pick<HandChange, 'commit' | 'author'> {
  /** `order-green: image` */
  change: string
}

/** What Argo CD has not done, or cannot do, or what git says otherwise than the cluster. */
export interface GitopsProblem {
  /** `unread`: this could not be looked at. */
  kind: 'wrong' | 'unread'
  what: string
  /** null, also below: it is about no single slot. */
  service: string | null
  color: Color | null
  /** Name of its Application. null: it is about none, or about several. */
  application: string | null
}

export interface ConfigRepo {
  /** Gives an empty repository its first commit. Does nothing if it has one. */
  create(signal?: AbortSignal): Promise<void>
  /** The commit that this machine has seen last, without asking the server. null: none. */
  local(): Promise<string | null>
  /** The newest commit of the branch. `known`: what the caller saw there before. */
  fetch(known?: string, signal?: AbortSignal): Promise<Head>
  /** The files below these files and folders, sorted. */
  list(commit: string, paths: readonly string[]): Promise<string[]>
  /** Hashes of the contents of all files below a folder, by path. */
  hashes(commit: string, folder: string): Promise<Map<string, string>>
  /** Their text by path. Refused if one is not UTF-8. Files that the commit does not have are left out. */
  read(commit: string, files: readonly string[], signal?: AbortSignal): Promise<Map<string, string>>
  /**
   * Adds a commit to the branch, and returns it. `moved`: the branch is not at `base` any more, and nothing was changed.
   * Never overwrites a commit of somebody else. Refused: nothing was changed. Failed: the commit may be there all the same.
   * `after`: it is made at once, and added when this has resolved.
   */
  push(
    base: string,
    changes: Changes,
    message: string,
    options?: { after?: Promise<void>; signal?: AbortSignal },
  ): Promise<{ commit: string } | 'moved'>
  /** The last commits of the branch, up to `commit`, that changed something at these paths. A merge stands for those that it merged. */
  log(commit: string, paths: readonly string[], limit: number, signal?: AbortSignal): Promise<Log>
  /** Whether `descendant` contains `ancestor` and has the same files at these paths. */
  keeps(
    ancestor: string,
    descendant: string,
    paths: readonly string[],
    signal?: AbortSignal,
  ): Promise<boolean>
}

/** Its commits, by the names that people give them. */
export interface Revisions {
  /** The commit of a branch, a tag or a commit id. Refused if there is none. */
  commitOf(name: string, as: 'from' | 'to'): Promise<string>
  /** What a comparison of these in a folder leaves out, or may: newer commits, and files without one. */
  notes(names: { from: NamedCommit; to: NamedCommit }, folder: string): Promise<string[]>
  contains(ancestor: string, descendant: string): Promise<boolean>
  /** Hashes of the contents of all files below a folder, by path. */
  hashes(commit: string, folder: string): Promise<Map<string, string>>
  /** Text by path. Refused if one is not UTF-8. */
  read(commit: string, files: readonly string[]): Promise<Map<string, string>>
  /** Content by path. null: it is no text. */
  contents(commit: string, files: readonly string[]): Promise<Map<string, Uint8Array | null>>
}

/** Whether a path is this folder or file, or below it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
