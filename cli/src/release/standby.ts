// What stands on standby: where a rollback goes back to, and what was never live; pure.
import { doneMoves, type Journal, lastMoveOf, moveOf } from './record.ts'
import { type Color, type Side, sameTarget, type Target } from './slot.ts'
import type { EnvironmentState } from './state.ts'

interface WayBack {
  service: string
  side: Side
  /** The release that made it live. null: the journal does not have it any more. */
  release: string | null
}

/** Where `shopctl rollback` would take a service. null: it would be refused. */
export function wayBackOf({ services, journal }: EnvironmentState, name: string): WayBack | null {
  const moves = doneMoves(journal)
  const last = lastMoveOf(journal, name)
  const side = last?.verb === 'switch' ? moveOf(last, name)?.from : null
  if (!side || !sameTarget(services[name]?.slots[side.color], side)) return null
  const { release = null } =
    moves.findLast((move) => sameTarget(moveOf(move, name)?.to, side)) ?? {}
  return { service: name, side, release }
}

/** `order blue 6c9086eb (r-1)` */
function wayBackText({ service, side, release }: WayBack): string {
  const slot = `${service} ${side.color} ${side.version}`
  return release ? `${slot} (${release})` : slot
}

/** One line for each way back that is lost when these slots are written or deleted. `does`: `deploy writes over`. */
export function lostWaysBack(
  state: EnvironmentState,
  does: string,
  slots: readonly { service: string; color: Color }[],
): string[] {
  return slots.flatMap(({ service, color }) => {
    const way = wayBackOf(state, service)
    if (way?.side.color !== color) return []
    return [`${does} ${wayBackText(way)}, the target of \`shopctl rollback\``]
  })
}

/** What was live in a slot last. null: nothing. */
export function lastLiveIn(journal: Journal, name: string, color: Color): Side | null {
  const sides = doneMoves(journal).flatMap((move) => {
    const { from = null, to = null } = moveOf(move, name) ?? {}
    return [from, to]
  })
  return sides.findLast((side) => side?.color === color) ?? null
}

export function wasLive(journal: Journal, name: string, target: Target): boolean {
  return doneMoves(journal).some((move) => {
    const { from, to } = moveOf(move, name) ?? {}
    return sameTarget(from, target) || sameTarget(to, target)
  })
}
