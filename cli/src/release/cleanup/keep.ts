// How long slots are kept that are live no more; pure.
import { spanMs } from '../../config/span.ts'
import { doneMoves, type Journal, moveOf } from '../record.ts'
import { type NamedSlot, sameTarget } from '../slot.ts'
import { isAlive } from '../watch/diary.ts'

/** A watch with too few requests goes on after its time. */
const aMinute = 60_000

export interface Keeping {
  /** `keep` of the environment, as `1h`. null: it sets none. */
  keep: string | null
  now: Date
}

export interface Kept extends NamedSlot {
  /** When its time is over: ISO 8601. */
  until: string
}

/** `keeping` null: slots are not kept. Returns null for one that may go. What was never live is no way back, so it may go at once. */
export function keptUntil(journal: Journal, slot: NamedSlot, keeping: Keeping | null): Kept | null {
  const left = leftAt(journal, slot)
  if (keeping === null || left === null) return null
  const { keep, now } = keeping
  const until = Math.max(keep === null ? 0 : left + spanMs(keep), watchedUntil(journal, slot, now))
  return until > now.getTime() ? { ...slot, until: new Date(until).toISOString() } : null
}

/** A watch may have to go back to this slot, in milliseconds since 1970. 0: none. */
function watchedUntil(journal: Journal, { name, slot }: NamedSlot, now: Date): number {
  const last = doneMoves(journal).at(-1)
  if (!last?.watch || !isAlive(last.watch, now)) return 0
  if (!sameTarget(moveOf(last, name)?.from, slot)) return 0
  return Math.max(Date.parse(last.watch.until), now.getTime() + aMinute)
}

/** When a move last left this slot, in milliseconds since 1970. null: the journal has no such move. */
function leftAt(journal: Journal, { name, slot }: NamedSlot): number | null {
  const move = doneMoves(journal).findLast((each) => sameTarget(moveOf(each, name)?.from, slot))
  const at = Date.parse(move?.endedAt ?? move?.startedAt ?? '')
  return Number.isNaN(at) ? null : at
}
