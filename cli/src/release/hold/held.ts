// What is on hold: the images that a rollback has left, until somebody releases them; pure. The journal is all it needs.
import {
  isMove,
  type Journal,
  type MoveOperation,
  type Operation,
  operationsOf,
} from '../record.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type Move, type NamedSlot, type Side, sameTarget, sideOf } from '../slot.ts'

/** An image of a service that a rollback has put on hold. */
export interface HeldImage {
  service: string
  /** The slot that the rollback has left. Its digest is on hold, in any slot. */
  side: Side
  /** The rollback, as `r-41`. */
  release: string
  by: string
  /** When the rollback began: ISO 8601. */
  since: string
  /** Of the rollback. null: it had none. */
  reason: string | null
}

/**
 * Oldest first. A rollback puts on hold what it leaves, if that went live by a later switch than what it goes back to:
 * else it undoes a rollback. An interrupted switch has not shown that its slots are bad. What a move makes live again, or
 * `hold release` names, is free. A hold lasts as long as the journal has its rollback.
 */
export function heldDigests(journal: Journal): HeldImage[] {
  const known: Known = { held: new Map(), switches: new Map(), last: new Map() }
  for (const operation of operationsOf(journal))
    for (const move of operation.services) learn(known, operation, move)
  return [...known.held.values()]
}

/** What the operations so far say. */
interface Known {
  held: Map<string, HeldImage>
  /** The numbers of the last switches to each image. */
  switches: Map<string, number>
  /** The last move of each service, also one that was undone. */
  last: Map<string, { operation: Operation; move: Move }>
}

function learn({ held, switches, last }: Known, operation: Operation, move: Move): void {
  const { name, from, to } = move
  const { verb, outcome, number } = operation
  const isDone = outcome === 'done'
  const moves = isMove(operation)
  if (moves) {
    const isRollback = isDone && verb === 'rollback'
    if (from && isRollback && leavesBad(move, switches, last.get(name)))
      held.set(keyOf(name, from), heldBy(operation, name, from))
    last.set(name, { operation, move })
  }
  if (!to || !isDone) return
  if (moves || verb === 'hold-release') held.delete(keyOf(name, to))
  if (verb === 'switch') switches.set(keyOf(name, to), number)
}

function keyOf(service: string, { digest }: Pick<Side, 'digest'>): string {
  return `${service} ${digest}`
}

function heldBy(
  { release, by, startedAt, reason }: MoveOperation,
  service: string,
  from: Side,
): HeldImage {
  return { service, side: sideOf(from), release, by, since: startedAt, reason }
}

function leavesBad(
  { name, from, to }: Move,
  switches: ReadonlyMap<string, number>,
  last: { operation: Operation; move: Move } | undefined,
): boolean {
  // Nothing is live after it: it undoes an interrupted first switch.
  if (!from || !to) return false
  // Another configuration of the same image: the image is what it goes back to.
  if (from.digest === to.digest) return false
  const { operation, move } = last ?? {}
  const isInterrupted = operation?.outcome === 'undone' && sameTarget(move?.to, from)
  // A switch that the journal has given up is an old one.
  const numberOf = (side: Side): number => switches.get(keyOf(name, side)) ?? 0
  return !isInterrupted && numberOf(from) >= numberOf(to)
}

/** Those of these slots whose images are on hold. */
export function heldAmong(
  journal: Journal,
  slots: readonly { name: string; slot: Pick<NamedSlot['slot'], 'digest'> }[],
): HeldImage[] {
  const keys = new Set(slots.map(({ name, slot }) => keyOf(name, slot)))
  return heldDigests(journal).filter(({ service, side }) => keys.has(keyOf(service, side)))
}

/** null: none of them is on hold. */
export function holdRefusal(held: readonly HeldImage[]): Refusal | null {
  if (held.length === 0) return null
  return refuse(
    'on-hold',
    held.map((each) => `${heldText(each)}.`).join(' '),
    `Fix it and build again: another digest is free. Or run \`${releaseCommand(held)}\` first.`,
  )
}

/** `order 6c9086eb is on hold: ann@laptop rolled it back with r-3 at 2026-07-01T12:00:00Z, for: it loses orders` */
export function heldText({ service, side, release, by, since, reason }: HeldImage): string {
  const why = reason === null ? '' : `, for: ${reason}`
  const at = since.replace(/\.\d+Z$/, 'Z')
  return `${service} ${side.version} is on hold: ${by} rolled it back with ${release} at ${at}${why}`
}

/** `shopctl hold release sha256:6c9086ebd2f1 --reason "…"` */
export function releaseCommand(held: readonly HeldImage[]): string {
  const digests = new Set(held.map(({ side }) => shortDigest(side.digest)))
  return `shopctl hold release ${[...digests].join(' ')} --reason "…"`
}

/** Enough to be the only one: `sha256:` and twelve digits. */
function shortDigest(digest: string): string {
  return digest.slice(0, 19)
}
