// What pods count themselves, of their live plane.

/** Counts since a process began, or between two readings. */
export interface Tally {
  /** HTTP requests that were answered, and those of them with 5xx. */
  requests: number
  failedRequests: number
  /** Requests that were answered within so many seconds, by this bound. */
  within: Readonly<Record<string, number>>
  /** Attempts to handle a message, and those of them that failed. */
  attempts: number
  failedAttempts: number
  /** Messages that were parked, by their kind. */
  parked: Readonly<Record<string, number>>
  /** Messages that were consumed for the first time, and the sum of their ages then, in seconds. */
  consumed: number
  ageSum: number
}

export interface PodReading {
  /** Unix time at which the process began. null: it does not say. */
  startedAt: number | null
  tally: Tally
}

export interface PodMetrics {
  /** Whether shopctl.yaml says where the pods of this service have their metrics. */
  isNamed(service: string): boolean
  /** null: the pod does not answer in time, or not with metrics. */
  read(service: string, pod: string): Promise<PodReading | null>
}
