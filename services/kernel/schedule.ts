// Scheduled jobs. They run in the slot that the gate names, in one of its pods at a time.
import type { Draft } from '@shop/events/envelope'
import type { Transaction } from './database.ts'
import { type Fence, GateClosed } from './gate.ts'
import type { Outbox } from './outbox.ts'
import { job as jobSpan, type Tracer } from './spans.ts'
import type { Logger } from './telemetry.ts'

export interface ScheduledJob {
  name: string
  everyMs: number
  /** Changes the database only through `tx`, and returns the events that follow. */
  run(tx: Transaction): Promise<Draft[]>
}

export interface ScheduleDeps {
  jobs: ScheduledJob[]
  outbox: Outbox
  tracer: Tracer
  /** Null while the gate names another slot. */
  fence: () => Fence | null
  logger: Logger
  onGateClosed: () => void
}

const lockClass = 7_317

/** Runs each job every `everyMs`, for the first time after `everyMs`. A job that failed runs again at its next time. */
export function startSchedule(deps: ScheduleDeps): { close(): Promise<void> } {
  const running = new Map<ScheduledJob, Promise<void>>()

  async function runOnce({ name, run }: ScheduledJob, fence: Fence): Promise<void> {
    const span = deps.tracer.start(undefined, () => jobSpan(name))
    const change = async (tx: Transaction) => {
      const [lock] = await tx.query<{ taken: boolean }>(
        'SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS taken',
        [lockClass, name],
      )
      const events = lock?.taken ? await run(tx) : []
      return { result: events.length, events }
    }
    try {
      // Most runs have nothing to do, and leave no span.
      if ((await deps.outbox.commitFenced(fence, span.traceparent, change)) > 0) span.end()
    } catch (error) {
      if (error instanceof GateClosed) deps.onGateClosed()
      else deps.logger.warn({ err: error, job: name }, 'scheduled job failed; it will run again')
    }
  }

  const timers = deps.jobs.map((job) => {
    return setInterval(() => {
      const fence = deps.fence()
      if (!fence || running.has(job)) return
      const run = runOnce(job, fence).finally(() => running.delete(job))
      running.set(job, run)
    }, job.everyMs)
  })

  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running.values())
    },
  }
}
