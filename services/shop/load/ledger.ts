// What the customers know: which orders the shop has accepted, and how each of them must end.
import type { Outcome, Placement, Step } from './mix.ts'

export interface LedgerEntry {
  readonly placement: Placement
  /** The first answer. Later answers must have the same bytes. */
  answer: string | null
  id: string | null
  /** How the order ended, or null while it is open. */
  outcome: Outcome | null
}

/** Something that must not happen. */
export interface Surprise {
  what: string
  orderId: string | null
  key: string
}

export type Verdict = 'as expected' | 'failed' | 'unexpected'

const wanted = { order: 202, repeat: 202, conflict: 409 }
const recently = 200

export function createLedger() {
  const entries = new Map<string, LedgerEntry>()
  const byId = new Map<string, LedgerEntry>()
  const surprises: Surprise[] = []
  const sent: Placement[] = []
  const accepted: Placement[] = []
  const answered = { repeats: 0, conflicts: 0 }

  const entryOf = (placement: Placement): LedgerEntry => {
    const known = entries.get(placement.key)
    if (known) return known
    const entry = { placement, answer: null, id: null, outcome: null }
    entries.set(placement.key, entry)
    return entry
  }

  const remember = (list: Placement[], placement: Placement): void => {
    if (list.push(placement) > recently) list.shift()
  }

  const surprise = (entry: LedgerEntry, what: string): Verdict => {
    surprises.push({ what, orderId: entry.id, key: entry.placement.key })
    return 'unexpected'
  }

  const accept = (entry: LedgerEntry, text: string): Verdict => {
    if (entry.answer !== null) {
      if (entry.answer === text) return 'as expected'
      return surprise(entry, `the same key and body got another answer: ${text.slice(0, 120)}`)
    }
    const id = /"id":"([0-9a-f-]{36})"/.exec(text)?.[1]
    if (!id) return surprise(entry, `202 without an id: ${text.slice(0, 120)}`)
    if (byId.has(id)) return surprise(entry, `two keys got the same order ${id}`)
    entry.answer = text
    entry.id = id
    byId.set(id, entry)
    remember(accepted, entry.placement)
    return 'as expected'
  }

  return {
    entry: entryOf,
    /** Placements that may be repeated. */
    earlier: { sent, accepted },
    entries: (): Iterable<LedgerEntry> => entries.values(),
    surprises: (): readonly Surprise[] => surprises,
    accepted: (): number => byId.size,
    answered: (): Readonly<typeof answered> => answered,

    sending({ kind, placement }: Step): void {
      entryOf(placement)
      if (kind === 'order') remember(sent, placement)
    },

    /** Judges an answer. After a failure (0 or 5xx) the request is repeated. */
    answer({ kind, placement }: Step, status: number, text: string): Verdict {
      const entry = entryOf(placement)
      if (status === 0 || status >= 500) return 'failed'
      if (status !== wanted[kind])
        return surprise(entry, `${wanted[kind]} expected, got ${status}: ${text.slice(0, 120)}`)
      if (kind === 'conflict') {
        answered.conflicts += 1
        return 'as expected'
      }
      if (kind === 'repeat') answered.repeats += 1
      return accept(entry, text)
    },

    /** Records how an accepted order has ended. */
    settled(entry: LedgerEntry, outcome: Outcome, reason: string | null): void {
      entry.outcome = outcome
      const { expected } = entry.placement
      if (outcome === expected) return
      const why = reason ? ` (${reason})` : ''
      surprise(entry, `${expected} expected, got ${outcome}${why}`)
    },
  }
}

export type Ledger = ReturnType<typeof createLedger>
