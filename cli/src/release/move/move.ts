// Moves live traffic and consumers of several services at once and proves it; switch and rollback are both this.
import { failed, interrupted, said } from '../../errors.ts'
import type { Pods } from '../ports/cluster.ts'
import { interruptedOutcome, openMove } from '../record.ts'
import { beginRecording, type Recording, type RecordingPorts } from '../recording.ts'
import { settleAll } from '../settle.ts'
import type { Move, MoveVerb } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'
import type { MovePlan } from './plan-switch.ts'
import { asTarget, type PointerPorts, pointAll, pointBack, pointPreviews } from './pointers.ts'
import { type Recycled, recycle } from './recycle.ts'
import { awaitOutgoing, awaitTakeover, type Takeover } from './takeover.ts'

export interface MovePorts extends RecordingPorts, PointerPorts {
  pods: Pods
  signal: AbortSignal
}

export interface MoveOptions {
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
  /** Services whose old slot is restarted afterwards. */
  recycle: readonly string[]
}

/** What was seen of one service's move, in milliseconds from the first write on. */
export interface Proof extends Move {
  endpointsMs: number
  /** null: its pods do not say what they consume. */
  consumersMs: number | null
  /** Of the gate that the new slot opened; null: nothing consumes, or there is no gate. */
  epoch: number | null
  /** null: the slot that served was not restarted. */
  recycled: Recycled | null
}

export interface Moved {
  release: string
  services: Proof[]
}

/** Throws when a new slot did not take over; a switch has then put every Service back. */
export async function move(
  ports: MovePorts,
  state: EnvironmentState,
  plan: MovePlan,
  options: MoveOptions,
): Promise<Moved> {
  await checkSignal(ports)
  if (plan.moves.length === 0) return closeInterrupted(ports, state)
  const { kind: verb, moves: services } = plan
  const recording = await beginRecording(ports, state, { verb, reason: options.reason, services })
  const proofs = await takeOver(ports, state, plan, recording, options.timeoutMs)
  // From here on the new slots serve: nothing that goes wrong takes traffic away from them.
  for (const line of await outgoing(ports, services)) ports.progress.warn(line)
  await checkOurs(ports, recording)
  await movePreviews(ports, plan)
  await endDone(recording, proofs)
  return { release: idOf(recording), services: await recycleAll(ports, proofs, options.recycle) }
}

function idOf({ operation }: Recording): string {
  return operation.release ?? ''
}

async function takeOver(
  ports: MovePorts,
  state: EnvironmentState,
  plan: MovePlan,
  recording: Recording,
  timeoutMs: number,
): Promise<Proof[]> {
  const versions = new Map<string, string>()
  let started = false
  try {
    await checkSignal(ports)
    started = true
    const from = ports.clock.monotonic()
    await recording.phase('write', () =>
      pointAll(ports, state, plan.moves, idOf(recording), versions),
    )
    return await recording.phase('take over', () =>
      observeTakeover(ports, plan, { from, timeoutMs }),
    )
  } catch (problem) {
    if (plan.kind === 'switch')
      await putBack(ports, plan, recording, started ? versions : null, problem)
    throw problem
  }
}

/** Lets the timers run first: after a freeze it is one of them that finds the lock lost. */
async function checkSignal({ clock, signal }: MovePorts): Promise<void> {
  await clock.sleep(0, signal)
  if (signal.aborted) throw interrupted()
}

/** While this process was frozen, somebody may have taken the lock and gone on from here. */
async function checkOurs({ journal }: MovePorts, recording: Recording): Promise<void> {
  if (!recording.isWritten) return
  // An API server that does not answer just now says nothing of it; the record is written with the same condition.
  if (!(await isOpen(journal, recording).catch(() => true))) throw overtaken(recording)
}

function overtaken(recording: Recording): Error {
  return failed({
    code: 'overtaken',
    message: `The slots of ${idOf(recording)} took over, but somebody else has ended it since.`,
    hint: 'See `shopctl status` for what serves now.',
  })
}

async function isOpen(journal: MovePorts['journal'], { operation }: Recording): Promise<boolean> {
  return (await journal.read()).open?.number === operation.number
}

/** Nothing has to be moved any more: the interrupted operation is closed. */
async function closeInterrupted(ports: MovePorts, state: EnvironmentState): Promise<Moved> {
  const operation = openMove(state.journal)
  if (!operation) return { release: '', services: [] }
  if (operation.verb === 'rollback') await pointPreviews(ports, operation.services)
  const endedAt = ports.clock.now().toISOString()
  await ports.journal.end({ ...operation, endedAt, outcome: interruptedOutcome(operation) })
  return { release: operation.release, services: [] }
}

