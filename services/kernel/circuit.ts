// Remembers that the database is away, so that nobody waits for a connection meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './telemetry.ts'

export interface Circuit {
  /** Throws while the database is known to be away. */
  pass(): void
  /** Rejects when it becomes known that the database is away. */
  opened(): Promise<never>
  /** Call it when a connection failed. Opens the circuit at once. */
  open(reason: Error): void
  /** Call it when a connection takes long. Opens the circuit if the database does not answer. */
  doubt(): void
  close(): void
}

export interface CircuitDeps {
  /** Connects to the database, and rejects when it is away. */
  probe: () => Promise<void>
  logger: Logger
}

const probeEveryMs = 500

/** While the database is away, it is probed until it is back. */
export function createCircuit({ probe, logger }: CircuitDeps): Circuit {
  let away: Error | null = null
  let opening = newOpening()
  let probing = false
  let closed = false

  function open(reason: Error): void {
    if (away || closed) return
    logger.warn({ err: reason }, 'the database is away')
    away = reason
    opening.reject(reason)
    void untilBack(probeEveryMs)
  }

  async function untilBack(waitMs: number): Promise<void> {
    if (probing) return
    probing = true
    do {
      await sleep(waitMs, undefined, { ref: false })
      await probe().then(restore, open)
      waitMs = probeEveryMs
    } while (away && !closed)
    probing = false
  }

  function restore(): void {
    if (!away) return
    logger.info('the database is back')
    away = null
    opening = newOpening()
  }

  return {
    pass() {
      if (away) throw away
    },
    opened: () => opening.promise,
    open,
    doubt: () => void untilBack(0),
    close() {
      closed = true
    },
  }
}

function newOpening(): PromiseWithResolvers<never> {
  const opening = Promise.withResolvers<never>()
  // Nobody may be waiting.
  opening.promise.catch(() => {})
  return opening
}
