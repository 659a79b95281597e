// What every command uses: clock, operator, progress, lock and journal.
import type { Journal, Operation, Outcome } from '../record.ts'

export interface Clock {
  now(): Date
  /** Milliseconds of a clock that is never set, for durations. */
  monotonic(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The user that runs the command. */
export interface Operator {
  /** User and host. */
  by: string
  /** The URL of the CI run. null: not run by CI. */
  run: string | null
}

export interface Progress {
  /** Shows a step while it runs, then its result and duration. `say` sets the detail that is shown. */
  step<T>(title: string, run: (say: (detail: string) => void) => Promise<T>): Promise<T>
  note(line: string): void
  warn(line: string): void
}

/**
 * Says that a value is a secret of this run, before anything can print it: what keeps the log hides it from then on. Each
 * password, key and token that shopctl obtains or reads goes through it.
 */
export type Mask = (value: string) => void

export interface LockHolder {
  /** User and host; of a command, its process too. */
  holder: string
  /** The URL of the CI run. null: not run by CI. */
  run: string | null
  reason: string
  /** ISO 8601, in UTC. */
  since: string
  /** Made by `shopctl lock`: it stands until `shopctl unlock`. false: a command holds it while it runs. */
  byHand: boolean
}

export interface Held {
  /**
   * Aborts when the lock is lost: another command may hold it, for example after this process was frozen. The reason
   * of the signal is the error of the last failed renewal.
   */
  lost: AbortSignal
  /** The lock by hand that stood when this one was taken. */
  byHand: LockHolder | null
  /** Makes a lock by hand, which `release` leaves. */
  lockByHand(reason: string): Promise<LockHolder>
  /** Ends the lock by hand. */
  unlockByHand(): Promise<void>
  release(): Promise<void>
}

export interface Lock {
  lockHolder(): Promise<LockHolder | null>
  /** `despiteByHand`: takes it although a lock by hand stands, which stays. */
  acquire(reason: string, options?: { despiteByHand?: boolean }): Promise<Held | LockHolder>
}

/** The journal of an environment. A write fails with a conflict if another command has written since. */
export interface JournalStore {
  read(): Promise<Journal>
  /** The last numbers in use. Cheaper than `read`. */
  counter(): Promise<Journal['counter']>
  /** Whether the operation is the open one. Cheaper than `read`. */
  isOpen(operation: Operation): Promise<boolean>
  /**
   * Makes `operation` the open one, and closes the one that is open in `seen` with `outcome`. Fails with a conflict if
   * the journal has changed since `seen` was read.
   */
  begin(operation: Operation, seen: Journal, outcome: Outcome | null): Promise<void>
  /** Closes the operation. false: it is no longer the open one. */
  end(operation: Operation): Promise<boolean>
  /** Writes the record of an ended operation again. Does nothing if there is none any more. */
  amend(operation: Operation): Promise<void>
}
