// What a release reads of an environment's cluster: Services, slots, pods, namespace, broker.
import type { Color, Slot, Target } from '../slot.ts'
import type { EnvironmentState, Pointer } from '../state.ts'
import type { OpenWork, OpenWorkQuestion } from './open-work.ts'

export type Which = 'stable' | 'preview'

/** Reads the slots and Services from the cluster. */
export interface Observer {
  /** One entry for each service of shopctl.yaml. */
  services(): Promise<Omit<EnvironmentState, 'journal'>>
  pointer(service: string, which: Which): Promise<Pointer | null>
  /** Ports, service account and labels of a slot's pods. null: there is no such slot. */
  podTemplate(service: string, color: Color): Promise<PodTemplate | null>
  /** The rules of the service's Role. null: it has none. */
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

/** Why something does not come up, in the cluster's own words. */
export interface Complaint {
  /** `FailedCreate`, `Unschedulable`, `FailedMount`, … */
  reason: string
  message: string
  /** Since when, or when it was said last: ISO 8601, by the cluster's clock. Left out where that is not known. */
  at?: string
}

/** Reasons of complaints that say help is coming: an autoscaler adds a node for the pod. */
export const helpingReasons = ['TriggeredScaleUp', 'Nominated']

export interface ContainerState {
  name: string
  restarts: number
  /** Why the container does not run: `ImagePullBackOff`, `CrashLoopBackOff`, … */
  waiting: Complaint | null
  /** How the last run ended. `message`: why it could not be started. `at`: when, by the cluster's clock. */
  ended: { exitCode: number; reason: string; message?: string; at?: string } | null
  /** As its chart writes it: `256Mi`. Left out where it has none. */
  memoryLimit?: string
}

export interface PodState {
  name: string
  ready: boolean
  containers: ContainerState[]
  complaints: Complaint[]
}

export interface Rollout {
  slot: Slot | null
  /** Since when too few of its pods are ready, by the cluster's clock. null: enough are, or it is not known. */
  unavailableSince: string | null
  pods: PodState[]
  /** Why there are no further pods. */
  complaints: Complaint[]
  /** How many pods are being deleted: what they use becomes free. */
  ending: number
  /** The migration Job. null: there is none. */
  job: {
    succeeded: boolean
    failed: boolean
    pods: PodState[]
    complaints: Complaint[]
  } | null
  /** Why the events, which say more, could not be read. Left out where they were. */
  unread?: string
}

export const planes = ['live', 'preview'] as const
export type Plane = (typeof planes)[number]

export const loginStates = ['ok', 'refused', 'unreachable'] as const

/** Whether new connections to what a pod depends on can be opened. Open ones may work nevertheless. */
export interface Login {
  /** `refused`: its credential is not valid. `unreachable`: this says nothing about the credential. */
  state: (typeof loginStates)[number]
  /** null: none. */
  problem: string | null
}

/** What a pod has handled in the last epoch in which it has handled anything. Times are in ISO 8601, by its own clock. */
export interface Handled {
  epoch: number
  messages: number
  firstAt: string
  lastAt: string
}

/** What a pod reports about one of its planes. */
export interface PlaneReport {
  role: 'live' | 'standby' | 'unknown'
  /** The epoch of its consumers. null: it consumes nothing, or has no gate. */
  epoch: number | null
  /** Whether it has consumers and the broker delivers to them. */
  consuming: boolean
  consumers: number
  inFlight: number
  /** Open connections of HTTP clients. null: the pod does not report them. */
  connections: number | null
  /** null: the pod does not report it. */
  login: Login | null
  /** Left out: nothing yet, or the pod does not report it. */
  handled?: Handled
}

/** What a pod reports about itself. The fields of PlaneReport are those of its live plane. */
export interface PodReport extends PlaneReport {
  /** The gate as last read. null: it could not be read, or the service has none. */
  gate: { epoch: number; color: string | null; revision: string | null } | null
  /** null: the service has no preview plane. */
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

/** Watches the pods of the slots. */
export interface Pods {
  /** Names of the running pods of this slot, ready or not. */
  list(service: string, target: Target): Promise<string[]>
  /** Likewise of all pods that a Service with this target may route to: copies of a pod have its labels, too. */
  selected(service: string, target: Target): Promise<string[]>
  /** How the pods of this slot are, those too that do not run yet. Without what events say of them. */
  states(service: string, target: Target): Promise<PodState[]>
  /** Whether the pods of this service report what they consume. */
  reports(service: string): boolean
  /** null: the pod does not answer. `login`: it tries new logins on the live plane first. */
  report(service: string, pod: string, ask?: { login: 'now' }): Promise<PodReport | null>
  /** Whether the pods of this service tell what is open. */
  tellsOpenWork(service: string): boolean
  /** null: the pod does not answer. */
  openWork(service: string, pod: string, question: OpenWorkQuestion): Promise<OpenWork | null>
  /** How the rollout of this slot stands now. */
  rollout(slot: SlotId): Promise<Rollout>
  /** The same of what the chart of a dependency made. It has no slot, and its Jobs are one. */
  dependency(name: string): Promise<Rollout>
  /** Calls `judge` at every change until it returns a value. null: it returned none within the time. */
  awaitRollout<T>(
    slot: SlotId,
    judge: (rollout: Rollout) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /**
   * Likewise for what the chart of a dependency made. It has no slot, and its Jobs are one, without those that had failed
   * before.
   */
  awaitRelease<T>(
    name: string,
    judge: (rollout: Rollout) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** Likewise for the names of a Service's ready endpoints. */
  awaitEndpoints<T>(
    service: string,
    which: Which,
    judge: (pods: string[]) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** Watches the named pods of a slot until they have ended. */
  awaitEnd(slot: SlotId, pods: readonly string[], options: WaitOptions): Promise<PodEnd[]>
  /** The answer on the readiness path of a pod. */
  readiness(service: string, pod: string): Promise<string>
  /** The last lines of the container's log. `previous`: of the run before its restart. Refused if this user may not. */
  logs(
    pod: string,
    container: string,
    options: { lines: number; previous: boolean },
  ): Promise<string>
}

export interface PodEnd {
  pod: string
  /** null: it did not end within the time, or its end was not seen. */
  exitCode: number | null
}

/** The namespace of an environment, its Secrets and StatefulSets. */
export interface Namespace {
  /** Creates the namespace if it is missing. Returns its uid. */
  ensure(): Promise<string>
  /** null: there is no namespace yet. */
  labels(): Promise<Record<string, string> | null>
  /** Sets labels and returns the API server's warnings. null: this user may not. `dryRun`: nothing is changed. */
  label(
    labels: Readonly<Record<string, string>>,
    options: { dryRun: boolean },
  ): Promise<string[] | null>
  /** null: there is no such Secret. */
  readSecret(name: string): Promise<Record<string, string> | null>
  /** Adds keys. Existing keys stay as they are. */
  addToSecret(name: string, entries: Readonly<Record<string, string>>): Promise<void>
  /** Ready and wanted pods of a StatefulSet. null: there is none of that name. */
  statefulSet(name: string): Promise<{ ready: number; replicas: number } | null>
  /** Whether one of its pods became ready within the time. */
  awaitStatefulSet(name: string, options: WaitOptions): Promise<boolean>
}

/** A Secret or ConfigMap. */
export interface ContentId {
  kind: 'Secret' | 'ConfigMap'
  name: string
}

/** Values by key. Those of a Secret, and `binaryData`, are in base64. */
export interface Content {
  data: Readonly<Record<string, string>>
  binaryData?: Readonly<Record<string, string>>
}

/** An immutable copy for one slot. */
export interface Copy extends ContentId {
  /** The name of the original. */
  of: string
  service: string
  color: Color
  content: Content
}

/** The Secrets and ConfigMaps that slots use, and the copies of them. */
export interface Contents {
  /** null: there is none of that name. */
  read(id: ContentId): Promise<Content | null>
  /** false: the copy exists, and nothing was done. */
  copy(copy: Copy): Promise<boolean>
  /** Deletes the copies that no object of the namespace uses. Returns the others. */
  sweep(): Promise<Omit<Copy, 'of' | 'content'>[]>
}

export interface PodAnswer {
  status: number
  body: string
}

/** The management port of the services' pods: accounts and messages. */
export interface Management {
  /** The path for this on the pods of a service. null: shopctl.yaml names none. */
  path(service: string, what: 'messages' | 'accounting'): string | null
  /** Sends one request; `path` includes the query. null: the pod does not answer. */
  ask(
    service: string,
    pod: string,
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
  ): Promise<PodAnswer | null>
  /** The lines of a long answer as they arrive. Throws if the answer is an error or incomplete. */
  lines(service: string, pod: string, path: string, signal: AbortSignal): AsyncIterable<string>
}

/** The objects of a broker by kind, in the format of RabbitMQ's definitions. */
export type Topology = Record<string, Record<string, unknown>[]>

export interface QueueDepth {
  vhost: string
  name: string
  /** Also those that consumers hold. null: the queue is down. */
  messages: number | null
}

export interface Broker {
  /** What the broker's chart declares. Refused if there is no declaration. */
  declared(): Promise<Topology>
  /** What the broker has. Refused if it cannot be reached. */
  found(): Promise<Topology>
  /** How much waits in its queues, some seconds old. Refused if it cannot be reached. */
  queues(): Promise<QueueDepth[]>
  /** Its alarms, and its nodes that are down or in maintenance. Refused if it cannot be reached. */
  problems(): Promise<string[]>
}

export interface Way {
  url: string
  /** Whether the cluster has not let us send a request. */
  isDenied(): boolean
  close(): Promise<void>
}

/** Opens a connection from this machine to a Service of the environment. */
export interface Traffic {
  open(service: string): Promise<Way>
  /** To one pod, at the port that the preview Service of `service` leads to. null: nobody can say which. */
  openPod(service: string, pod: string): Promise<Way | null>
  /** Sends a GET to such a URL. Returns the status, or why there is none. */
  status(url: string, signal: AbortSignal): Promise<number | string>
}
