// Reads accepted orders until they have ended. Its rate is too low to be a load.
import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'
import type { createLatencies } from '../../../cli/src/adapters/sender.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import type { Outcome } from './mix.ts'

interface OrderView {
  status: 'placed' | 'reserved' | Outcome
  reason: string | null
  placedAt: string
  settledAt: string | null
}

export interface FollowOptions {
  url: string
  ledger: Ledger
  /** Records the time from placed to settled of confirmed orders. */
  latencies: ReturnType<typeof createLatencies>
  /** The limit while orders are being placed. */
  readsPerSecond: number
}

const youngestMs = 1_000
const againMs = 200
const readers = 2

export function followOrders({ url, ledger, latencies, readsPerSecond }: FollowOptions) {
  const pool = new Pool(url, { connections: readers, headersTimeout: 5_000, bodyTimeout: 5_000 })
  const waiting: { entry: LedgerEntry; notBefore: number }[] = []
  const reading = new Set<LedgerEntry>()
  const sending = new AbortController()
  let finishBy = Number.POSITIVE_INFINITY

  /** Returns false when the order is open, and when the read fails. */
  const hasEnded = async (entry: LedgerEntry): Promise<boolean> => {
    try {
      const answer = await pool.request({ method: 'GET', path: `/orders/${entry.id}` })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) return false
      const { status, reason, placedAt, settledAt } = JSON.parse(text) as OrderView
      if (status === 'placed' || status === 'reserved') return false
      ledger.settled(entry, status, reason)
      if (status === 'confirmed' && settledAt)
        latencies.record(Date.parse(settledAt) - Date.parse(placedAt))
      return true
    } catch {
      return false
    }
  }

  const isDone = (): boolean =>
    sending.signal.aborted &&
    (Date.now() > finishBy || (waiting.length === 0 && reading.size === 0))

  const reader = async (): Promise<void> => {
    while (!isDone()) {
      const next = waiting[0]
      if (next && next.notBefore <= Date.now()) {
        waiting.shift()
        reading.add(next.entry)
        if (!(await hasEnded(next.entry)))
          waiting.push({ entry: next.entry, notBefore: Date.now() + againMs })
        reading.delete(next.entry)
      } else await setTimeout(20)
      if (!sending.signal.aborted) {
        const pauseMs = (readers * 1000) / readsPerSecond
        await setTimeout(pauseMs, undefined, { signal: sending.signal }).catch(() => {})
      }
    }
  }

  const readersAtWork = Array.from({ length: readers }, reader)
  return {
    add(entry: LedgerEntry): void {
      waiting.push({ entry, notBefore: Date.now() + youngestMs })
    },
    /** Reads the open orders without a rate limit, until all have ended or `patienceMs` is over. */
    async finish(patienceMs: number): Promise<void> {
      finishBy = Date.now() + patienceMs
      for (const one of waiting) one.notBefore = 0
      sending.abort()
      await Promise.all(readersAtWork)
      await pool.close()
    },
  }
}
