// Reads the newest commit of the config repo, and adds commits to it.
import { failed, isRefused, type ShopctlError } from '../../errors.ts'
import type { ConfigRepo } from '../../release/ports/config-repo.ts'
import type { Purpose } from '../../release/ports/driver.ts'
import type { Operator, Progress } from '../../release/ports/session.ts'
import { type ChangeInput, changesOf } from './changes.ts'
import { type Deed, messageOf } from './messages.ts'
import { type ConfigState, filesToRead, stateOf, type Tree } from './read.ts'
import type { Taken } from './sync.ts'

/** An environment as a commit describes it. */
export interface Snapshot {
  commit: string
  tree: Tree
  state: ConfigState
}

/** What a commit changes, and how it is named. */
export interface Change extends ChangeInput {
  deed: Deed
  /** `r-41`. null: that of the operation. */
  release: string | null
  /** null: none. undefined: that of the operation. */
  reason?: string | null
}

export interface CommitOptions {
  /**
   * Pushes after this. Begins meanwhile, with the commit that this machine has seen last: `change` itself has to notice
   * what others changed since.
   */
  after?: Promise<void>
  /** Files and folders that must stay as they were while others push. */
  depends: readonly string[]
  /** A push did not arrive: nothing of `change` is in git so far. */
  onUnwritten?(): void
  signal?: AbortSignal
}

export interface Written extends Taken {
  /** Files and folders. Empty: all was there already. */
  changed: readonly string[]
}

export interface Commits {
  /** The commits that follow are part of this operation. */
  begin(purpose: Purpose): void
  /** Reads ahead what a commit begins with that is made `after` something. */
  prepare(signal: AbortSignal): void
  read(signal?: AbortSignal): Promise<Snapshot>
  /** Adds one commit, unless there is nothing to change. Begins again when others have pushed to other files. */
  write(
    change: (snapshot: Snapshot) => Change | Promise<Change>,
    options: CommitOptions,
  ): Promise<Written>
}

/** How often others may push in between. */
const tries = 30

interface Surroundings extends Operator {
  progress: Pick<Progress, 'warn'>
}

export function createCommits(
  repo: ConfigRepo,
  env: string,
  { by, run, progress }: Surroundings,
): Commits {
  /** What this command has seen. It must not go on from a branch without it. */
  let known: string | undefined
  let purpose: { [Key in keyof Purpose]: Purpose[Key] | null } = { id: null, reason: null }
  /** What this machine has seen last. null: not read, or this command has seen something else since. */
  let prepared: Promise<Snapshot | null> | null = null
  /** One command writes one commit after the other. */
  let last: Promise<unknown> = Promise.resolve()

  const see = (commit: string): void => {
    known = commit
    prepared = null
  }

  const read = async (signal?: AbortSignal): Promise<Snapshot> => {
    const before = known ?? (await repo.local()) ?? undefined
    const { commit, rewritten } = await repo.fetch(before, signal)
    if (rewritten && known !== undefined) throw overwritten(known, commit)
    if (rewritten) progress.warn(rewrittenText(before ?? '', commit))
    see(commit)
    return at(commit, signal)
  }

  const at = async (commit: string, signal?: AbortSignal): Promise<Snapshot> => {
    const paths = await repo.list(commit, [env])
    const texts = await repo.read(commit, filesToRead(env, paths), signal)
    const tree = { env, paths, texts }
    return { commit, tree, state: stateOf(tree) }
  }

  const seenLast = async (signal?: AbortSignal): Promise<Snapshot | null> => {
    const commit = await repo.local()
    return commit === null ? null : at(commit, signal)
  }

  const write: Commits['write'] = async (change, { depends, signal, onUnwritten, after }) => {
    const taken = (commit: string, changed: readonly string[]): Written => ({
      commit,
      changed,
      isKept: (later) => repo.keeps(commit, later, depends, signal),
    })
    const attempt = async (snapshot: Snapshot): Promise<Written | 'moved' | 'unchanged'> => {
      const { deed, release, reason = purpose.reason, ...input } = await change(snapshot)
      const changes = changesOf(snapshot.tree, input)
      const { write: files, remove, restore = [] } = changes
      const changed = [...files.keys(), ...remove, ...restore.map(({ folder }) => folder)]
      if (changed.length === 0) return 'unchanged'
      const message = messageOf(deed, { release: release ?? purpose.id, by, run, reason })
      const options = { ...(after && { after }), ...(signal && { signal }) }
      const pushed = await repo.push(snapshot.commit, changes, message, options).catch((error) => {
        if (isRefused(error)) onUnwritten?.()
        throw error
      })
      if (pushed === 'moved') {
        onUnwritten?.()
        return 'moved'
      }
      see(pushed.commit)
      return taken(pushed.commit, changed)
    }
    if (after) {
      // What goes wrong with an old commit may be right with the newest one.
      const done = await (prepared ?? seenLast(signal))
        .then((snapshot) => snapshot && attempt(snapshot))
        .catch(() => null)
      if (done !== null && typeof done === 'object') return done
      await after
    }
    const first = await read(signal)
    for (let snapshot = first, left = tries; left > 0; left--) {
      const done = await attempt(snapshot)
      if (done === 'unchanged') return taken(snapshot.commit, [])
      if (done !== 'moved') return done
      snapshot = await read(signal)
      const isOurs =
        depends.length === 0 || (await repo.keeps(first.commit, snapshot.commit, depends, signal))
      if (!isOurs) throw changedMeanwhile()
    }
    throw neverFree()
  }

  return {
    begin(begun) {
      purpose = begun
    },
    prepare(signal) {
      prepared = seenLast(signal)
      // Its error is thrown where it is awaited.
      prepared.catch(() => {})
    },
    read,
    write(change, options) {
      const result = last.then(() => write(change, options))
      last = result.catch(() => {})
      return result
    },
  }
}

function rewrittenText(before: string, now: string): string {
  return `Somebody has rewritten the branch of the config repo: ${before.slice(0, 12)}, which this machine has seen there, is not part of ${now.slice(0, 12)}.`
}

function overwritten(before: string, now: string): ShopctlError {
  return failed({
    code: 'history-rewritten',
    message: rewrittenText(before, now),
    hint: 'Run `shopctl status` to see what is live now, then the command again.',
  })
}

function neverFree(): ShopctlError {
  return failed({
    code: 'conflict',
    message: `Others pushed to the config repo before each of ${tries} tries.`,
    hint: 'Run the command again when fewer push to it.',
  })
}

function changedMeanwhile(): ShopctlError {
  return failed({
    code: 'conflict',
    message: 'Somebody has changed the same files of the config repo meanwhile.',
    hint: 'Run `shopctl status` to see what is live now, then the command again.',
  })
}
