// Reads Kubernetes objects into the types of a release. Pure.
import { createHash } from 'node:crypto'
import type {
  CoreV1Event,
  V1Container,
  V1ContainerStatus,
  V1Deployment,
  V1EndpointSlice,
  V1Pod,
  V1PodTemplateSpec,
  V1Service,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node'
import { canonical } from '../../release/canonical.ts'
import {
  type Handled,
  type Login,
  loginStates,
  type PlaneReport,
  type PodReport,
  type PodState,
  type Which,
} from '../../release/ports/cluster.ts'
import { type Color, type Slot, slotLabels, type Target } from '../../release/slot.ts'
import type { Pointer } from '../../release/state.ts'
import { claimComplaints, podComplaints, timeText } from './complaints.ts'

export const labels = {
  service: 'app.kubernetes.io/name',
  color: 'shopctl.dev/color',
  revision: 'shopctl.dev/revision',
  version: 'shopctl.dev/version',
  migrations: 'shopctl.dev/migrations',
  replicas: 'shopctl.dev/replicas',
  minReplicas: 'shopctl.dev/min-replicas',
  retried: 'shopctl.dev/retried',
  release: 'shopctl.dev/release',
  helmRelease: 'meta.helm.sh/release-name',
} as const

function isColor(text: string | undefined): text is Color {
  return text === 'blue' || text === 'green'
}

export function serviceName(service: string, which: Which): string {
  return which === 'stable' ? service : `${service}-preview`
}

/** Name of a slot's migration Job. */
export function jobName(service: string, color: Color): string {
  return `${service}-${color}-migrate`
}

/** A color that no pod has. It removes the endpoints of a Service; without a selector they would stay. */
const nowhere = { color: 'none', revision: 'none' }

/** The selector of a Service. null selects no pod. */
export function selectorOf(service: string, target: Target | null): Record<string, string> {
  return slotLabels(service, target ?? nowhere)
}

/** The query that selects the one object of this name in a list, which can be watched. */
export function named(name: string): string {
  const selector = encodeURIComponent(`metadata.name=${name}`)
  return `fieldSelector=${selector}`
}

/** Label selector for the query of a list or watch. */
export function queryOf(selector: Readonly<Record<string, string>>): string {
  return `labelSelector=${encodeURIComponent(
    Object.entries(selector)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  )}`
}

/** The path to a port of a pod, through the API server's proxy. `path` begins with a slash. */
export function podPath(namespace: string, pod: string, port: number, path: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`
}

/** null for a Deployment that is not a slot. The labels of its pods name the slot. */
export function slotOf(
  deployment: V1Deployment,
  autoscalers: readonly V2HorizontalPodAutoscaler[] = [],
): Slot | null {
  const { annotations = {}, generation = 0 } = deployment.metadata ?? {}
  const { template, replicas = 1 } = deployment.spec ?? {}
  const marks = template?.metadata?.labels ?? {}
  const color = marks[labels.color]
  const revision = marks[labels.revision]
  if (!isColor(color) || revision === undefined) return null
  const { status } = deployment
  // The status may be of an earlier generation, and readyReplicas also counts pods of the old revision.
  const current = (status?.observedGeneration ?? 0) >= generation
  const updated = status?.updatedReplicas ?? 0
  const old = (status?.replicas ?? 0) - updated
  const ready = current ? Math.max(0, Math.min(updated, (status?.readyReplicas ?? 0) - old)) : 0
  const containers = template?.spec?.containers ?? []
  const digest = digestOf(containers, marks[labels.service])
  const autoscaler = autoscalerOf(autoscalers, deployment.metadata?.name ?? '')
  return {
    color,
    revision,
    template: templateHash(template),
    replicas,
    ready,
    declared: numberOf(annotations[labels.replicas]),
    autoscaler: autoscaler && {
      min: autoscaler.spec?.minReplicas ?? 1,
      declaredMin: numberOf(autoscaler.metadata?.annotations?.[labels.minReplicas]),
    },
    digest,
    version: annotations[labels.version] ?? digest.slice(7, 19),
    migrations: annotations[labels.migrations] ?? null,
    settings: settingsOf(containers, marks[labels.service]),
    helmRelease: annotations[labels.helmRelease] ?? null,
    kept: annotations['helm.sh/resource-policy'] === 'keep',
  }
}

/** Without its annotations: a restart changes them alone. */
function templateHash(template: V1PodTemplateSpec | undefined): string {
  const content = canonical(template?.spec ?? null)
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text)
}

/** The one that scales this Deployment. */
export function autoscalerOf(
  autoscalers: readonly V2HorizontalPodAutoscaler[],
  deployment: string,
): V2HorizontalPodAutoscaler | null {
  const found = autoscalers.find(({ spec }) => {
    const { kind, name } = spec?.scaleTargetRef ?? {}
    return kind === 'Deployment' && name === deployment
  })
  return found ?? null
}

/** Of the container with the service's name, else of the first container with a digest. */
function digestOf(containers: readonly V1Container[], service: string | undefined): string {
  const own = containers.filter(({ name }) => name === service)
  const digests = [...own, ...containers].flatMap(({ image = '' }) => image.split('@')[1] ?? [])
  return digests[0] ?? ''
}

function settingsOf(
  containers: readonly V1Container[],
  service: string | undefined,
): Record<string, string> {
  const own = containers.find(({ name }) => name === service) ?? containers[0]
  const plain = own?.env?.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))
  return Object.fromEntries(plain ?? [])
}

/** A Service without a selector, or with one that shopctl did not write, names no slot. */
export function pointerOf(service: V1Service): Pointer {
  const selector = service.spec?.selector ?? {}
  const color = selector[labels.color]
  const revision = selector[labels.revision]
  return {
    target: isColor(color) && revision !== undefined ? { color, revision } : null,
    resourceVersion: service.metadata?.resourceVersion ?? '',
    release: service.metadata?.annotations?.[labels.release] ?? null,
  }
}

function containerOf(
  { name, restartCount, state, lastState }: V1ContainerStatus,
  spec: V1Container | undefined,
): PodState['containers'][number] {
  const ended = state?.terminated ?? lastState?.terminated
  const memoryLimit = spec?.resources?.limits?.memory
  return {
    name,
    restarts: restartCount,
    waiting: state?.waiting
      ? { reason: state.waiting.reason ?? '', message: state.waiting.message ?? '' }
      : null,
    ended: ended
      ? {
          exitCode: ended.exitCode,
          reason: ended.reason ?? '',
          ...(ended.reason === 'StartError' && { message: ended.message ?? '' }),
          ...(ended.finishedAt && { at: timeText(ended.finishedAt) }),
        }
      : null,
    ...(memoryLimit !== undefined && { memoryLimit }),
  }
}

export function podOf(pod: V1Pod, events: readonly CoreV1Event[] = []): PodState {
  const specs = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  return {
    name: pod.metadata?.name ?? '',
    ready:
      pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
      false,
    containers: [
      ...(pod.status?.initContainerStatuses ?? []),
      ...(pod.status?.containerStatuses ?? []),
    ].map((status) =>
      containerOf(
        status,
        specs.find(({ name }) => name === status.name),
      ),
    ),
    complaints: [...podComplaints(pod, events), ...claimComplaints(pod, events)],
  }
}

export function hasEnded({ status }: V1Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** All others count for nothing: the Deployment has replaced them. */
export function isActive(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp === undefined && !hasEnded(pod)
}

/** Copies by `kubectl debug` and pods of a Job may have the labels of a slot, too. */
export function isOfDeployment({ metadata }: V1Pod): boolean {
  return (
    metadata?.ownerReferences?.some(
      ({ kind, controller }) => kind === 'ReplicaSet' && controller === true,
    ) ?? false
  )
}

/** From the answer of `management.role`; null: it is no report. Versions without a gate leave fields out. */
export function reportOf(report: Partial<PodReport> | null): PodReport | null {
  const live = planeReportOf(report)
  if (!report || !live) return null
  return { ...live, gate: report.gate ?? null, preview: planeReportOf(report.preview ?? null) }
}

function planeReportOf(report: Partial<PlaneReport> | null): PlaneReport | null {
  if (typeof report?.role !== 'string') return null
  const { role, epoch = null, consuming = false, consumers = 0, inFlight = 0 } = report
  const connections = typeof report.connections === 'number' ? report.connections : null
  return {
    role,
    epoch,
    consuming,
    consumers,
    inFlight,
    connections,
    login: loginOf(report.login),
    ...handledOf(report.handled),
  }
}

function handledOf(handled: Partial<Handled> | null | undefined): Pick<PlaneReport, 'handled'> {
  const { epoch, messages, firstAt, lastAt } = handled ?? {}
  const areNumbers = typeof epoch === 'number' && typeof messages === 'number'
  const areTimes = [firstAt, lastAt].every((at) => !Number.isNaN(Date.parse(String(at))))
  return areNumbers && areTimes
    ? { handled: { epoch, messages, firstAt: String(firstAt), lastAt: String(lastAt) } }
    : {}
}

function loginOf(login: Partial<Login> | null | undefined): Login | null {
  const state = loginStates.find((each) => each === login?.state)
  const problem = login?.problem
  return state
    ? { state, problem: typeof problem === 'string' ? problem.slice(0, 300) : null }
    : null
}

/** Names of the pods that get traffic. */
export function readyEndpoints(slices: readonly V1EndpointSlice[]): string[] {
  return slices.flatMap((slice) =>
    (slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .map(({ targetRef, addresses }) => targetRef?.name ?? addresses[0] ?? ''),
  )
}
