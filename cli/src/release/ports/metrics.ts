// What Prometheus knows of an environment: its alerts, how its slots answer, and how they did.
import type { Figures, Span } from './figures.ts'
import type { Tally } from './pod-metrics.ts'

/** An alert that fires. */
export interface Alert {
  name: string
  /** `critical`, `warning`, … */
  severity: string
  /** What it is about. All four are null if it is about the environment as a whole, or about the cluster. */
  service: string | null
  color: string | null
  version: string | null
  release: string | null
  summary: string
  /** The command to run first. null: its rule names none. */
  command: string | null
  /** ISO 8601, by Prometheus' clock. */
  since: string
}

/** Of the live plane, in the last minute. */
export interface SlotMetrics {
  service: string
  color: string
  version: string
  requestsPerSecond: number
  /** From 0 to 1. null: there were no requests. */
  errorShare: number | null
  /** null: there were no requests. */
  p99Ms: number | null
}

/** Never fails. null: nobody knows, because there is no Prometheus, or because it did not answer. Then it has warned the user. */
export interface Metrics {
  /** The alerts of this environment and of what all environments share, such as a node, that ask for somebody. */
  firing(): Promise<Alert[] | null>
  /** Warns the user if nothing of this environment is read: none of its alerts can fire then. */
  checkCoverage(): Promise<void>
  /** One entry for each slot that reports requests. */
  slots(): Promise<SlotMetrics[] | null>
  /** Of these services. Without a line: it knows nothing of that time. */
  figures(span: Span, services: readonly string[]): Promise<Figures | null>
  /** What the live pods of these services have counted then. Without a service: it knows nothing of it. */
  counted(span: Span, services: readonly string[]): Promise<Record<string, Tally> | null>
  /** Of a PromQL expression of the user, at a time or now: the highest one, where there are several. */
  value(query: string, at?: Date): Promise<{ value: number | null } | null>
}
