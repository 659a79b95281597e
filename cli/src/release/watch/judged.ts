// What a gate has judged, as the journal keeps it. Pure.
import type { GateRecord } from '../watch-record.ts'
import { type Gate, judge, type Second } from './gate.ts'
import { verdictText } from './words.ts'

export type Judged = Omit<GateRecord, 'gate' | 'service' | 'mode'>

export function judgedCounts(
  gate: Gate,
  seconds: readonly Second[],
  words: Parameters<typeof verdictText>[1],
): Judged {
  const verdict = judge(gate, seconds)
  const { outcome, requests, failures, tolerated, limit, since } = verdict
  return {
    outcome,
    requests,
    failures,
    tolerated,
    limit,
    since: since === null ? null : new Date(since * 1_000).toISOString(),
    what: verdictText(verdict, words),
  }
}

/** Seconds without figures that are no reason to say so. */
export const patience = 10

/** When the figures of a gate were read. Times are unix time, in seconds. */
interface Read {
  beganAt: number
  /** null: never. */
  readAt: number | null
}

/** The verdict, as long as its figures are read. `words`: for those that never were, and for those that are no more. */
export function whileRead(
  verdict: Judged,
  { beganAt, readAt }: Read,
  now: number,
  words: { never: string; noMore: string },
): Judged {
  // A breach stays one.
  if (now - (readAt ?? beganAt) <= patience || verdict.outcome === 'breach') return verdict
  const what = readAt === null ? words.never : `${words.noMore}. Before: ${verdict.what}`
  return { ...verdict, outcome: 'unread', what }
}

export const uncounted = {
  requests: null,
  failures: null,
  tolerated: null,
  limit: null,
  since: null,
} as const
