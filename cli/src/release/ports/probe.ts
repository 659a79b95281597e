// Requests through the edge, at a steady rate, while traffic is moved.

/** One request that ended. Times are milliseconds of `Clock.monotonic`. */
export interface Sample {
  /** When it was due. */
  sentAt: number
  endedAt: number
  /** 0: no answer. `error` has the reason. */
  status: number
  error: string | null
  /** It ended because its time was up. */
  isLate: boolean
  /** Of the slot that answered. null: the answer names none, or there is none. */
  color: string | null
  /** It had a connection of its own. */
  isNew: boolean
  /** The server had closed its kept connection, so it was sent again on a new one. */
  isResent: boolean
}

export interface ProbeRun {
  /** In the order in which they ended. */
  samples: readonly Sample[]
  /** Sends no more, and waits for the requests in flight: no longer than their time limit. */
  stop(): Promise<void>
}

export interface ProbePace {
  /** Requests per second. */
  rate: number
  seconds: number
}

export interface Probe {
  /** The service whose pods answer. */
  service: string
  /** URL with path. */
  address: string
  /** Requests per second. */
  rate: number
  /**
   * Resolves when it sends, within seconds. Sends until `stop`, or until `signal` ends it at once: requests in flight are
   * then no samples. `pace`: at another rate, and for so many seconds.
   */
  start(signal: AbortSignal, pace?: ProbePace): Promise<ProbeRun>
}
