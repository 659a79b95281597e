// Work by the clock: done by the slot behind the gate alone, and by one of its pods at a time.
import type { Draft } from '@shop/events/envelope'
import type { Transaction } from './database.ts'
import { type Fence, GateClosed } from './gate.ts'
import type { Outbox } from './outbox.ts'
import { continueTrace, type Logger } from './telemetry.ts'

export interface ClockworkItem {
  name: string
  everyMs: number
  /** Has its effects by `tx` alone, and returns the events that follow from them. */
  run(tx: Transaction): Promise<Draft[]>
}

export interface ClockworkDeps {
  items: ClockworkItem[]
  outbox: Outbox
  /** null while the gate is another's. */
  fence: () => Fence | null
  logger: Logger
  onGateClosed: () => void
}

const lockClass = 7_317

/** Starts at once; what fails is tried again the next time. */
export function startClockwork(deps: ClockworkDeps): { close(): Promise<void> } {
  const running = new Set<Promise<void>>()

  async function work({ name, run }: ClockworkItem, fence: Fence): Promise<void> {
    const once = async (tx: Transaction) => {
      const [lock] = await tx.query<{ taken: boolean }>(
        'SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS taken',
        [lockClass, name],
      )
      return { result: undefined, events: lock?.taken ? await run(tx) : [] }
    }
    try {
      await deps.outbox.transaction(continueTrace(undefined), once, fence)
    } catch (error) {
      if (error instanceof GateClosed) deps.onGateClosed()
      else deps.logger.warn({ err: error, name }, 'work by the clock failed; it will be repeated')
    }
  }

  const timers = deps.items.map((item) => {
    let busy = false
    return setInterval(() => {
      const fence = deps.fence()
      if (!fence || busy) return
      busy = true
      const one = work(item, fence).finally(() => {
        busy = false
        running.delete(one)
      })
      running.add(one)
    }, item.everyMs)
  })

  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running)
    },
  }
}
