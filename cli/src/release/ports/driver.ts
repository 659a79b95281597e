// Who writes: how a plan is carried out.
import type { Color, Target } from '../slot.ts'
import type { Which } from './cluster.ts'

/** An object that a chart makes. Its namespace is there when it is not the environment's. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  [field: string]: unknown
}

/** A chart with its values: what a Helm release is made of. */
export interface ChartRelease {
  /** `order-green`, `order`, `postgres`. */
  name: string
  /** Folder of the chart: relative to the root of the project, or absolute. */
  chart: string
  /** Later files win over earlier ones. */
  valuesFiles: readonly string[]
  /** Values that win over every file. */
  values: Readonly<Record<string, unknown>>
}

/** A chart that comes with shopctl. */
export interface BuiltinChart {
  /** Absolute path of its folder. */
  path: string
  hash: string
}

/** Renders charts as they would be applied. Refuses values that do not fit. */
export interface Charts {
  render(release: ChartRelease): Promise<Manifest[]>
}

/** Marks on what a driver wrote, by which a later command knows it again. Values of up to 63 letters and digits. */
export type Marks = Readonly<Record<string, string>>

/** What is recorded as wanted, by name of release, `order-green` or `order`. */
export interface Recorded {
  /** false: the last write was killed or failed, and may have been carried out in part. */
  finished: boolean
  marks: Marks
}

export interface ChartWrite extends ChartRelease {
  marks: Marks
}

export interface SlotWrite extends ChartWrite {
  service: string
  color: Color
  /** What the slots of the service share; null: it is as it should be. Written before the slot. */
  shared: ChartWrite | null
}

export interface PointerMove {
  service: string
  which: Which
  /** null: the Service is to lead nowhere. */
  to: Target | null
  /** As it was read; the move fails with a conflict when the Service was changed since. */
  resourceVersion: string
  /** The release that moves it, as `r-41`; null: none is noted. */
  release: string | null
}

/** Who writes: how a plan is carried out. All of one operation is one call. */
export interface Driver {
  recorded(): Promise<Record<string, Recorded>>
  /** One result per slot, in order: the others are written although one fails. */
  writeSlots(
    slots: readonly SlotWrite[],
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<void>[]>
  /** One result per move, in order: the Service's new resourceVersion. */
  movePointers(moves: readonly PointerMove[]): Promise<PromiseSettledResult<string>[]>
  /** Fails with a conflict when a slot is another revision by now. One result per slot, in order. */
  removeSlots(
    slots: readonly { service: string; slot: Target }[],
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<void>[]>
  /** Restarts the pods of a slot, new ones first. */
  restartSlot(service: string, color: Color): Promise<void>
  /** Installs or upgrades what the services depend on, and waits until it is ready. */
  install(chart: ChartWrite, signal: AbortSignal): Promise<void>
}
