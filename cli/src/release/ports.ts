// What a release needs of the world; the adapters and the tests' fakes implement it.
import type { Color, EnvironmentState, Pointer, Records, Slot, Target } from './state.ts'

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

export interface HelmRelease {
  name: string
  chart: string
  /** Later files win over earlier ones. */
  valuesFiles: readonly string[]
  /** Values that win over every file. */
  values?: Readonly<Record<string, unknown>>
  /** Whether to wait until everything in it is ready. */
  wait?: boolean
}

export interface Helm {
  upgrade(release: HelmRelease): Promise<void>
}

/** The slots and Services of one environment. */
export interface Slots {
  read(): Promise<EnvironmentState>
  /** Fails with a conflict when the Service changed since `resourceVersion`. Returns the new one. */
  point(
    service: string,
    which: 'stable' | 'preview',
    to: Target | null,
    resourceVersion: string,
  ): Promise<string>
  /** The Service as it is now. */
  pointer(service: string, which: 'stable' | 'preview'): Promise<Pointer | null>
  /** Fails with a conflict when the slot is another revision by now. */
  deleteSlot(service: string, slot: Target): Promise<void>
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
export interface PlaneRole {
  role: 'live' | 'standby' | 'unknown'
  /** Of its open consumer; null: it consumes nothing. */
  epoch: number | null
  /** Only while the gate in its database names its slot, and the broker delivers. */
  consuming: boolean
  consumers: number
  inFlight: number
}

/** What a pod says of itself on its management port; of its live plane, `preview` aside. */
export interface Role extends PlaneRole {
  /** As it was read last; null: it could not be read yet. */
  gate: { epoch: number; color: string | null; revision: string | null } | null
  /** null: a version without preview plane. */
  preview: PlaneRole | null
}

export interface WaitOptions {
  timeoutMs: number
  signal: AbortSignal
}

/** What runs in the slots, as it changes. */
export interface Workloads {
  /** Calls `judge` at every change until it answers; null when it did not within the time. */
  awaitRollout<T>(
    target: { service: string; color: Color; revision: string; job: string },
    judge: (rollout: Rollout) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** The same for the names of the pods that a Service sends traffic to. */
  awaitEndpoints<T>(
    service: string,
    judge: (pods: string[]) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** Names of the pods of this slot, ready or not. */
  pods(service: string, target: Target): Promise<string[]>
  /** null: no answer. */
  role(pod: string): Promise<Role | null>
  /** What `/readyz` of a pod answers. */
  readiness(pod: string): Promise<string>
  /** The container's last lines; `previous` those of the run before its restart. */
  logs(
    pod: string,
    container: string,
    options: { lines: number; previous: boolean },
  ): Promise<string>
  /** Deletes the Job if it failed, so that the chart makes it anew. */
  clearFailedJob(name: string, signal: AbortSignal): Promise<void>
}

export interface Store {
  /** Changes the records under optimistic locking; `change` may run more than once. */
  updateRecords(change: (records: Records) => Records): Promise<Records>
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

/** What has to be there before the first deploy. */
export interface Foundations {
  ensureNamespace(): Promise<void>
  /** null for a Secret that does not exist. */
  readSecret(name: string): Promise<Record<string, string> | null>
  /** Adds keys; existing ones stay. */
  addToSecret(name: string, entries: Readonly<Record<string, string>>): Promise<void>
  /** Those whose last Helm upgrade was killed or failed. */
  unfinishedReleases(names: readonly string[]): Promise<string[]>
  /** Removes Helm's note of an upgrade that was killed half-way; Helm refuses any other upgrade until then. */
  clearPendingReleases(names: readonly string[]): Promise<string[]>
  /** Ready and wanted pods of a StatefulSet, null when there is none of that name. */
  statefulSet(name: string): Promise<{ ready: number; replicas: number } | null>
  /** Whether a pod of it became ready within the time. */
  awaitStatefulSet(name: string, options: WaitOptions): Promise<boolean>
}

export interface PodAnswer {
  status: number
  body: string
}

/** What services tell of their work, and do about it, on the management port of their pods. */
export interface Management {
  /** null: no answer. `path` with its query. */
  ask(
    pod: string,
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
  ): Promise<PodAnswer | null>
  /** The lines of a long answer as they come. Throws when the pod does not give it, or not to its end. */
  lines(pod: string, path: string, signal: AbortSignal): AsyncIterable<string>
}

export type Cluster = Slots & Workloads & Store & Lock & Foundations & Management

/** What a broker has to have or has, as RabbitMQ's definitions put it: entries by kind. */
export type Topology = Record<string, Record<string, unknown>[]>

export interface Broker {
  /** Refused when nothing says what it has to have. */
  declared(): Promise<Topology>
  /** What it has. Refused when it cannot be reached. */
  found(): Promise<Topology>
}

/** Opens a way from this machine to a Service of the environment. */
export interface Traffic {
  open(service: string): Promise<{ url: string; close(): Promise<void> }>
}

/** Runs programs of the project, from its root. */
export interface Programs {
  run(argv: readonly string[]): Promise<ProgramResult>
  /** A zx script, with the release in its environment. */
  script(file: string, env: Readonly<Record<string, string>>): Promise<ProgramResult>
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

export interface Progress {
  /** Announces a step, runs it, and says how it ended and how long it took. `say` replaces the detail shown. */
  step<T>(title: string, run: (say: (detail: string) => void) => Promise<T>): Promise<T>
  note(line: string): void
  warn(line: string): void
}
