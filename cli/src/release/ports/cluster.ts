// An environment's cluster as a release looks at it: Services, slots, pods, namespace, broker.
import type { Color, Slot, Target } from '../slot.ts'
import type { OtherService, Pointer, ServiceState } from '../state.ts'

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

/** Opens a way from this machine to a Service of the environment. */
export interface Traffic {
  open(service: string): Promise<{ url: string; close(): Promise<void> }>
  /** GET through that way; the status, or why there was none. */
  status(url: string, signal: AbortSignal): Promise<number | string>
}
