// The state of an environment, as read from the cluster, and functions over it; pure.
import {
  doneMoves,
  type Journal,
  moveOf,
  type Operation,
  operationsOf,
  passedSmoke,
} from './record.ts'
import {
  type Color,
  type Combination,
  type NamedSlot,
  otherColor,
  type Slot,
  sameTarget,
  type Target,
} from './slot.ts'

/** The selector of a Service as it was read. A write sends its resourceVersion. */
export interface Pointer {
  /** null: it selects no slot. */
  target: Target | null
  resourceVersion: string
  /** The release that wrote it last, as `r-41`. */
  release: string | null
}

export interface ServiceState {
  slots: Record<Color, Slot | null>
  /** null: the Service does not exist yet. */
  stable: Pointer | null
  preview: Pointer | null
}

/** A Service of the namespace that belongs to no service of shopctl.yaml. */
export interface OtherService {
  name: string
  selector: Record<string, string>
}

/** A slot of a service that is not in shopctl.yaml. */
export interface UnlistedSlot {
  service: string
  color: Color
  version: string
}

export interface EnvironmentState {
  services: Record<string, ServiceState>
  others: OtherService[]
  unlisted: UnlistedSlot[]
  journal: Journal
}

export function slotAt(service: ServiceState, target: Target | null | undefined): Slot | null {
  if (!target) return null
  const slot = service.slots[target.color]
  return slot?.revision === target.revision ? slot : null
}

export function liveColor(service: ServiceState): Color | null {
  return service.stable?.target?.color ?? null
}

/** The live slot: the stable Service selects its color. */
export function liveSlot(service: ServiceState): Slot | null {
  const color = liveColor(service)
  return color && service.slots[color]
}

export function liveSlotOf({ services }: EnvironmentState, name: string): Slot | null {
  const service = services[name]
  return service ? liveSlot(service) : null
}

export function servesFrom(state: EnvironmentState, name: string, color: Color | null): boolean {
  const service = state.services[name]
  return color !== null && service !== undefined && liveColor(service) === color
}

/** The color that `deploy` may write. While nothing is live, it stays the color of the first deploy. */
export function standbyColor(service: ServiceState): Color {
  const live = liveColor(service)
  if (live) return otherColor(live)
  return service.preview?.target?.color ?? 'blue'
}

/** The slot to be switched to: the preview Service selects it, and it is not live. */
export function candidate(service: ServiceState): Slot | null {
  const target = service.preview?.target
  return target && target.color !== liveColor(service) ? slotAt(service, target) : null
}

/** The standby slot, if the last move of the service was a rollback away from it. */
export function rolledBackFrom({ services, journal }: EnvironmentState, name: string): Slot | null {
  const last = doneMoves(journal).findLast((move) => moveOf(move, name) !== undefined)
  if (last?.verb !== 'rollback') return null
  const service = services[name]
  const slot = service ? service.slots[standbyColor(service)] : null
  return slot && sameTarget(slot, moveOf(last, name)?.from) ? slot : null
}

export function chosenServices(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): [string, ServiceState][] {
  return Object.entries(state.services).filter(([name]) => !chosen || chosen.includes(name))
}

/** The slots that would be live if `chosen` went live and the other services stayed as they are. */
export function together(state: EnvironmentState, chosen: readonly NamedSlot[]): NamedSlot[] {
  return Object.entries(state.services).flatMap(([name, service]) => {
    const slot = chosen.find((each) => each.name === name)?.slot ?? liveSlot(service)
    return slot ? [{ name, slot }] : []
  })
}

export function combinationOf(state: EnvironmentState, chosen: readonly NamedSlot[]): Combination {
  return Object.fromEntries(
    together(state, chosen).map(({ name, slot: { revision, digest, template } }) => [
      name,
      { revision, digest, template },
    ]),
  )
}

/** Whether each of these slots passed its smoke test in this combination. */
export function wasSmoked(state: EnvironmentState, chosen: readonly NamedSlot[]): boolean {
  const combination = combinationOf(state, chosen)
  return chosen.every(({ name }) => passedSmoke(state.journal, name, combination))
}

/** The operation that deployed this revision of a slot. null: the journal does not have it any more. */
export function deployOf(journal: Journal, name: string, slot: Target): Operation | null {
  const found = operationsOf(journal).findLast(
    (operation) => operation.verb === 'deploy' && sameTarget(moveOf(operation, name)?.to, slot),
  )
  return found ?? null
}
