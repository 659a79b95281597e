// What carries out a plan: the charts and the writes to the cluster.
import type { Color, Target } from '../slot.ts'
import type { Which } from './cluster.ts'

/** An object of a rendered chart. `namespace` is set only if it is not the environment's. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  [field: string]: unknown
}

/** A chart with its values. */
export interface ChartRelease {
  /** `order-green`, `order`, `postgres`. */
  name: string
  /** Folder of the chart, absolute or relative to the project's root. */
  chart: string
  /** Later files override earlier ones. */
  valuesFiles: readonly string[]
  /** Values that override every file. */
  values: Readonly<Record<string, unknown>>
}

/** A chart that is part of shopctl. */
export interface BuiltinChart {
  /** Absolute path of its folder. */
  path: string
  hash: string
}

/** Renders charts as they would be applied. Refused if the values do not match the chart's schema. */
export interface Charts {
  render(release: ChartRelease): Promise<Manifest[]>
  /** The files of a chart that Helm reads, also those that git ignores. Refused if one cannot be read. */
  files(chart: string): Promise<ChartFile[]>
}

export interface ChartFile {
  /** Relative to the chart, with slashes. */
  path: string
  content: Uint8Array
}

/** Labels of a Helm release that later commands compare. Values of up to 63 letters and digits. */
export type Marks = Readonly<Record<string, string>>

/** Mark of a slot's release: the revision of the slot. */
export const revisionMark = 'revision'

/** The last write of a Helm release, such as `order-green` or `order`. */
export interface Recorded {
  /** false: the last write was killed or failed, and may be incomplete. */
  finished: boolean
  marks: Marks
  /** Image of a slot, where a person may change it after the write. */
  digest?: string
}

export interface ChartWrite extends ChartRelease {
  marks: Marks
}

export interface SlotWrite extends ChartWrite {
  service: string
  color: Color
  /** The release that the slots of the service share, written before the slot. null: it is up to date. */
  shared: ChartWrite | null
  /** The slot gets at least so many pods, whatever its chart says. */
  atLeast: number
  /** `replicas` of the values, kept with the slot. null: they do not set it. */
  declared: number | null
}

/** `slot` is what stood there before. */
export interface SlotPutBack extends Pick<SlotWrite, 'service' | 'atLeast' | 'declared'> {
  slot: Target
}

/** What to change about the number of pods of a slot. null: unchanged. */
export interface SlotScale {
  service: string
  color: Color
  /** Of the Deployment. */
  replicas: number | null
  /** The least of its autoscaler. Ignored if it has none. */
  min: number | null
  /** `replicas` of the values, kept with the slot. */
  declared: number | null
}

export interface PointerMove {
  service: string
  which: Which
  /** null: the Service selects no slot. */
  to: Target | null
  /** What it selected when the move was planned. undefined: whatever it selects. */
  from?: Target | null
  /** As it was read. The move fails with a conflict if the Service has changed since. */
  resourceVersion: string
  /** The release that moves it, as `r-41`. null: no release is noted. */
  release: string | null
}

/** Code of the error of a switch that may still be carried out later. */
export const notTakenBack = 'not-taken-back'

/** What moves a Service. `undo`: a switch that failed puts it back. `emergency`: a rollback that does without git. */
export type Mover = 'deploy' | 'smoke' | 'switch' | 'undo' | 'rollback' | 'emergency' | 'cleanup'

/** The operation that a write is part of. */
export interface Purpose {
  /** `r-41` or `op-12`, as `history` shows it. */
  id: string
  reason: string | null
}

/** Writes to the cluster. One call carries out all writes of one kind of an operation. */
export interface Driver {
  /** What follows is part of this operation. Where writes are commits, these name it. */
  begin(purpose: Purpose): void
  /** A switch or rollback may follow. Reads ahead what it begins with, while others find out whether it does. */
  prepare(signal: AbortSignal): void
  recorded(): Promise<Record<string, Recorded>>
  /** One result per slot, in order. If one fails, the others are written all the same. */
  writeSlots(
    slots: readonly SlotWrite[],
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<void>[]>
  /** One result per scale, in order. Does not wait for the pods. */
  scaleSlots(scales: readonly SlotScale[]): Promise<PromiseSettledResult<void>[]>
  /**
   * One result per move, in order: the Service's new resourceVersion. The helm driver moves each Service by itself, so one
   * that has changed since stops no other. Through git, one commit has them all: all are moved, or all results are the
   * same failure, after which a Service may have been written all the same.
   */
  movePointers(
    moves: readonly PointerMove[],
    mover: Mover,
    /** The lock is lost, or the user has pressed Ctrl-C: what waits writes no Service any more. */
    signal: AbortSignal,
    /** Called just before the first write to the cluster. */
    onWrite?: () => void,
  ): Promise<PromiseSettledResult<string>[]>
  /**
   * Writes what these Services select already, so that an older write which comes late is a conflict. Where more than the
   * cluster says what is live, makes it say the same; with no moves, only if a rollback has done without it. Returns
   * whether anything was changed.
   */
  confirm(moves: readonly PointerMove[], signal: AbortSignal): Promise<boolean>
  /** Waits for what goes on after the writes of a switch or rollback. */
  settle(): Promise<void>
  /** Fails with a conflict if a slot has another revision. One result per slot, in order. */
  removeSlots(
    slots: readonly { service: string; slot: Target }[],
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<void>[]>
  /**
   * Writes again what stood in a slot before. One result per slot, in order. false: it is not known any more, and nothing
   * was changed.
   */
  putBack(
    slots: readonly SlotPutBack[],
    signal: AbortSignal,
  ): Promise<PromiseSettledResult<boolean>[]>
  /** Restarts the pods of a slot. New pods start before old ones end. */
  restartSlot(service: string, color: Color): Promise<void>
  /** Installs or upgrades a chart that belongs to no service, and waits until it is ready. */
  install(chart: ChartWrite, signal: AbortSignal): Promise<void>
}
