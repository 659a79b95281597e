// How Argo CD takes up a commit: it fetches the branch, compares the cluster with it, and syncs.
import {
  type Application,
  type Applications,
  hasFailed,
} from '../../adapters/kubernetes/applications.ts'
import type { Limit } from '../../adapters/shell.ts'
import { afterChange, failed, type ShopctlError } from '../../errors.ts'
import type { Clock } from '../../release/ports/session.ts'

/** A commit that Argo CD takes up. Later ones of others do as well, if they keep its files. */
export interface Taken {
  commit: string
  /** Whether the files of `commit` that count are the same in this commit. */
  isKept(later: string): Promise<boolean>
  /** What Argo CD had compared with when there was no such commit. */
  before?: string | null
}

export interface SyncPorts {
  applications: Applications
  /** Where Argo CD is. */
  argoNamespace: string
  clock: Clock
  signal: AbortSignal
  /** Of each wait. */
  limit: Limit
}

/** An operation that still runs after this time is ended. It may wait for a hook of somebody else. */
const patienceMs = 5_000
/** How long a terminated operation may take to end while Argo CD is slow. */
const endMs = 5_000
/** A complaint that stands for so long does not pass by itself. */
const complaintMs = 5_000
/** Argo CD begins to sync at once. After this time, something keeps it from it. */
const beginMs = 8_000

/** Waits until no operation runs, but one of `taken`. Ends one that takes long. */
export async function awaitIdle(ports: SyncPorts, name: string, taken?: Taken): Promise<void> {
  const { applications } = ports
  const isOther = taken ? otherThan(taken) : () => true
  const wait = { isOther, busy: ({ busy }: Application) => busy }
  if (await awaitNone(ports, name, { ...wait, timeoutMs: patienceMs })) return
  await applications.terminate(name)
  if (await awaitNone(ports, name, { ...wait, timeoutMs: waitMs(ports) })) return
  throw late(name, 'to end the operation that runs', ports)
}

/** Whether an operation carries out something else. null: its commit is not known yet. */
type IsOther = (revision: string | null) => boolean | Promise<boolean>

/** A commit that cannot be compared, as git is away, is another one. */
export function otherThan({ commit, isKept }: Taken): IsOther {
  return async (revision) => {
    if (revision === commit) return false
    return revision === null || !(await isKept(revision).catch(() => false))
  }
}

/** Ends an operation that runs, if it is another one, and waits for its end. One that has not begun is made one of `taken`. */
export async function endOthers(
  ports: SyncPorts,
  name: string,
  taken: Taken,
  isOther: IsOther = otherThan(taken),
): Promise<void> {
  const { applications } = ports
  await endRunning(ports, name, isOther)
  const { busy = false, operation = null } = (await readApplication(applications, name)) ?? {}
  const isPending = busy && operation?.phase === 'Pending'
  if (isPending && (await isOther(operation.revision))) await applications.sync(name, taken.commit)
}

/** Ends an operation that runs, and waits for its end. */
export async function endRunning(
  ports: SyncPorts,
  name: string,
  isOther: IsOther = () => true,
): Promise<void> {
  const { applications, limit } = ports
  // Not the caller's signal: a move that is stopped takes back what it has begun.
  const { signal } = new AbortController()
  const running = ({ busy, operation }: Application) => busy && operation?.phase !== 'Pending'
  const found = await readApplication(applications, name)
  if (!found || !running(found) || !(await isOther(found.operation?.revision ?? null))) return
  await applications.terminate(name)
  const wait = { isOther, busy: running, timeoutMs: endMs }
  if (await awaitNone({ ...ports, signal }, name, wait)) return
  const seconds = endMs / 1_000
  throw late(name, 'to end the operation that runs', { limit: { ...limit, seconds } })
}

interface NoneOptions {
  busy(application: Application): boolean
  isOther: IsOther
  timeoutMs: number
}

/** Waits until none of the others is busy. false: the time is over. */
async function awaitNone(
  { applications, clock, signal }: SyncPorts,
  name: string,
  { busy, isOther, timeoutMs }: NoneOptions,
): Promise<boolean> {
  /** Whether the operations of a commit are others. */
  const known = new Map<string | null, boolean>()
  const end = clock.monotonic() + timeoutMs
  for (;;) {
    const judge = (found: readonly Application[]): { revision: string | null } | 'none' | null => {
      const application = find(found, name)
      if (!application || !busy(application)) return 'none'
      const { revision = null } = application.operation ?? {}
      const other = known.get(revision)
      if (other === undefined) return { revision }
      return other ? null : 'none'
    }
    const left = end - clock.monotonic()
    const seen = await applications.await(judge, { timeoutMs: left, signal })
    if (seen === null || seen === 'none') return seen !== null
    known.set(seen.revision, await isOther(seen.revision))
  }
}

/** How long Argo CD may take to note the second in which it has compared, before it is asked once more. */
const lookMs = 2_000

/**
 * Asks Argo CD to look, and waits until it has done so. It compares one Application at a time: whatever it had begun has
 * ended by then, and the operation that followed from it is there.
 */
export async function awaitLook(ports: SyncPorts, name: string): Promise<void> {
  const { applications, clock, signal } = ports
  const before = (await readApplication(applications, name))?.comparedAt
  const hasLooked = (found: readonly Application[]): true | null =>
    find(found, name)?.comparedAt === before ? null : true
  const end = clock.monotonic() + waitMs(ports)
  for (let left = waitMs(ports); left > 0; left = end - clock.monotonic()) {
    await applications.refresh(name)
    // Two looks in one second are one.
    const timeoutMs = Math.min(lookMs, left)
    if (await applications.await(hasLooked, { timeoutMs, signal })) return
  }
  throw late(name, 'to compare', ports)
}

