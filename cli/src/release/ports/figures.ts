// What Prometheus has of the time of one operation, as a report draws it.
import type { Color } from '../slot.ts'

/** Per second where it counts, seconds where it is a time. Of the live plane. */
export const measures = [
  'requests',
  'failedRequests',
  'requestP50',
  'requestP99',
  'handled',
  'failedAttempts',
  'queued',
  'unacknowledged',
  'unpublishedAge',
  'waitingAge',
  'consumers',
  'epoch',
] as const

export type Measure = (typeof measures)[number]

export interface Point {
  /** Milliseconds since 1970. */
  at: number
  /** null: nothing was measured, or it is no number, such as the p99 of no requests. */
  value: number | null
}

/** One point for each step. */
export interface Line {
  service: string
  /** null: of the service as a whole, such as its queue. */
  color: Color | null
  points: readonly Point[]
}

export interface Figures {
  stepMs: number
  /** Rates and quantiles are over this time before each point. */
  windowMs: number
  /** Only lines with a value. */
  lines: Readonly<Record<Measure, readonly Line[]>>
  /** What it did not answer. */
  unanswered: readonly Measure[]
}

export interface Span {
  from: Date
  to: Date
}
