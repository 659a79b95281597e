// What a commit changed in an environment, in few words; pure.
import { ShopctlError } from '../../../errors.ts'
import type { ServiceMove } from '../../../release/ports/merge.ts'
import { slotName } from '../../../release/slot.ts'
import { servicesFolder, slotFolder } from '../layout.ts'
import { type Changed, changedIn, hasOtherChart, isShown } from './changed.ts'
import { type ChangedSlot, type Compared, changedPaths } from './sides.ts'

export interface ChangeText {
  /** null: it may be about any service. */
  service: string | null
  /** What was changed: a slot, a Service, or a part of what Services share. */
  what: string
  /** `order-green: image`, `order blue → green`, `Services: chart` */
  text: string
}

export function textsOf(input: Compared): ChangeText[] {
  const { slots, moves, pointers, shared } = changedIn(input)
  return [
    ...pointersTexts(input, pointers),
    ...moves.map(moveText),
    ...sharedTexts(input, shared),
    ...slots.flatMap((slot) => slotTexts(input, slot)),
  ]
}

/** Without them, nobody can say what was moved. */
function pointersTexts(input: Compared, { before, after }: Changed['pointers']): ChangeText[] {
  const folder = servicesFolder(input.to.tree.env)
  if (!changedPaths(input).some((path) => path.startsWith(`${folder}/`))) return []
  const any = { service: null, what: 'services' }
  if (after instanceof ShopctlError) return [{ ...any, text: after.message }]
  return before instanceof ShopctlError ? [{ ...any, text: 'Services: corrected' }] : []
}

function moveText({ service, which, from, to }: ServiceMove): ChangeText {
  const what = which === 'stable' ? service : `${service}-${which}`
  const text =
    from?.color === to?.color
      ? `${what} ${to?.color}: revision ${from?.revision} → ${to?.revision}`
      : `${what} ${from?.color ?? 'none'} → ${to?.color ?? 'none'}`
  return { service, what, text }
}

/** One for each service, as `deploy` writes them. */
function sharedTexts({ services }: Compared, { values, chart }: Changed['shared']): ChangeText[] {
  const owners = [...new Set(values.map(ownerOf))]
  const texts = owners.map((owner) => ({
    // A key such as `global` belongs to none.
    service: services.includes(owner) ? owner : null,
    what: `services ${owner}`,
    text: `Services: ${values.filter((path) => ownerOf(path) === owner).join(', ')}`,
  }))
  return chart
    ? [...texts, { service: null, what: 'services chart', text: 'Services: chart' }]
    : texts
}

function ownerOf(path: string): string {
  return path.split('.', 1)[0] ?? ''
}

function slotTexts(input: Compared, slot: ChangedSlot): ChangeText[] {
  const { before, after, changes } = slot
  const { service, color } = changes
  const what = slotName(service, color)
  if (after instanceof ShopctlError) return [{ service, what, text: after.message }]
  if (before instanceof ShopctlError) return [{ service, what, text: `${what}: corrected` }]
  const folder = slotFolder(input.to.tree.env, service, color)
  const isEdited = changes.chart === null && hasOtherChart(input, folder)
  if (!isShown(changes) && !isEdited) return []
  if (changes.action !== 'changed') return [{ service, what, text: `${what}: ${changes.action}` }]
  const named = (['version', 'image', 'revision', 'chart', 'replicas'] as const).filter(
    (each) => changes[each] !== null || (each === 'chart' && isEdited),
  )
  const config = changes.config.map((key) => `config.${key}`)
  return [
    { service, what, text: `${what}: ${[...named, ...config, ...changes.values].join(', ')}` },
  ]
}
