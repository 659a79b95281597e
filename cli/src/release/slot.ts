// What a slot is, and what a Service names; pure.

export const colors = ['blue', 'green'] as const
export type Color = (typeof colors)[number]

export function otherColor(color: Color): Color {
  return color === 'blue' ? 'green' : 'blue'
}

/** A Deployment of one color, as it stands in the cluster. */
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
  /** Hash of the migrations that its image needs, null when it has none. */
  migrations: string | null
  /** The Helm release that the Deployment belongs to, null when none. */
  helmRelease: string | null
  /** Whether Helm leaves it alone when it is no longer part of a release. */
  kept: boolean
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

/** A slot as the journal keeps it, after the Deployment may be gone. */
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

/** Revision and digest per service: what would serve together. */
export type Combination = Record<string, { revision: string; digest: string }>

export function isReady(slot: Slot): boolean {
  return slot.replicas > 0 && slot.ready >= slot.replicas
}

export function sameTarget(a: Target | null | undefined, b: Target | null | undefined): boolean {
  return a?.color === b?.color && a?.revision === b?.revision
}

export function targetOf({ color, revision }: Target): Target {
  return { color, revision }
}

export function sideOf({ color, digest, version, revision }: Side): Side {
  return { color, digest, version, revision }
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

/** Name of the slot's Helm release and of its Deployment. */
export function slotName(service: string, color: Color): string {
  return `${service}-${color}`
}

/** Labels that a slot's pods carry, by which a Service names them. */
export function slotLabels(service: string, target: { color: string; revision: string }) {
  return {
    'app.kubernetes.io/name': service,
    'shopctl.dev/color': target.color,
    'shopctl.dev/revision': target.revision,
  }
}
