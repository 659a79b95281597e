// Moves Services to other slots: a commit says so, and Argo CD heals towards it. A write before Argo CD knows the commit
// would be healed back.
import { isConflict, isDenied } from '../../adapters/kubernetes/api.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { failed, said } from '../../errors.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import { type Mover, notTakenBack, type PointerMove } from '../../release/ports/driver.ts'
import type { JournalStore, Progress } from '../../release/ports/session.ts'
import { sameTarget, type Target } from '../../release/slot.ts'
import type { Pointer } from '../../release/state.ts'
import type { MoveInput } from './changes.ts'
import type { Change, Commits } from './commits.ts'
import { servicesFolder } from './layout.ts'
import { servicesApplication } from './manifests.ts'
import type { ConfigState } from './read.ts'
import { awaitCompared, awaitIdle, awaitSynced, readApplication, type SyncPorts } from './sync.ts'

export interface MovePorts extends SyncPorts {
  env: string
  commits: Commits
  objects: Pick<SlotObjects, 'point'>
  observer: Pick<Observer, 'pointer'>
  progress: Progress
  journal: Pick<JournalStore, 'read'>
}

/** The way back waits no longer for an Argo CD that may be down. */
const backSeconds = 10
/** How often a Service may change while it is written. */
const tries = 3

export interface Moved {
  /** The resourceVersion of each Service, in order. */
  versions: string[]
  /** Ends when Argo CD is synced. */
  synced: Promise<void>
}

export async function move(
  ports: MovePorts,
  moves: readonly PointerMove[],
  { mover, onWrite }: { mover: Mover; onWrite: (() => void) | undefined },
): Promise<Moved> {
  const { commits, env } = ports
  const name = servicesApplication(env)
  const isBack = mover === 'rollback' || mover === 'undo'
  const waiting: Waiting = isBack ? patiently(ports) : (wait) => wait(ports)
  const pointers = await Promise.all(moves.map((each) => checkVersion(ports, each)))
  await waiting((limited) => awaitIdle(limited, name))
  let steps: Step[] = []
  try {
    const taken = await commits.write(
      ({ state }) => {
        if (mover === 'switch') checkGit(state, moves)
        const change = changeOf(state, moves, mover)
        steps = (change.moves ?? []).map((each, index) => ({
          was: { ...each, ...(serving(each, pointers[index]) ?? wasIn(state, each)) },
          to: each.to,
        }))
        return change
      },
      { depends: [servicesFolder(env)], cached: true },
    )
    await waiting((limited) => awaitCompared(limited, name, taken))
    // One that began before the comparison would still write the Services as they were.
    await waiting(
      (limited) => awaitIdle(limited, name, taken.commit),
      () => forgetOthers(ports, name, taken.commit),
    )
    onWrite?.()
    const written = await Promise.all(moves.map((each) => write(ports, each)))
    const synced = waiting((limited) => awaitSynced(limited, name, taken))
    // Its error is thrown where it is awaited.
    synced.catch(() => {})
    if (written.includes(false)) await synced
    return { versions: await Promise.all(moves.map((each) => versionOf(ports, each))), synced }
  } catch (error) {
    // Git would still move them, later, when nobody expects it any more. The answer to the push may be lost.
    if (!isBack && steps.length > 0) await takeBack(ports, steps, error)
    throw error
  }
}

/** A Service in git: what it said before, or what serves, and what it is to say. */
interface Step {
  was: MoveInput
  to: Target | null
}

function changeOf(state: ConfigState, moves: readonly PointerMove[], mover: Mover): Change {
  const stable = moves.filter(({ which }) => which === 'stable')
  const shown = (stable.length > 0 ? stable : moves).map((each) => {
    const { to: from } = wasIn(state, each)
    return { service: each.service, from: from?.color ?? null, to: each.to?.color ?? null }
  })
  const operation = stable.length > 0 ? mover : `${mover} (preview)`
  return {
    deed: { operation, moves: shown },
    release: moves[0]?.release ?? null,
    moves: [...moves, ...(mover === 'undo' ? [] : previewsOf(state, stable))],
  }
}

/** Fails if git says something else than the cluster: somebody has moved the Service there. */
function checkGit(state: ConfigState, moves: readonly PointerMove[]): void {
  for (const move of moves) {
    const { to: found } = wasIn(state, move)
    const { from, to } = move
    if (from !== undefined && !sameTarget(found, from) && !sameTarget(found, to))
      throw conflict(move)
  }
}

/** What git said before. */
function wasIn(
  { services }: ConfigState,
  { service, which }: Pick<MoveInput, 'service' | 'which'>,
): Pick<MoveInput, 'to' | 'release'> {
  const { stable = null, preview = null } = services[service] ?? {}
  if (which === 'preview') return { to: preview, release: null }
  return { to: stable, release: stable?.release ?? null }
}

