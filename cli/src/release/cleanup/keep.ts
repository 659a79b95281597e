// How long slots are kept that are live no more; pure.
import { spanMs } from '../../config/span.ts'
import { doneMoves, type Journal, moveOf } from '../record.ts'
import { type NamedSlot, sameTarget } from '../slot.ts'

export interface Keeping {
  /** `keep` of the environment, as `1h`. */
  keep: string
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
  const until = left + spanMs(keeping.keep)
  return until > keeping.now.getTime() ? { ...slot, until: new Date(until).toISOString() } : null
}

/** When a move last left this slot, in milliseconds since 1970. null: the journal has no such move. */
function leftAt(journal: Journal, { name, slot }: NamedSlot): number | null {
  const move = doneMoves(journal).findLast((each) => sameTarget(moveOf(each, name)?.from, slot))
  const at = Date.parse(move?.endedAt ?? move?.startedAt ?? '')
  return Number.isNaN(at) ? null : at
}
