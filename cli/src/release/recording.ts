// Records one operation: the intent before its first change, the outcome after its last.
import { refused, ShopctlError, said } from '../errors.ts'
import type { Driver } from './ports/driver.ts'
import type { Events } from './ports/events.ts'
import type { Clock, JournalStore, Operator, Progress } from './ports/session.ts'
import {
  idOf,
  interruptedOutcome,
  isMove,
  isMoveVerb,
  type Operation,
  type Outcome,
  releaseNumber,
  type ServiceRecord,
} from './record.ts'
import type { EnvironmentState } from './state.ts'

export interface RecordingPorts {
  driver: Driver
  journal: JournalStore
  clock: Clock
  operator: Operator
  progress: Progress
  events: Events
}

export type Intent = Pick<
  Operation,
  | 'verb'
  | 'reason'
  | 'services'
  | 'combination'
  | 'alerts'
  | 'freeze'
  | 'resumes'
  | 'despiteKeep'
  | 'hooks'
>

interface EndDetail {
  error?: unknown
  services?: ServiceRecord[]
  probed?: Pick<Operation, 'probe' | 'withoutProbe'>
}

/** A running operation. */
export interface Recording {
  operation: Operation
  /** false: the operation runs without a record. */
  isWritten: boolean
  /** Runs one phase and records its time. */
  phase<T>(name: string, run: () => Promise<T>): Promise<T>
  /** false: another command has ended the operation. `services` replaces the services of the intent. */
  end(outcome: Outcome, detail?: EndDetail): Promise<boolean>
  /** Adds what happened after the end. */
  amend(detail: Omit<EndDetail, 'error'>): Promise<void>
}

const errorLength = 4_000

/**
 * Writes the intent. An interrupted operation is closed by the same write. If the write fails, a rollback runs without
 * a record, and so does an unlock, which it may need; every other operation fails before it changes anything.
 */
export async function beginRecording(
  ports: RecordingPorts,
  state: EnvironmentState,
  intent: Intent,
): Promise<Recording> {
  const { journal, clock, progress, events } = ports
  const operation = operationOf(ports, state, intent)
  const { open } = state.journal
  let isWritten = true
  try {
    // What a resumed switch has moved is moved by the new operation, which has all of its services.
    const outcome = intent.resumes === undefined ? open && interruptedOutcome(open) : 'interrupted'
    await journal.begin(operation, state.journal, outcome)
  } catch (error) {
    if (isConflict(error)) throw overtaken()
    if (intent.verb !== 'rollback' && intent.verb !== 'unlock') throw error
    isWritten = false
    progress.warn(`This ${intent.verb} is not recorded: ${said(error)}`)
  }
  ports.driver.begin({ id: idOf(operation), reason: operation.reason })
  events.emit('operation.started', { operation: structuredClone(operation) })
  return {
    operation,
    isWritten,
    async phase(name, run) {
      const startedAt = clock.now().toISOString()
      const from = clock.monotonic()
      try {
        return await run()
      } finally {
        const tookMs = Math.round(clock.monotonic() - from)
        operation.phases.push({ name, startedAt, tookMs })
      }
    },
    async end(outcome, { error, services, probed } = {}) {
      operation.outcome = outcome
      operation.endedAt = clock.now().toISOString()
      operation.error = error === undefined ? null : said(error).slice(0, errorLength)
      if (services) operation.services = services
      Object.assign(operation, probed)
      const isOurs = isWritten ? await journal.end(operation) : true
      if (isOurs) events.emit('operation.ended', { operation: structuredClone(operation) })
      return isOurs
    },
    async amend({ services, probed }) {
      operation.services = services ?? operation.services
      Object.assign(operation, probed)
      if (isWritten) await journal.amend(operation)
    },
  }
}

/** Runs `work` and records it as one operation, with its outcome. */
export async function recorded<T>(
  ports: RecordingPorts & { signal: AbortSignal },
  state: EnvironmentState,
  intent: Intent,
  work: (recording: Recording) => Promise<T>,
): Promise<T> {
  const recording = await beginRecording(ports, state, intent)
  const warn = (problem: unknown): void =>
    ports.progress.warn(`This ${intent.verb} is not recorded: ${said(problem)}`)
  let result: T
  try {
    result = await work(recording)
  } catch (error) {
    // The error of the operation matters more than that of its record.
    await recording.end(ports.signal.aborted ? 'interrupted' : 'failed', { error }).catch(warn)
    throw error
  }
  // The work is done, so a missing record is no failure.
  const end = () => recording.end('done')
  await end().catch(end).catch(warn)
  return result
}

/** Closes the operation that was interrupted, where a command had nothing left to do for all of its services. */
export async function closeDone(
  ports: Pick<RecordingPorts, 'journal' | 'clock' | 'events'>,
  { journal: { open } }: EnvironmentState,
  services: readonly string[],
): Promise<void> {
  if (open?.services.every(({ name }) => services.includes(name)))
    await closeInterrupted(ports, open)
}

export async function closeInterrupted(
  { journal, clock, events }: Pick<RecordingPorts, 'journal' | 'clock' | 'events'>,
  operation: Operation,
): Promise<void> {
  const outcome = interruptedOutcome(operation)
  const ended = { ...operation, endedAt: clock.now().toISOString(), outcome }
  const isOurs = await journal.end(ended)
  // The command that began it was killed before it could emit this event.
  if (isOurs && isMove(ended) && outcome === 'done')
    events.emit('operation.ended', { operation: ended })
}

function operationOf(
  { clock, operator }: RecordingPorts,
  state: EnvironmentState,
  intent: Intent,
): Operation {
  return {
    version: 1,
    number: state.journal.counter.operation + 1,
    release: isMoveVerb(intent.verb) ? `r-${lastRelease(state) + 1}` : null,
    startedAt: clock.now().toISOString(),
    endedAt: null,
    ...operator,
    ...intent,
    phases: [],
    outcome: null,
    error: null,
  }
}

/** A release without a record is still noted on the Services. */
function lastRelease({ journal, services }: EnvironmentState): number {
  const noted = Object.values(services).flatMap(({ stable }) => releaseNumber(stable?.release))
  return Math.max(journal.counter.release, ...noted)
}

function isConflict(problem: unknown): boolean {
  return problem instanceof ShopctlError && problem.code === 'conflict'
}

function overtaken(): Error {
  return refused({
    code: 'conflict',
    message: 'Another command has changed this environment since this one read it.',
    hint: 'Run `shopctl status`, then run the command again.',
  })
}
