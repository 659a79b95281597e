// Moves live traffic and consumers of several services in one operation and checks the result: switch and rollback.
import { failed, interrupted, ShopctlError, said } from '../../errors.ts'
import { podsBeforeRaise } from '../capacity.ts'
import { withKept } from '../kept.ts'
import type { Locked } from '../lock.ts'
import type { Pods } from '../ports/cluster.ts'
import { type Mover, notTakenBack } from '../ports/driver.ts'
import { type Operation, openMove } from '../record.ts'
import {
  beginRecording,
  closeInterrupted,
  type Recording,
  type RecordingPorts,
} from '../recording.ts'
import { settleAll } from '../settle.ts'
import type { Move } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'
import { settleCapacity } from './capacity.ts'
import { withHandovers } from './handover.ts'
import { checkOurs, endDone, idOf, type Proof, recordRestart } from './move-record.ts'
import { openTallies } from './open-work.ts'
import type { MovePlan } from './plan-switch.ts'
import {
  asTarget,
  confirmBack,
  type PointerPorts,
  pointAll,
  pointBack,
  pointPreviews,
} from './pointers.ts'
import type { Probed, Probing } from './probing.ts'
import { recycleAll } from './recycle.ts'
import { awaitOldSlot, awaitTakeover, notTaken } from './takeover.ts'

export interface MovePorts extends RecordingPorts, PointerPorts {
  pods: Pods
}

interface MoveOptions {
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
  /** The services whose old slot is restarted afterwards. */
  recycle: readonly string[]
  /** What a switch goes on in spite of. */
  despite?: Pick<Operation, 'alerts' | 'freeze'>
  /** What has run before it. */
  hooks?: Operation['hooks']
  /** The interrupted switch that this one finishes. */
  resumes?: string
  /** A rollback that does without git. */
  emergency?: boolean
  probing: Probing
}

export interface Moved extends Probed {
  release: string
  services: Proof[]
}

/** Throws if a new slot did not take over. A switch has then put every Service back. */
export async function move(
  ports: MovePorts & Locked,
  state: EnvironmentState,
  plan: MovePlan,
  options: MoveOptions,
): Promise<Moved> {
  await checkSignal(ports)
  if (plan.moves.length === 0) return endInterrupted(ports, state, options)
  const { kind: verb, moves: services } = plan
  const { reason, despite, resumes, hooks, probing } = options
  const moving = services.map((each) => withKept(state.journal, each))
  const before = { ...(resumes && { resumes }), ...(hooks && { hooks }) }
  const intent = { verb, reason, services: moving, ...despite, ...before }
  const recording = await beginRecording(ports, state, intent)
  const { scaled, ...tookOver } = await takeOver(ports, state, plan, recording, options)
  // The new slots are live: no later problem puts the Services back.
  await recording.phase('old slots', async () => {
    const [warnings] = await Promise.all([oldSlots(ports, services), scaled])
    for (const line of warnings) ports.progress.warn(line)
    await ports.driver.settle().catch((error) => ports.progress.warn(said(error)))
  })
  await checkOurs(ports, recording)
  await recording.phase('preview', () => movePreviews(ports, plan, options))
  const probed = await probedSoFar(services, options)
  const proven = await withEvents(ports, tookOver)
  await endDone(recording, proven, probed)
  const restarted = await restartOld(ports, recording, proven, options)
  return { release: idOf(recording), services: restarted, ...probing.probed(services) }
}

/** Asks the pods what became of the events, and of the open work. */
async function withEvents(
  ports: MovePorts,
  { proofs, writtenAt }: Pick<TookOver, 'proofs' | 'writtenAt'>,
): Promise<Proof[]> {
  const [handedOver, tallies] = await Promise.all([
    withHandovers(ports, proofs),
    openTallies(ports, proofs, writtenAt),
  ])
  return handedOver.map((proof, index) => ({ ...proof, ...tallies[index] }))
}

/** Where the old slot is restarted, it answers until then: its last answer is recorded after that. */
async function probedSoFar(
  moves: readonly Move[],
  { probing, recycle }: MoveOptions,
): Promise<Probed> {
  await probing.after()
  const goesOn = recycle.some(probing.asks)
  if (!goesOn) await probing.stop()
  const probed = probing.probed(moves)
  const { probe } = probed
  return goesOn && probe ? { probe: { ...probe, lastOldAnswerMs: null } } : probed
}

interface TookOver {
  proofs: Proof[]
  /** When the first Service was written, by the monotonic clock. */
  writtenAt: number
  /** Ends when the new slots have as many pods as they need. */
  scaled: Promise<void>
}

async function takeOver(
  ports: MovePorts & Locked,
  state: EnvironmentState,
  plan: MovePlan,
  recording: Recording,
  options: MoveOptions,
): Promise<TookOver> {
  const { timeoutMs, probing } = options
  const versions = new Map<string, string>()
  const pointing = { mover: moverOf(plan, options), moves: plan.moves }
  let started = false
  let scaled: Promise<void> | null = null
  try {
    await checkSignal(ports)
    started = true
    let from = ports.clock.monotonic()
    const onWrite = (): void => {
      from = ports.clock.monotonic()
      probing.written(from)
    }
    await recording.phase('write', () =>
      pointAll(ports, state, pointing, idOf(recording), { versions, onWrite }),
    )
    // A rollback is not put back. Its slots may be late because they have too few pods.
    if (plan.kind === 'rollback') scaled = settleCapacity(ports, state, plan.moves)
    const proofs = await recording.phase('take over', () =>
      observeTakeover(ports, state, plan, { from, timeoutMs }),
    )
    probing.tookOver(ports.clock.monotonic())
    return { proofs, writtenAt: from, scaled: scaled ?? settleCapacity(ports, state, plan.moves) }
  } catch (error) {
    await scaled
    if (plan.kind === 'switch' && !isPending(error))
      await putBack(ports, plan, recording, { versions: started ? versions : null, error, probing })
    throw error
  }
}

