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

export const uncounted = {
  requests: null,
  failures: null,
  tolerated: null,
  limit: null,
  since: null,
} as const