/** Asks Argo CD to look at once, and waits until it has compared the cluster with the commit. Returns how it was then. */
export function awaitCompared(ports: SyncPorts, name: string, taken: Taken): Promise<Application> {
  return afterCommit(async () => {
    await ports.applications.refresh(name)
    return settle(ports, name, taken, 'to fetch the commit', ({ compared }) => compared)
  })
}

/** The same, and until no operation runs but one of the commit: one that began before would still write what was there. */
export async function awaitTakenUp(ports: SyncPorts, name: string, taken: Taken): Promise<void> {
  const { busy, operation } = await awaitCompared(ports, name, taken)
  // A second look would say the same: one that begins later follows from the comparison with the commit.
  if (busy && operation?.revision !== taken.commit) await awaitIdle(ports, name, taken)
}

/** What Argo CD says of an operation that it begins when the window opens. */
const blocked = 'blocked by sync window'

/**
 * Waits until the cluster is as the commit says. Fails with Argo CD's own words. `isAsked`: this command has asked for a
 * sync, and it has to succeed although the cluster may be as the commit says before.
 */
export async function awaitSynced(
  ports: SyncPorts,
  name: string,
  taken: Taken,
  isAsked = false,
): Promise<void> {
  const stands = standing(ports.clock)
  let isBlocked = false
  const syncedWith = (application: Application): string | null => {
    const { compared, sync, busy, operation } = application
    isBlocked = busy && (operation?.message ?? '').includes(blocked)
    if (isBlocked) throw unbegun(application, ports)
    if (compared === null || busy) return null
    const { revision = null } = operation ?? {}
    const isBroken = revision === compared && hasFailed(operation)
    if (isBroken && (isAsked || sync !== 'Synced')) throw broken(application)
    if (sync === 'Synced') return compared
    if (stands(`${name} ${compared} ${revision}`, beginMs)) throw unbegun(application, ports)
    return null
  }
  try {
    await afterCommit(() => settle(ports, name, taken, 'to sync the commit', syncedWith))
  } catch (error) {
    // It would begin much later, whatever is wanted by then.
    if (isAsked && isBlocked) await ports.applications.terminate(name)
    throw error
  }
}

/** Git has changed: a refusal would say that nothing was. */
export async function afterCommit<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw afterChange(error)
  }
}

/** Waits until `commitOf` is the commit, or a later one that keeps its files. */
async function settle(
  ports: SyncPorts,
  name: string,
  { commit, isKept, before = null }: Taken,
  what: string,
  commitOf: (application: Application) => string | null,
): Promise<Application> {
  const { applications, clock, signal } = ports
  const others = new Set([before])
  const stands = standing(clock)
  const end = clock.monotonic() + waitMs(ports)
  for (;;) {
    const judge = (found: readonly Application[]): [Application, string] | null => {
      const application = find(found, name)
      if (!application) throw missing(name)
      const [why] = application.complaints
      if (why === undefined) stands('', 0)
      else if (stands(why, complaintMs)) throw complained(name, why)
      const seen = commitOf(application)
      return seen === null || others.has(seen) ? null : [application, seen]
    }
    const timeoutMs = end - clock.monotonic()
    const answer = await applications.await(judge, { timeoutMs, signal })
    if (answer === null) throw late(name, what, ports)
    const [application, seen] = answer
    if (seen === commit || (await isKept(seen))) return application
    others.add(seen)
  }
}

/** Whether the same has stood for a time. */
function standing({ monotonic }: Clock): (what: string, limitMs: number) => boolean {
  let since = { what: '', at: 0 }
  return (what, limitMs) => {
    if (since.what !== what) since = { what, at: monotonic() }
    return monotonic() - since.at >= limitMs
  }
}

/** The Application as it is now. undefined: there is none of that name. */
export async function readApplication(
  applications: Pick<Applications, 'list'>,
  name: string,
): Promise<Application | undefined> {
  return find(await applications.list(), name)
}

export function find(found: readonly Application[], name: string): Application | undefined {
  return found.find((each) => each.name === name)
}

function waitMs({ limit }: SyncPorts): number {
  return limit.seconds * 1_000
}

const again = 'Git has the commit, and Argo CD goes on by itself where it can. '

function missing(name: string): ShopctlError {
  return failed({
    code: 'application-missing',
    message: `Argo CD has no Application ${name} any more.`,
    hint: 'Run `shopctl gitops init`, then this command again.',
  })
}

function late(name: string, what: string, { limit }: Pick<SyncPorts, 'limit'>): ShopctlError {
  return failed({
    code: 'argocd-late',
    message: `Argo CD took more than ${limit.seconds} s ${what}, for ${name}.`,
    hint: `${again}Is its application-controller running? The limit is ${limit.setting}.`,
  })
}

function complained(name: string, why: string): ShopctlError {
  return failed({
    code: 'argocd-error',
    message: `Argo CD cannot sync ${name}: ${why}`,
    hint: `${again}Fix the cause, then run the command again.`,
  })
}

function broken({ name, operation }: Application): ShopctlError {
  const lines = [operation?.message ?? '', ...(operation?.problems ?? [])]
  return failed({
    code: 'sync-failed',
    message: `Argo CD could not sync ${name}: ${lines.join('\n')}`,
    hint: `${again}Fix the cause, then run the command again.`,
  })
}

function unbegun({ name, sync }: Application, { argoNamespace }: SyncPorts): ShopctlError {
  return failed({
    code: 'sync-not-begun',
    message: `Argo CD does not sync ${name}, although it is ${sync}.`,
    hint: `${again}Is a sync window of its project closed? \`kubectl get appproject --namespace ${argoNamespace} --output yaml\` shows them.`,
  })
}
