// Moves Services to other slots: a commit says so, and Argo CD heals towards it. A write before Argo CD knows the commit
// would be healed back.
import { isConflict, isDenied } from '../../adapters/kubernetes/api.ts'
import type { Application } from '../../adapters/kubernetes/applications.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { afterChange, failed, interrupted } from '../../errors.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import type { Mover, PointerMove } from '../../release/ports/driver.ts'
import type { JournalStore } from '../../release/ports/session.ts'
import { sameTarget } from '../../release/slot.ts'
import type { Pointer } from '../../release/state.ts'
import type { MoveInput } from './changes.ts'
import type { Change } from './commits.ts'
import { servicesFolder } from './layout.ts'
import { gitDiffers, type Mismatch } from './live.ts'
import { servicesApplication } from './manifests.ts'
import { claim, type Waiting } from './patience.ts'
import type { ConfigState } from './read.ts'
import { awaitIdle, awaitSynced, awaitTakenUp, find, type SyncPorts } from './sync.ts'
import { type Step, saidIn, type TakeBackPorts, takeBack } from './take-back.ts'

export interface MovePorts extends TakeBackPorts {
  objects: Pick<SlotObjects, 'point'>
  observer: Pick<Observer, 'pointer'>
  journal: Pick<JournalStore, 'read'>
}

/** How often a Service may change while it is written. */
const tries = 3

export interface Moved {
  /** The resourceVersion of each Service, in order. */
  versions: string[]
  /** Ends when Argo CD is synced. */
  synced: Promise<void>
}

interface MoveOptions {
  mover: Mover
  /** Argo CD's Applications, as they were just now. */
  found: readonly Application[]
  /** Of each move, what `checkVersion` has returned. */
  pointers: readonly Pointer[]
  waiting: Waiting
  onWrite?: (() => void) | undefined
}

export async function move(
  ports: MovePorts,
  moves: readonly PointerMove[],
  { mover, found, pointers, waiting, onWrite }: MoveOptions,
): Promise<Moved> {
  const { commits, env, signal } = ports
  const name = servicesApplication(ports)
  const isBack = mover === 'rollback' || mover === 'undo'
  const { busy = false, compared: before = null } = find(found, name) ?? {}
  let isIdle = false
  const idle = (busy ? waiting((limited) => awaitIdle(limited, name)) : Promise.resolve()).then(
    () => {
      isIdle = true
    },
  )
  // Its error is thrown where it is awaited.
  idle.catch(() => {})
  let steps: Step[] = []
  let isPushed = false
  try {
    const written = await commits.write(
      ({ state }) => {
        if (mover === 'switch') checkGit(state, moves, pointers)
        const change = changeOf(state, moves, mover)
        steps = (change.moves ?? []).map((each, index) => ({
          was: { ...each, ...(serving(each, pointers[index]) ?? saidIn(state, each)) },
          is: each,
        }))
        return change
      },
      {
        depends: [servicesFolder(env)],
        after: idle,
        signal,
        onUnwritten: () => {
          steps = []
        },
      },
    )
    isPushed = true
    // A commit that was just made is in nothing that was compared before.
    const taken = written.changed.length > 0 ? { ...written, before } : written
    await waiting(
      (limited) => awaitTakenUp(limited, name, taken),
      () => claim(ports, name, taken),
    )
    await checkSignal(ports)
    onWrite?.()
    const done = await Promise.all(moves.map((each) => write(ports, each)))
    const synced = waiting((limited) => awaitSynced(limited, name, taken))
    // Its error is thrown where it is awaited.
    synced.catch(() => {})
    if (done.some((each) => each !== 'written')) await synced
    if (done.includes('denied')) await checkCarriedOut(ports, moves)
    return { versions: await Promise.all(moves.map((each) => versionOf(ports, each))), synced }
  } catch (error) {
    // Git would still move them, later, when nobody expects it any more. The answer to the push may be lost.
    if (!isBack && isIdle && steps.length > 0) await takeBack(ports, steps, error)
    throw isPushed ? afterChange(error) : error
  }
}

