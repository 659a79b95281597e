// Slots, and the targets of Services; pure. The command tree imports it at each start, so it imports nothing itself.

export const colors = ['blue', 'green'] as const
export type Color = (typeof colors)[number]

export function otherColor(color: Color): Color {
  return color === 'blue' ? 'green' : 'blue'
}

/** A Deployment of one color, as it is in the cluster. */
export interface Slot {
  color: Color
  /** `sha256:…` of the image. */
  digest: string
  /** The tag of the image, shown to users. */
  version: string
  /** Hash over the image, the values without the number of pods, the chart, and the Secrets and ConfigMaps that it uses. */
  revision: string
  /** Hash over what its pods run. Somebody may change that without a new revision. */
  template: string
  replicas: number
  /** Ready pods of this revision. */
  ready: number
  /** `replicas` of the values at the last deploy. null: they did not set it. */
  declared: number | null
  /** null: it has none. */
  autoscaler: Autoscaler | null
  /** Hash over the migrations of the image. null: it has none. */
  migrations: string | null
  /** The environment variables of its container that have a plain value. */
  settings: Readonly<Record<string, string>>
  /** The Helm release of the Deployment. null: none. */
  helmRelease: string | null
  /** Whether Helm keeps the Deployment when it is removed from its release (`helm.sh/resource-policy: keep`). */
  kept: boolean
}

/** A HorizontalPodAutoscaler of a slot. */
export interface Autoscaler {
  min: number
  /** `min` as its chart set it. null: unknown. */
  declaredMin: number | null
}

/** A slot of a service. */
export interface NamedSlot {
  name: string
  slot: Slot
}

/** What the selector of a Service selects. */
export interface Target {
  color: Color
  revision: string
}

/** A slot as recorded in the journal. Its Deployment may no longer exist. */
export interface Side {
  color: Color
  digest: string
  version: string
  revision: string
}

/** A move of the stable Service of one service. null: no slot is live. */
export interface Move {
  name: string
  from: Side | null
  to: Side | null
}

export type MoveVerb = 'switch' | 'rollback'

/** The slots that are tested, or would be live, together. Records of earlier versions have no `template`. */
export type Combination = Record<
  string,
  { revision: string; digest: string; template?: string | undefined }
>

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
  const fields = ['revision', 'digest', 'template'] as const
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => fields.every((field) => a[name]?.[field] === b[name]?.[field]))
  )
}

/** Name of the slot's Helm release and Deployment. */
export function slotName(service: string, color: Color): string {
  return `${service}-${color}`
}

/** The labels of a slot's pods that a Service selects. */
export function slotLabels(service: string, target: { color: string; revision: string }) {
  return {
    'app.kubernetes.io/name': service,
    'shopctl.dev/color': target.color,
    'shopctl.dev/revision': target.revision,
  }
}
