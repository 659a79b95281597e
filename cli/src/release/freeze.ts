// A freeze of an environment: a time in which nothing new goes there, unless the user says why. The way back stays open.
import { beginOf, endOf, type FreezeConfig } from '../config/freezes.ts'
import { refused } from '../errors.ts'
import type { Clock, Progress } from './ports/session.ts'
import type { FreezeRecord } from './record.ts'

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
  throw refused({
    code: 'frozen',
    message: `This environment is frozen ${freezeText(freeze)}`,
    hint: 'Wait until then, or add `--override-freeze --reason "…"`: the journal keeps both. `shopctl rollback` is not held up.',
  })
}

/** Under the lock, since a freeze may begin while a command waits. Returns the freeze that the user overrides. */
export function heedFreeze(ports: FreezePorts, intent: FreezeIntent): FreezeRecord | null {
  const freeze = refuseFrozen(ports, intent)
  if (freeze) ports.progress.warn(`goes on in a freeze, ${freezeText(freeze)}`)
  return freeze
}

/** `until 2026-12-27T00:00:00Z: Christmas` */
export function freezeText({ to, reason }: FreezeRecord): string {
  return `until ${to}: ${reason}`
}