function changeOf(state: ConfigState, moves: readonly PointerMove[], mover: Mover): Change {
  const stable = moves.filter(({ which }) => which === 'stable')
  const shown = (stable.length > 0 ? stable : moves).map((each) => {
    const { to: from } = saidIn(state, each)
    return { service: each.service, from: from?.color ?? null, to: each.to?.color ?? null }
  })
  const operation = stable.length > 0 ? mover : `${mover} (preview)`
  return {
    deed: { operation, moves: shown },
    release: moves[0]?.release ?? null,
    moves: [...moves, ...(mover === 'undo' ? [] : previewsOf(state, stable))],
  }
}

/** Refused if git says something else than the cluster: somebody has moved the Service there. */
function checkGit(
  state: ConfigState,
  moves: readonly PointerMove[],
  pointers: readonly Pointer[],
): void {
  const differences = moves.flatMap((move, index): Mismatch[] => {
    const { to: target, release } = saidIn(state, move)
    const cluster = pointers[index]
    const { from, to, service } = move
    if (!cluster || from === undefined) return []
    // A Service may select a slot that is gone: nothing serves, and git says the same.
    if (sameTarget(target, cluster.target) || sameTarget(target, to)) return []
    return [{ service, git: { target, release }, cluster }]
  })
  if (differences.length > 0) throw gitDiffers(differences)
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
export async function checkVersion(ports: MovePorts, move: PointerMove): Promise<Pointer> {
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

export function conflict({ service, which }: PointerMove): Error {
  return failed({
    code: 'conflict',
    message: `The ${which} Service of ${service} was changed meanwhile.`,
    hint: 'Run `shopctl status`, then run the command again.',
  })
}

/** Lets the timers run first: after a freeze, one of them finds that the lock is lost. */
export async function checkSignal({ clock, signal }: SyncPorts): Promise<void> {
  await clock.sleep(0, signal)
  if (signal.aborted) throw interrupted()
}

/** `denied`: this user may not. `conflict`: others changed the Service each time. */
export type Outcome = 'written' | 'denied' | 'conflict'

/** Argo CD would do it too, some 200 ms later. */
export async function write(ports: MovePorts, move: PointerMove): Promise<Outcome> {
  let { resourceVersion } = move
  for (let left = tries; left > 0; left--) {
    // Another command may move the same Service by now.
    if (ports.signal.aborted) throw interrupted()
    const outcome = await point(ports, { ...move, resourceVersion })
    if (outcome !== 'conflict') return outcome
    const pointer = await pointerOf(ports, move)
    if (sameTarget(pointer.target, move.to)) return 'written'
    if (move.from !== undefined && !sameTarget(pointer.target, move.from)) throw conflict(move)
    resourceVersion = pointer.resourceVersion
  }
  return 'conflict'
}

async function point({ objects }: MovePorts, move: PointerMove): Promise<Outcome> {
  try {
    await objects.point(move)
    return 'written'
  } catch (error) {
    if (isDenied(error)) return 'denied'
    if (isConflict(error)) return 'conflict'
    throw error
  }
}

/** Fails if Argo CD has not written the Services, which this user may not. A rollback does not wait for it. */
async function checkCarriedOut(ports: MovePorts, moves: readonly PointerMove[]): Promise<void> {
  const pointers = await Promise.all(moves.map((each) => pointerOf(ports, each)))
  if (moves.every(({ to }, index) => sameTarget(pointers[index]?.target ?? null, to))) return
  throw failed({
    code: 'not-carried-out',
    message:
      'Git has it, but Argo CD does not answer, and your account may not change the Services.',
    hint: 'Argo CD carries it out when it is back. A deployer need not wait for it.',
  })
}

/** Argo CD may have written the Service since. */
export async function versionOf(ports: MovePorts, move: PointerMove): Promise<string> {
  const { target, resourceVersion } = await pointerOf(ports, move)
  if (!sameTarget(target, move.to)) throw conflict(move)
  return resourceVersion
}
