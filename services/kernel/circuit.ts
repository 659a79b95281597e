// Remembers that the database is away, so that nobody waits for a connection meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './telemetry.ts'

export interface Circuit {
  /** Throws while the database is known to be away. */
  pass(): void
  /** The result of `work`. Rejects when it becomes known first that the database is away. */
  unlessAway<T>(work: Promise<T>): Promise<T>
  /** Call it when a connection takes long, or has failed. Opens the circuit if the probe fails too. */
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
  /** Rejects the promises that wait for their work. */
  const waiting = new Set<(reason: Error) => void>()
  let probing = false
  let closed = false

  function open(reason: Error): void {
    if (away || closed) return
    logger.warn({ err: reason }, 'the database is away')
    away = reason
    for (const reject of waiting) reject(reason)
  }

  async function probeUntilBack(): Promise<void> {
    if (probing) return
    probing = true
    await probe().then(restore, open)
    while (away && !closed) {
      await sleep(probeEveryMs, undefined, { ref: false })
      await probe().then(restore, open)
    }
    probing = false
  }

  function restore(): void {
    if (!away) return
    logger.info('the database is back')
    away = null
  }

  return {
    pass() {
      if (away) throw away
    },
    async unlessAway<T>(work: Promise<T>) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      if (away) reject(away)
      waiting.add(reject)
      work.then(resolve, reject)
      try {
        return await promise
      } finally {
        waiting.delete(reject)
      }
    },
    doubt: () => void probeUntilBack(),
    close() {
      closed = true
    },
  }
}
