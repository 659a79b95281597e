// What there is to say of the watch of the live release. Pure.
import { doneMoves, type Journal } from '../release/record.ts'
import { breachIn } from '../release/watch/conclude.ts'
import { isAlive } from '../release/watch/diary.ts'
import { watchCommand } from '../release/watch/subject.ts'
import { textOf } from '../release/watch/words.ts'
import { commandFor } from './interruption.ts'

export interface WatchStatus {
  release: string
  /** ISO 8601, as `diedAt`. */
  until: string
  /** When its command was seen last. null: it goes on, or has its outcome. */
  diedAt: string | null
  /** The gate that speaks against the release. null: none. */
  breach: string | null
  /** The command that starts it again, or that goes back. null: it goes on. */
  next: string | null
}

/** null: there is none, or it has ended and the release may stay. */
export function watchStatus(journal: Journal, now: Date, env: string): WatchStatus | null {
  const { release, watch } = doneMoves(journal).at(-1) ?? {}
  if (!release || !watch) return null
  const { until, outcome, note, gates, seenAt } = watch
  const known = { release, until, diedAt: null, breach: null, next: null }
  if (outcome === 'breached') {
    const breach = breachIn(gates)
    const next = commandFor(env, 'shopctl rollback')
    return { ...known, breach: breach ? textOf(breach) : (note ?? ''), next }
  }
  if (outcome !== null) return null
  if (isAlive(watch, now)) return known
  return { ...known, diedAt: seenAt, next: commandFor(env, watchCommand(release, watch, now)) }
}
