// Moves live traffic and consumers of several services at once and proves it; switch and rollback are both this.
import { failed, interrupted } from '../errors.ts'
import { close, closed, recordIntent } from './operation.ts'
import type { MovePlan } from './plan.ts'
import type { Clock, Cluster, Progress } from './ports.ts'
import { settleAll } from './settle.ts'
import {
  type EnvironmentState,
  type Move,
  type MoveVerb,
  type Operation,
  type Side,
  sameTarget,
  type Target,
  targetOf,
} from './state.ts'
import { awaitOutgoing, awaitTakeover, type Takeover } from './takeover.ts'

export interface MovePorts {
  cluster: Cluster
  progress: Progress
  clock: Clock
  signal: AbortSignal
}

export interface MoveOptions {
  by: string
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
}

/** What was seen of one service's move, in milliseconds after the write of its Service. */
export interface Proof extends Move {
  endpointsMs: number
  consumersMs: number
  /** Of the gate that the new slot opened; null: nothing consumes. */
  epoch: number | null
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
  const operation = await recordIntent(ports, state, plan, options)
  const services = await takeOver(ports, state, plan, operation, options.timeoutMs)
  // From here on the new slots serve: nothing that goes wrong takes traffic away from them.
  const { progress } = ports
  for (const line of await outgoing(ports, operation.services)) progress.warn(line)
  await checkOurs(ports, operation)
  try {
    await pointPreviews(ports, operation.services)
  } catch (problem) {
    // After a rollback the preview Service still offers the bad slot to the next switch: not done until it is moved.
    if (operation.verb === 'rollback') throw previewNotMoved(problem)
    progress.warn(`a preview Service still leads to another slot: ${said(problem)}`)
  }
  await closeDone(ports, operation)
  return { release: operation.id, services }
}

async function takeOver(
  ports: MovePorts,
  state: EnvironmentState,
  plan: MovePlan,
  operation: Operation,
  timeoutMs: number,
): Promise<Proof[]> {
  let versions: Map<string, string> | null = null
  try {
    await checkSignal(ports)
    versions = new Map()
    await pointAll(ports, state, operation, versions)
    return await observe(ports, plan, timeoutMs)
  } catch (problem) {
    if (plan.kind === 'switch') await putBack(ports, operation, versions, problem)
    throw problem
  }
}

/** Lets the timers run first: after a freeze it is one of them that finds the lock lost. */
async function checkSignal({ clock, signal }: MovePorts): Promise<void> {
  await clock.sleep(0, signal)
  if (signal.aborted) throw interrupted()
}

/** While this process was frozen, somebody may have taken the lock and gone on from here. */
async function checkOurs({ cluster }: MovePorts, operation: Operation): Promise<void> {
  if ((await cluster.read()).records.operation?.id === operation.id) return
  throw failed({
    code: 'overtaken',
    message: `The slots of ${operation.id} took over, but somebody else has ended it since.`,
    hint: 'See `shopctl status` for what serves now.',
  })
}

function previewNotMoved(cause: unknown): Error {
  return failed({
    code: 'preview-not-moved',
    message: `The earlier slots serve, but a preview Service still leads to another one: ${said(cause)}`,
    hint: 'Run `shopctl rollback` again: it finishes this one.',
    cause,
  })
}

function said(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem)
}

async function closeInterrupted(ports: MovePorts, state: EnvironmentState): Promise<Moved> {
  const { cluster } = ports
  const { operation } = state.records
  if (operation?.verb === 'rollback') await pointPreviews(ports, operation.services)
  await cluster.updateRecords((now) => ({
    ...now,
    history: now.operation ? closed(now.history, now.operation) : now.history,
    operation: null,
  }))
  return { release: operation?.id ?? '', services: [] }
}

/** Notes in `versions` the resourceVersion after each write, by service. */
async function pointAll(
  { cluster }: MovePorts,
  state: EnvironmentState,
  operation: Operation,
  versions: Map<string, string>,
): Promise<void> {
  await settleAll(
    operation.services.map(async ({ name, to }) => {
      const resourceVersion = state.services[name]?.stable?.resourceVersion ?? ''
      versions.set(name, await cluster.point(name, 'stable', asTarget(to), resourceVersion))
    }),
  )
}

