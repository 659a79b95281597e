// A freeze of an environment: a time in which nothing new goes there, unless the user says why. The way back stays open.
import { beginOf, endOf, type FreezeConfig } from '../config/freezes.ts'
import { type Check, refused } from '../errors.ts'
import { passed, refusedBy, warned } from './checks.ts'
import type { Clock, Progress } from './ports/session.ts'
import type { FreezeRecord } from './record.ts'
import { type Refusal, refuse } from './refusal.ts'

interface FreezePorts {
  clock: Clock
  progress: Progress
}

export interface FreezeIntent {
  /** Of the environment. */
  freezes: readonly FreezeConfig[]
  /** Goes on during a freeze. The reason says why. */
  overrideFreeze: boolean
}

/** The one that stands at this time; of several, the one that ends last. null: none. */
export function freezeAt(freezes: readonly FreezeConfig[], now: Date): FreezeRecord | null {
  const at = now.getTime()
  const standing = freezes.filter((freeze) => beginOf(freeze) <= at && at < endOf(freeze))
  const [last] = standing.toSorted((one, other) => endOf(other) - endOf(one))
  if (!last) return null
  return { from: inUtc(beginOf(last)), to: inUtc(endOf(last)), reason: last.reason }
}

function inUtc(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z')
}

/** Before anybody waits, builds or confirms. Refuses during a freeze, unless the user overrides it. */
export function refuseFrozen(
  { clock }: Pick<FreezePorts, 'clock'>,
  { freezes, overrideFreeze }: FreezeIntent,
): FreezeRecord | null {
  const freeze = freezeAt(freezes, clock.now())
  if (!freeze || overrideFreeze) return freeze
  throw refused(frozenRefusal(freeze))
}

function frozenRefusal(freeze: FreezeRecord): Refusal {
  return refuse(
    'frozen',
    `This environment is frozen ${freezeText(freeze)}`,
    'Wait until then, or add `--override-freeze --reason "…"`: the journal keeps both. `shopctl rollback` is not held up.',
  )
}

/** The answer of a command that makes several checks. */
export function freezeCheck(
  freeze: FreezeRecord | null,
  { overrideFreeze }: Pick<FreezeIntent, 'overrideFreeze'>,
): Check {
  const name = 'freeze'
  if (!freeze) return passed(name, 'none stands')
  if (overrideFreeze) return warned(name, goesOn(freeze))
  return refusedBy(name, frozenRefusal(freeze))
}

/** Under the lock, since a freeze may begin while a command waits. Returns the freeze that the user overrides. */
export function heedFreeze(ports: FreezePorts, intent: FreezeIntent): FreezeRecord | null {
  const freeze = refuseFrozen(ports, intent)
  if (freeze) ports.progress.warn(goesOn(freeze))
  return freeze
}

function goesOn(freeze: FreezeRecord): string {
  return `goes on in a freeze, ${freezeText(freeze)}`
}

/** `until 2026-12-27T00:00:00Z: Christmas` */
export function freezeText({ to, reason }: FreezeRecord): string {
  return `until ${to}: ${reason}`
}
