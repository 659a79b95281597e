// What a release needs of the world; adapters, drivers and the tests' fakes implement it.
import type { Journal, Operation, Outcome } from './journal/record.ts'
import type { Color, Slot, Target } from './slot.ts'
import type { OtherService, Pointer, ServiceState } from './state.ts'

/** The work tree that images are made of. */
export interface Source {
  /** Commit of HEAD in full, null before the first commit. */
  commit(): Promise<string | null>
  /** Tracked and untracked files below `paths` that git does not ignore, relative to the root, sorted. */
  files(paths: readonly string[]): Promise<string[]>
  /** Those of them that differ from HEAD. */
  changed(paths: readonly string[]): Promise<string[]>
  read(file: string): Promise<Buffer>
}

/** Builds images into the local engine and pushes them. `repository` is `host:port/path/name`. */
export interface ImageBuilder {
  /** Label `dev.shopctl.inputs` of a local image, null when there is no such image. */
  inputsOf(reference: string): Promise<string | null>
  build(image: {
    context: string
    tags: readonly string[]
    labels: Readonly<Record<string, string>>
  }): Promise<void>
  push(reference: string): Promise<void>
}

/** An image registry. References are repository and tag, or repository and digest. */
export interface Registry {
  /** `sha256:…`, null when the tag does not exist. */
  digest(repository: string, tag: string): Promise<string | null>
  /** Gives an image that is there another tag. */
  tag(repository: string, digest: string, tag: string): Promise<void>
}

export type Which = 'stable' | 'preview'

/** Who looks: the slots and Services as they are in the cluster. */
export interface Observer {
  /** One entry for each service of shopctl.yaml. */
  services(): Promise<{ services: Record<string, ServiceState>; others: OtherService[] }>
  pointer(service: string, which: Which): Promise<Pointer | null>
  /** What a slot's pods offer and run as; null when there is no such slot. */
  podTemplate(service: string, color: Color): Promise<PodTemplate | null>
  /** The rules of the service's Role; null when it has none. */
  accessRules(service: string): Promise<AccessRule[] | null>
}

export interface PodTemplate {
  ports: { name: string | null; number: number }[]
  serviceAccount: string | null
  labels: Record<string, string>
}

export interface AccessRule {
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  verbs: string[]
}

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

export interface ContainerState {
  name: string
  restarts: number
  /** Why it does not run: `ImagePullBackOff`, `CrashLoopBackOff`, … */
  waiting: { reason: string; message: string } | null
  /** How it ended last. */
  ended: { exitCode: number; reason: string } | null
}

export interface PodState {
  name: string
  ready: boolean
  containers: ContainerState[]
}

export interface Rollout {
  slot: Slot | null
  pods: PodState[]
  /** null: no Job of that name. */
  job: { succeeded: boolean; failed: boolean; pods: PodState[] } | null
}

export const planes = ['live', 'preview'] as const
export type Plane = (typeof planes)[number]

/** What a pod says of one of its planes. */
export interface PlaneReport {
  role: 'live' | 'standby' | 'unknown'
  /** Of its open consumer; null: it consumes nothing, or has no gate. */
  epoch: number | null
  /** Only while it is the live slot's turn, and the broker delivers. */
  consuming: boolean
  consumers: number
  inFlight: number
}

/** What a pod answers of itself: its live plane, `preview` aside. */
export interface PodReport extends PlaneReport {
  /** As it was read last; null: it could not be read, or the service has none. */
  gate: { epoch: number; color: string | null; revision: string | null } | null
  /** null: a service without a preview plane. */
  preview: PlaneReport | null
}

export interface WaitOptions {
  timeoutMs: number
  signal: AbortSignal
}

export interface SlotId {
  service: string
  color: Color
  revision: string
}