function asTarget(side: Side | null): Target | null {
  return side && targetOf(side)
}

function observe(
  { progress, ...ports }: MovePorts,
  { kind, moves }: MovePlan,
  timeoutMs: number,
): Promise<Proof[]> {
  const from = ports.clock.monotonic()
  return progress.step(`${moves.map(({ name }) => name).join(', ')}: take over`, async () => {
    const takeovers = await settleAll(
      moves.map(({ name, to }) => awaitTakeover(ports, name, asTarget(to), { from, timeoutMs })),
    )
    const late = takeovers.filter((each) => each.late !== null)
    if (late.length > 0) throw notTaken(late, kind)
    return moves.map((each, index) => ({
      ...each,
      endpointsMs: takeovers[index]?.endpointsMs ?? 0,
      consumersMs: takeovers[index]?.consumersMs ?? 0,
      epoch: takeovers[index]?.epoch ?? null,
    }))
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

function notTaken(late: readonly Takeover[], kind: MoveVerb): Error {
  return failed({
    code: 'not-taken-over',
    message: late.map(({ late }) => late).join('\n'),
    hint:
      kind === 'switch'
        ? 'What served before serves again. See the logs of these pods.'
        : 'Their Services lead to them all the same. See `shopctl status`, then run `shopctl rollback` again.',
  })
}

async function pointPreviews({ cluster }: MovePorts, moves: readonly Move[]): Promise<void> {
  await settleAll(
    moves.map(async ({ name, to }) => {
      const pointer = await cluster.pointer(name, 'preview')
      if (pointer && to) await cluster.point(name, 'preview', asTarget(to), pointer.resourceVersion)
    }),
  )
}

async function closeDone(ports: MovePorts, operation: Operation): Promise<void> {
  const again = (): Promise<void> => close(ports, operation, 'done')
  try {
    await again().catch(again)
  } catch (cause) {
    throw failed({
      code: 'not-recorded',
      message: `The slots of ${operation.id} took over, but that could not be recorded: ${said(cause)}`,
      hint:
        operation.verb === 'switch'
          ? 'They serve. See `shopctl status`: if it shows an interrupted switch, `shopctl rollback` goes back.'
          : 'They serve. Run `shopctl rollback` again if `shopctl status` shows an interrupted one.',
      cause,
    })
  }
}

/** Puts every Service back that was written, none when `versions` is null; if that fails too, the intent stays and `rollback` finishes it. */
async function putBack(
  ports: MovePorts,
  operation: Operation,
  versions: ReadonlyMap<string, string> | null,
  problem: unknown,
): Promise<void> {
  const { cluster, progress } = ports
  try {
    // Somebody else dealt with it while this process was frozen: nothing here is ours any more.
    if ((await cluster.read()).records.operation?.id !== operation.id) return
    if (!versions) return await close(ports, operation, 'undone')
    await progress.step('put back what was switched', async () => {
      await settleAll(
        operation.services.map(async ({ name, from, to }) => {
          const version =
            versions.get(name) ?? (await versionIfWritten(cluster, name, asTarget(to)))
          if (version) await cluster.point(name, 'stable', asTarget(from), version)
        }),
      )
      await close(ports, operation, 'undone')
    })
  } catch (cause) {
    throw failed({
      code: 'not-put-back',
      message: `${operation.id} failed, and the Services could not be put back: ${said(cause)}`,
      hint: 'Run `shopctl rollback`: it finishes what was begun.',
      cause: problem,
    })
  }
}

/** A write whose answer was lost may have been carried out. */
async function versionIfWritten(
  cluster: Cluster,
  name: string,
  to: Target | null,
): Promise<string | null> {
  const pointer = await cluster.pointer(name, 'stable')
  return pointer && sameTarget(pointer.target, to) ? pointer.resourceVersion : null
}
