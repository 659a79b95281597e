// What a service has begun and not finished, such as orders. Its pods count it in the database that both slots share.

/** A count for a moment in the past. All times are by the clock of the database. */
export interface OpenWork {
  /** Open now. */
  open: number
  /** What was open at that moment, and which color has finished how much of it since. */
  before: { open: number; finished: Readonly<Record<string, number>> }
  /**
   * Of what was begun since that moment: how much is old enough to be late, finished or not, how much of that is late, how
   * much is open, and how long the oldest of that is open. null: nothing is.
   */
  since: { due: number; late: number; open: number; oldestSeconds: number | null }
}

export interface OpenWorkQuestion {
  /** How long ago that moment is, in seconds. */
  ago: number
  /** After so many seconds, work is late. */
  late: number
}