function observeTakeover(
  { progress, ...ports }: MovePorts,
  { kind, moves }: MovePlan,
  limit: { from: number; timeoutMs: number },
): Promise<Proof[]> {
  return progress.step(`${moves.map(({ name }) => name).join(', ')}: take over`, async () => {
    const takeovers = await settleAll(
      moves.map(async (each) => ({
        ...each,
        recycled: null,
        ...(await awaitTakeover(ports, each.name, asTarget(each.to), limit)),
      })),
    )
    const late = takeovers.filter((each) => each.late !== null)
    if (late.length > 0) throw notTaken(late, kind, moves)
    return takeovers.map(({ late: _, ...proof }) => proof)
  })
}

async function outgoing(ports: MovePorts, moves: readonly Move[]): Promise<string[]> {
  const lines = await Promise.all(
    moves.map(({ name, from }) =>
      awaitOutgoing(ports, name, asTarget(from)).catch((problem) => [
        `${name}: the outgoing slot could not be watched: ${said(problem)}`,
      ]),
    ),
  )
  return lines.flat()
}

function notTaken(late: readonly Takeover[], kind: MoveVerb, moves: readonly Move[]): Error {
  const first = moves.filter(({ from }) => from === null).map(({ name }) => name)
  const back =
    first.length === moves.length
      ? 'Nothing served before, and nothing serves now.'
      : `What served before serves again${first.length > 0 ? `; of ${first.join(', ')} nothing did` : ''}.`
  return failed({
    code: 'not-taken-over',
    message: late.map(({ late }) => late).join('\n'),
    hint:
      kind === 'switch'
        ? `${back} See the logs of these pods.`
        : 'Their Services lead to them all the same. See `shopctl status`, then run `shopctl rollback` again.',
  })
}

async function movePreviews(ports: MovePorts, { kind, moves }: MovePlan): Promise<void> {
  try {
    await pointPreviews(ports, moves)
  } catch (cause) {
    if (kind === 'switch')
      return ports.progress.warn(`a preview Service still leads to another slot: ${said(cause)}`)
    // After a rollback the preview Service still offers the bad slot to the next switch: not done until it is moved.
    throw failed({
      code: 'preview-not-moved',
      message: `The earlier slots serve, but a preview Service still leads to another one: ${said(cause)}`,
      hint: 'Run `shopctl rollback` again: it finishes this one.',
      cause,
    })
  }
}

async function endDone(recording: Recording, proofs: readonly Proof[]): Promise<void> {
  const services = proofs.map(({ name, from, to, endpointsMs, consumersMs, epoch }) => ({
    name,
    from,
    to,
    proof: { endpointsMs, consumersMs, epoch },
  }))
  const end = () => recording.end('done', { services })
  let isOurs = false
  try {
    isOurs = await end().catch(end)
  } catch (cause) {
    const { verb } = recording.operation
    throw failed({
      code: 'not-recorded',
      message: `The slots of ${idOf(recording)} took over, but that could not be recorded: ${said(cause)}`,
      hint:
        verb === 'switch'
          ? 'They serve. See `shopctl status`: if it shows an interrupted switch, `shopctl rollback` goes back.'
          : 'They serve. Run `shopctl rollback` again if `shopctl status` shows an interrupted one.',
      cause,
    })
  }
  if (!isOurs) throw overtaken(recording)
}

/**
 * Puts every Service back that was written, none when `versions` is null. If that fails too, the intent stays open and
 * `rollback` finishes it.
 */
async function putBack(
  ports: MovePorts,
  { moves }: MovePlan,
  recording: Recording,
  versions: ReadonlyMap<string, string> | null,
  problem: unknown,
): Promise<void> {
  try {
    // Somebody else dealt with it while this process was frozen: nothing here is ours any more.
    if (!(await isOpen(ports.journal, recording))) return
    if (versions) {
      await ports.progress.step('put back what was switched', () =>
        recording.phase('put back', () => pointBack(ports, moves, idOf(recording), versions)),
      )
    }
    await recording.end('undone', { error: problem })
  } catch (cause) {
    throw failed({
      code: 'not-put-back',
      message: `${idOf(recording)} failed, and the Services could not be put back: ${said(cause)}`,
      hint: 'Run `shopctl rollback`: it finishes what was begun.',
      cause: problem,
    })
  }
}

async function recycleAll(
  ports: MovePorts,
  proofs: readonly Proof[],
  services: readonly string[],
): Promise<Proof[]> {
  return Promise.all(
    proofs.map(async (proof) => {
      if (!proof.from || !services.includes(proof.name)) return proof
      const recycled = await recycle(ports, proof.name, proof.from).catch((problem) => {
        const line = `${proof.name}: the slot that served was not restarted, its open connections stay: ${said(problem)}`
        ports.progress.warn(line)
        return null
      })
      return { ...proof, recycled }
    }),
  )
}
