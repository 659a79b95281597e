// What an environment looks like, as read from the live objects, and what follows from it; pure.

export const colors = ['blue', 'green'] as const
export type Color = (typeof colors)[number]

export function otherColor(color: Color): Color {
  return color === 'blue' ? 'green' : 'blue'
}

/** A Deployment of one colour. */
export interface Slot {
  color: Color
  /** `sha256:…` of the image. */
  digest: string
  /** For people: the tag of the image. */
  version: string
  /** Hash over image, configuration and chart: what this slot is. */
  revision: string
  replicas: number
  /** Pods of this very revision that are ready. */
  ready: number
}

/** A slot of a service. */
export interface NamedSlot {
  name: string
  slot: Slot
}

/** What a Service's selector names. */
export interface Target {
  color: Color
  revision: string
}

/** The selector of a Service as it was read; a write carries its resourceVersion. */
export interface Pointer {
  target: Target | null
  resourceVersion: string
}

export interface ServiceState {
  slots: Record<Color, Slot | null>
  /** null: the Service does not exist yet. */
  stable: Pointer | null
  preview: Pointer | null
}

/** A slot as a record keeps it, after the Deployment may be gone. */
export interface Side {
  color: Color
  digest: string
  version: string
  revision: string
}

/** A move of the stable Service of one service. `null`: nothing serves. */
export interface Move {
  name: string
  from: Side | null
  to: Side | null
}

export type MoveVerb = 'switch' | 'rollback'

/** A switch or rollback that ended. */
export interface Release {
  /** `r-1`, `r-2`, …, counted per environment. */
  id: string
  verb: MoveVerb
  at: string
  by: string
  reason: string | null
  /** undone: the new slots did not take over in time, and every Service was put back. */
  outcome: 'done' | 'undone'
  services: Move[]
}

/** The intent of a switch or rollback, written before the first Service is. */
export type Operation = Omit<Release, 'outcome'>

/** Revision and digest per service: what would serve together. */
export type Combination = Record<string, { revision: string; digest: string }>

export interface SmokeResult {
  at: string
  /** The services whose smoke tests ran. */
  services: string[]
  combination: Combination
}

export interface Records {
  /** Number of the last release id given out. */
  counter: number
  operation: Operation | null
  /** Oldest first. */
  history: Release[]
  smoked: SmokeResult[]
  /** Hash of chart and values per dependency that was last installed. */
  dependencies: Record<string, string>
}

export interface EnvironmentState {
  services: Record<string, ServiceState>
  records: Records
}

export const noRecords: Records = {
  counter: 0,
  operation: null,
  history: [],
  smoked: [],
  dependencies: {},
}

export function isReady(slot: Slot): boolean {
  return slot.replicas > 0 && slot.ready >= slot.replicas
}

export function sameTarget(a: Target | null | undefined, b: Target | null | undefined): boolean {
  return a?.color === b?.color && a?.revision === b?.revision
}

export function targetOf(slot: Target): Target {
  return { color: slot.color, revision: slot.revision }
}

export function sideOf({ color, digest, version, revision }: Side): Side {
  return {
    color,
    digest,
    version,
    revision,
  }
}

function slotAt(service: ServiceState, target: Target | null | undefined): Slot | null {
  if (!target) return null
  const slot = service.slots[target.color]
  return slot?.revision === target.revision ? slot : null
}

export function liveColor(service: ServiceState): Color | null {
  return service.stable?.target?.color ?? null
}

/** The slot that serves: the one whose colour the stable Service selects. */
export function liveSlot(service: ServiceState): Slot | null {
  const color = liveColor(service)
  return color && service.slots[color]
}

/** Where `deploy` may write. While nothing is live, it stays with the slot it began with. */
export function standbyColor(service: ServiceState): Color {
  const live = liveColor(service)
  if (live) return otherColor(live)
  return service.preview?.target?.color ?? 'blue'
}

/** The slot that waits for a switch: `deploy` leaves the preview Service on it, a switch moves it away. */
export function candidate(service: ServiceState): Slot | null {
  const target = service.preview?.target
  return target && target.color !== liveColor(service) ? slotAt(service, target) : null
}

/** What a switch would make live: the slot beside the live one, or on the first release the deployed one. */
function standbySlot(service: ServiceState): Slot | null {
  return service.slots[standbyColor(service)]
}

/** The standby slot, if the last thing that happened to the service was a rollback away from it. */
export function rolledBackFrom({ services, records }: EnvironmentState, name: string): Slot | null {
  const moveOf = ({ services }: Release): Move | undefined =>
    services.find((move) => move.name === name)
  const last = records.history.findLast(
    (release) => release.outcome === 'done' && moveOf(release) !== undefined,
  )
  if (last?.verb !== 'rollback') return null
  const service = services[name]
  const slot = service ? standbySlot(service) : null
  return slot && sameTarget(slot, moveOf(last)?.from) ? slot : null
}

/** The slots that would serve together if these went live and the other services stayed as they are. */
export function together(state: EnvironmentState, chosen: readonly NamedSlot[]): NamedSlot[] {
  return Object.entries(state.services).flatMap(([name, service]) => {
    const slot = chosen.find((each) => each.name === name)?.slot ?? liveSlot(service)
    return slot ? [{ name, slot }] : []
  })
}

export function combinationOf(state: EnvironmentState, chosen: readonly NamedSlot[]): Combination {
  return Object.fromEntries(
    together(state, chosen).map(({ name, slot: { revision, digest } }) => [
      name,
      { revision, digest },
    ]),
  )
}

export function sameCombination(a: Combination, b: Combination): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) => a[name]?.revision === b[name]?.revision && a[name]?.digest === b[name]?.digest,
    )
  )
}

/** Whether each of these slots passed its smoke test in exactly this combination. */
export function wasSmoked(state: EnvironmentState, chosen: readonly NamedSlot[]): boolean {
  const wanted = combinationOf(state, chosen)
  const tested = state.records.smoked
    .filter((result) => sameCombination(result.combination, wanted))
    .flatMap((result) => result.services)
  return chosen.every(({ name }) => tested.includes(name))
}

/** The id of the release that serves, null before the first. */
export function currentRelease(records: Records): string | null {
  return records.history.findLast((release) => release.outcome === 'done')?.id ?? null
}