/** What served before. A killed switch may have left git ahead of it. */
function serving(
  { which }: Pick<MoveInput, 'which'>,
  pointer: Pointer | undefined,
): Pick<MoveInput, 'to' | 'release'> | null {
  if (!pointer) return null
  return { to: pointer.target, release: which === 'stable' ? pointer.release : null }
}

/** The preview plane goes along with a slot that becomes live, in the same commit. After an undo, it is still the one to test. */
function previewsOf({ services }: ConfigState, stable: readonly PointerMove[]): MoveInput[] {
  return stable
    .filter(({ service, to }) => to && !sameTarget(services[service]?.preview ?? null, to))
    .map(({ service, to }) => ({ service, which: 'preview', to, release: null }))
}

/** Fails if the Service selects something else by now. Argo CD may have written it, without a change of that. */
async function checkVersion(ports: MovePorts, move: PointerMove): Promise<Pointer> {
  const pointer = await pointerOf(ports, move)
  const { target, resourceVersion } = pointer
  const { from, to } = move
  const isKnown = sameTarget(target, to) || (from !== undefined && sameTarget(target, from))
  if (resourceVersion !== move.resourceVersion && !isKnown) throw conflict(move)
  return pointer
}

async function pointerOf({ observer }: MovePorts, move: PointerMove): Promise<Pointer> {
  const pointer = await observer.pointer(move.service, move.which)
  if (!pointer) throw conflict(move)
  return pointer
}

function conflict({ service, which }: PointerMove): Error {
  return failed({
    code: 'conflict',
    message: `The ${which} Service of ${service} was changed meanwhile.`,
    hint: 'Run `shopctl status`, then run the command again.',
  })
}

/** `otherwise` runs if Argo CD does not answer, and the move goes on all the same. */
type Waiting = (
  wait: (ports: SyncPorts) => Promise<void>,
  otherwise?: () => Promise<void>,
) => Promise<void>

/** Does without Argo CD once that does not answer: git has the commit, so it will find that nothing is to do. */
export function patiently(ports: MovePorts): Waiting {
  const { limit, progress, signal } = ports
  const seconds = Math.min(limit.seconds, backSeconds)
  let isAway = false
  return async (wait, otherwise = async () => {}) => {
    try {
      if (!isAway) return await wait({ ...ports, limit: { ...limit, seconds } })
    } catch (error) {
      if (signal.aborted) throw error
      isAway = true
      progress.warn(`This goes on without Argo CD: ${said(error)}`)
    }
    await otherwise()
  }
}

/** Argo CD, also one that comes back, must not take another commit for the newest one, nor go on with one that it had begun. */
async function forgetOthers(
  { applications, progress }: MovePorts,
  name: string,
  commit: string,
): Promise<void> {
  try {
    await applications.refresh(name)
    const found = await readApplication(applications, name)
    if (found?.busy && found.operation?.revision !== commit) await applications.terminate(name)
  } catch (error) {
    progress.warn(`Argo CD may still move the Services to another slot and back: ${said(error)}`)
  }
}

/** Argo CD would do it too, some 200 ms later. false: it has to. */
export async function write(ports: MovePorts, move: PointerMove): Promise<boolean> {
  let { resourceVersion } = move
  for (let left = tries; left > 0; left--) {
    try {
      await ports.objects.point({ ...move, resourceVersion })
      return true
    } catch (error) {
      if (isDenied(error)) return false
      if (!isConflict(error)) throw error
      const pointer = await pointerOf(ports, move)
      if (sameTarget(pointer.target, move.to)) return true
      if (move.from !== undefined && !sameTarget(pointer.target, move.from)) throw conflict(move)
      resourceVersion = pointer.resourceVersion
    }
  }
  return false
}

/** Argo CD may have written the Service since. */
export async function versionOf(ports: MovePorts, move: PointerMove): Promise<string> {
  const { target, resourceVersion } = await pointerOf(ports, move)
  if (!sameTarget(target, move.to)) throw conflict(move)
  return resourceVersion
}

/** What somebody else has changed since stays. */
async function takeBack(ports: MovePorts, steps: readonly Step[], problem: unknown): Promise<void> {
  const { commits, env } = ports
  const undo = ({ state }: { state: ConfigState }): Change => {
    const ours = steps.filter(({ was, to }) => sameTarget(wasIn(state, was).to, to))
    const moves = ours
      .filter(({ was }) => was.which === steps[0]?.was.which)
      .map(({ was: { service, to: back }, to }) => ({
        ...{ service, from: to?.color ?? null, to: back?.color ?? null },
      }))
    return { deed: { operation: 'undo', moves }, release: null, moves: ours.map(({ was }) => was) }
  }
  try {
    const { commit } = await commits.write(undo, { depends: [servicesFolder(env)] })
    await forgetOthers(ports, servicesApplication(env), commit)
  } catch (error) {
    throw failed({
      code: notTakenBack,
      message: `${said(problem)}\nThe config repo may still say that it moves: ${said(error)}`,
      hint: 'Run `shopctl rollback`: it takes that back.',
      cause: error,
    })
  }
}