/** What runs in the slots, as it changes. */
export interface Pods {
  /** Names of the pods of this slot, ready or not. */
  list(service: string, target: Target): Promise<string[]>
  /** Whether the pods of this service say what they consume. */
  reports(service: string): boolean
  /** null: no answer. */
  report(service: string, pod: string): Promise<PodReport | null>
  /** Calls `judge` at every change until it answers; null when it did not within the time. */
  awaitRollout<T>(
    slot: SlotId,
    judge: (rollout: Rollout) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** The same for the names of the pods that a Service sends traffic to. */
  awaitEndpoints<T>(
    service: string,
    which: Which,
    judge: (pods: string[]) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** Follows the named pods of a slot until they have ended. */
  awaitEnd(slot: SlotId, pods: readonly string[], options: WaitOptions): Promise<PodEnd[]>
  /** What the readiness path of a pod answers. */
  readiness(service: string, pod: string): Promise<string>
  /** The container's last lines; `previous` those of the run before its restart. */
  logs(
    pod: string,
    container: string,
    options: { lines: number; previous: boolean },
  ): Promise<string>
}

export interface PodEnd {
  pod: string
  /** null: it was still there when the time was up, or went unseen. */
  exitCode: number | null
}

/** What happened to an environment. Everything but `read` may fail with a conflict: somebody else was first. */
export interface JournalStore {
  read(): Promise<Journal>
  /**
   * Makes `operation` the open one, in the place of the one that `seen` has open, which is closed as `outcome`.
   * Fails with a conflict when the journal is not as it was seen.
   */
  begin(operation: Operation, seen: Journal, outcome: Outcome | null): Promise<void>
  /** Keeps the ended operation, and leaves nothing open. false: it is not the open one any more. */
  end(operation: Operation): Promise<boolean>
}

export interface LockHolder {
  holder: string
  reason: string
  since: string
}

export interface Held {
  /**
   * Aborts when someone else took the lock or may have, say after this process was frozen; its reason is the error of
   * the last renewal that failed.
   */
  lost: AbortSignal
  release(): Promise<void>
}

export interface Lock {
  lockHolder(): Promise<LockHolder | null>
  acquire(reason: string): Promise<Held | LockHolder>
}

/** The namespace of an environment and its Secrets. */
export interface Namespace {
  /** Makes it when missing. Returns its uid. */
  ensure(): Promise<string>
  /** null for a Secret that does not exist. */
  readSecret(name: string): Promise<Record<string, string> | null>
  /** Adds keys; existing ones stay. */
  addToSecret(name: string, entries: Readonly<Record<string, string>>): Promise<void>
  /** Ready and wanted pods of a StatefulSet, null when there is none of that name. */
  statefulSet(name: string): Promise<{ ready: number; replicas: number } | null>
  /** Whether a pod of it became ready within the time. */
  awaitStatefulSet(name: string, options: WaitOptions): Promise<boolean>
}

export interface PodAnswer {
  status: number
  body: string
}

/** What services say of their work, and do about it, on the management port of their pods. */
export interface Management {
  /** The path on which the pods of a service answer this, null when shopctl.yaml names none. */
  path(service: string, what: 'messages' | 'accounting'): string | null
  /** null: no answer. `path` with its query. */
  ask(
    service: string,
    pod: string,
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
  ): Promise<PodAnswer | null>
  /** The lines of a long answer as they come. Throws when the pod does not give it, or not to its end. */
  lines(service: string, pod: string, path: string, signal: AbortSignal): AsyncIterable<string>
}

/** What a broker has to have or has, as RabbitMQ's definitions put it: entries by kind. */
export type Topology = Record<string, Record<string, unknown>[]>

export interface Broker {
  /** Refused when nothing says what it has to have. */
  declared(): Promise<Topology>
  /** What it has. Refused when it cannot be reached. */
  found(): Promise<Topology>
}

/** A statement of a migration that takes away what the other color may still use. */
export interface Contraction {
  line: number
  statement: string
  why: string
}

export interface MigrationCheck {
  /**
   * `file` is for messages. `earlier` are the contents of the migrations before it, in order: they say what the old
   * code may rely on. A rule that is replaced passes only if they show that the new one allows all that the old did.
   */
  contractions(file: string, sql: string, earlier: readonly string[]): Promise<Contraction[]>
}

/** Opens a way from this machine to a Service of the environment. */
export interface Traffic {
  open(service: string): Promise<{ url: string; close(): Promise<void> }>
  /** GET through that way; the status, or why there was none. */
  status(url: string, signal: AbortSignal): Promise<number | string>
}

/** Runs programs of the project, from its root. They are stopped when `signal` aborts. */
export interface Programs {
  run(argv: readonly string[], signal: AbortSignal): Promise<ProgramResult>
  /** A zx script, with the release in its environment. */
  script(
    file: string,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ProgramResult>
}

export interface ProgramResult {
  exitCode: number
  stdout: string
  /** What it wrote to stdout and stderr, in order. */
  output: string
}

/** A folder for what a script is to read. */
export interface Folder {
  path: string
  write(name: string, parts: AsyncIterable<string>): Promise<void>
}

export interface Scratch {
  /** Gives a folder that only this user can read, and deletes it afterwards. */
  folder<T>(use: (folder: Folder) => Promise<T>): Promise<T>
}

export interface Clock {
  now(): Date
  /** Milliseconds since some moment, for durations: no one sets this clock. */
  monotonic(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Who runs a command, and where. */
export interface Operator {
  /** User and host. */
  by: string
  /** The URL of the CI run, null at a laptop. */
  run: string | null
}

export interface Progress {
  /** Announces a step, runs it, and says how it ended and how long it took. `say` replaces the detail shown. */
  step<T>(title: string, run: (say: (detail: string) => void) => Promise<T>): Promise<T>
  note(line: string): void
  warn(line: string): void
}
