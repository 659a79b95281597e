// What one commit changed in an environment, in few words; pure.
import { isMap } from '../../release/canonical.ts'
import { type Color, colors, slotName } from '../../release/slot.ts'
import { isSame } from './edit.ts'
import type { ConfigState, ServiceEntry, SlotEntry } from './read.ts'

/** A change of one slot or of the live Service of a service. */
export interface Difference {
  /** `order-green`, or `order` for its Service. */
  what: string
  /** `order-green: image`, `order blue → green` */
  text: string
}

export function differencesOf(before: ConfigState, after: ConfigState): Difference[] {
  return [...servicesOf(before, after), ...slotsOf(before, after)]
}

function servicesOf(before: ConfigState, after: ConfigState): Difference[] {
  return namesIn(before.services, after.services).flatMap((what) => {
    const [was, is] = [before.services[what], after.services[what]]
    const moved = movedText(what, was?.stable, is?.stable)
    const preview = movedText(`${what}-preview`, was?.preview, is?.preview)
    return [
      ...(moved === null ? [] : [{ what, text: moved }]),
      ...(preview === null ? [] : [{ what: `${what}-preview`, text: preview }]),
    ]
  })
}

type Pointed = ServiceEntry['stable'] | ServiceEntry['preview']

/** null: it selects the same. */
function movedText(name: string, was: Pointed, is: Pointed): string | null {
  if (was?.color !== is?.color) return `${name} ${was?.color ?? 'none'} → ${is?.color ?? 'none'}`
  if (was?.revision !== is?.revision)
    return `${name} ${is?.color}: revision ${was?.revision} → ${is?.revision}`
  return null
}

function slotsOf(before: ConfigState, after: ConfigState): Difference[] {
  return namesIn(before.slots, after.slots).flatMap((service) =>
    colors.flatMap((color: Color) => {
      const what = slotName(service, color)
      const changed = changedIn(
        entryOf(before.slots[service]?.[color]),
        entryOf(after.slots[service]?.[color]),
      )
      return changed === null ? [] : [{ what, text: `${what}: ${changed}` }]
    }),
  )
}

function entryOf(entry: SlotEntry | 'removed' | null | undefined): SlotEntry | null {
  return entry === 'removed' ? null : (entry ?? null)
}

/** null: nothing. */
function changedIn(was: SlotEntry | null, is: SlotEntry | null): string | null {
  if (was === null || is === null) {
    if (was === is) return null
    return is ? 'added' : 'removed'
  }
  const [wasOwn, isOwn] = [was.values.shopctl, is.values.shopctl].map((own) =>
    isMap(own) ? own : {},
  )
  const changed = [
    ...keysThatDiffer(wasOwn ?? {}, isOwn ?? {}),
    ...keysThatDiffer(was.values, is.values).filter((key) => key !== 'shopctl'),
    ...(isSame(was.chart, is.chart) ? [] : ['chart']),
    ...(isSame(was.marks, is.marks) ? [] : ['marks']),
  ]
  return changed.length === 0 ? null : changed.join(', ')
}

function keysThatDiffer(
  was: Readonly<Record<string, unknown>>,
  is: Readonly<Record<string, unknown>>,
): string[] {
  return namesIn(was, is).filter((key) => !isSame(was[key] ?? null, is[key] ?? null))
}

function namesIn(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
}