/** It may still be carried out: its operation stays open. */
function isPending(error: unknown): boolean {
  return error instanceof ShopctlError && error.code === notTakenBack
}

function moverOf({ kind }: MovePlan, { emergency }: MoveOptions): Mover {
  return kind === 'rollback' && emergency ? 'emergency' : kind
}

/** Lets the timers run first: after a freeze, a timer detects that the lock is lost. */
async function checkSignal({ clock, signal }: MovePorts): Promise<void> {
  await clock.sleep(0, signal)
  if (signal.aborted) throw interrupted()
}

/** Nothing has to be moved: closes the interrupted operation. */
async function endInterrupted(
  ports: MovePorts,
  state: EnvironmentState,
  { emergency = false }: MoveOptions,
): Promise<Moved> {
  const operation = openMove(state.journal)
  if (!operation) return { release: '', services: [] }
  if (operation.verb === 'rollback') {
    const mover = emergency ? 'emergency' : 'rollback'
    await pointPreviews(ports, { mover, moves: operation.services })
    await settleCapacity(ports, state, operation.services)
  } else if (!emergency) await confirmBack(ports, state, operation.services, operation.release)
  await closeInterrupted(ports, operation)
  return { release: operation.release, services: [] }
}

function observeTakeover(
  { progress, ...ports }: MovePorts,
  state: EnvironmentState,
  { kind, moves }: MovePlan,
  limit: { from: number; timeoutMs: number },
): Promise<Proof[]> {
  return progress.step(`${moves.map(({ name }) => name).join(', ')}: take over`, async () => {
    const takeovers = await settleAll(
      moves.map(async (each) => ({
        ...each,
        recycled: null,
        ...(await awaitTakeover(ports, each.name, asTarget(each.to), {
          ...limit,
          enough: podsBeforeRaise(state, each),
        })),
      })),
    )
    const late = takeovers.filter((each) => each.late !== null)
    if (late.length > 0) throw notTaken(late, kind, moves, limit.timeoutMs)
    return takeovers.map(({ late: _, latePods: __, ...proof }) => proof)
  })
}

async function oldSlots(ports: MovePorts, moves: readonly Move[]): Promise<string[]> {
  const lines = await Promise.all(
    moves.map(({ name, from }) =>
      awaitOldSlot(ports, name, asTarget(from)).catch((error) => [
        `${name}: the old slot could not be watched: ${said(error)}`,
      ]),
    ),
  )
  return lines.flat()
}

async function movePreviews(ports: MovePorts, plan: MovePlan, options: MoveOptions): Promise<void> {
  try {
    await pointPreviews(ports, { mover: moverOf(plan, options), moves: plan.moves })
  } catch (cause) {
    if (plan.kind === 'switch')
      return ports.progress.warn(`a preview Service still selects another slot: ${said(cause)}`)
    // The preview Service still offers the bad slot to the next switch: the rollback is not done until it is moved.
    throw failed({
      code: 'preview-not-moved',
      message: `The earlier slots are live, but a preview Service still selects another slot: ${said(cause)}`,
      hint: 'Run `shopctl rollback` again: it completes this one.',
      cause,
    })
  }
}

interface Undone {
  /** null: no Service was written. */
  versions: ReadonlyMap<string, string> | null
  error: unknown
  probing: Probing
}

/**
 * Puts back every Service that was written. If that fails, the operation stays open and
 * `rollback` completes it.
 */
async function putBack(
  ports: MovePorts & Locked,
  { moves }: MovePlan,
  recording: Recording,
  { versions, error, probing }: Undone,
): Promise<void> {
  try {
    // While this process was frozen, another command has ended the operation.
    if (!(await ports.journal.isOpen(recording.operation))) return
    if (versions) {
      await ports.progress.step('put back what was switched', () =>
        recording.phase('put back', () => pointBack(ports, moves, idOf(recording), versions)),
      )
    }
    await recording.end('undone', { error, probed: probing.probed(moves) })
  } catch (cause) {
    throw failed({
      code: 'not-put-back',
      message: `${idOf(recording)} failed, and the Services could not be put back: ${said(cause)}`,
      hint: 'Run `shopctl rollback`: it puts them back.',
      cause: error,
    })
  }
}

async function restartOld(
  ports: MovePorts,
  recording: Recording,
  proofs: Proof[],
  { recycle, probing }: MoveOptions,
): Promise<Proof[]> {
  const isRestarted = proofs.some(({ name, from }) => from && recycle.includes(name))
  if (!isRestarted) {
    await probing.stop()
    return proofs
  }
  const restarted = await recording.phase('restart', () => recycleAll(ports, proofs, recycle))
  await probing.stop()
  await recordRestart(ports, recording, restarted, probing.probed(proofs))
  return restarted
}
