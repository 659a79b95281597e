// Around every command: the clock, who runs it, what it shows, its lock and its record.
import type { Journal, Operation, Outcome } from '../record.ts'

export interface Clock {
  now(): Date
  /** Milliseconds since some moment, for durations: no one sets this clock. */
  monotonic(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Who runs a command, and where. */
export interface Operator {
  /** User and host. */
  by: string
  /** The URL of the CI run, null at a laptop. */
  run: string | null
}

export interface Progress {
  /** Announces a step, runs it, and says how it ended and how long it took. `say` replaces the detail shown. */
  step<T>(title: string, run: (say: (detail: string) => void) => Promise<T>): Promise<T>
  note(line: string): void
  warn(line: string): void
}

export interface LockHolder {
  holder: string
  reason: string
  since: string
}

export interface Held {
  /**
   * Aborts when someone else took the lock or may have, say after this process was frozen; its reason is the error of
   * the last renewal that failed.
   */
  lost: AbortSignal
  release(): Promise<void>
}

export interface Lock {
  lockHolder(): Promise<LockHolder | null>
  acquire(reason: string): Promise<Held | LockHolder>
}

/** What happened to an environment. Everything but `read` may fail with a conflict: somebody else was first. */
export interface JournalStore {
  read(): Promise<Journal>
  /**
   * Makes `operation` the open one, in the place of the one that `seen` has open, which is closed as `outcome`.
   * Fails with a conflict when the journal is not as it was seen.
   */
  begin(operation: Operation, seen: Journal, outcome: Outcome | null): Promise<void>
  /** Keeps the ended operation, and leaves nothing open. false: it is not the open one any more. */
  end(operation: Operation): Promise<boolean>
}
