// Reads Kubernetes objects as the release sees them; pure. Labels and names are those that charts/shop-service makes.
import type {
  V1ContainerStatus,
  V1Deployment,
  V1EndpointSlice,
  V1Job,
  V1Pod,
  V1Service,
} from '@kubernetes/client-node'
import type { PlaneRole, PodState, Role, Rollout } from '../../release/ports.ts'
import type { Color, Pointer, Slot, Target } from '../../release/state.ts'

export const labels = {
  service: 'app.kubernetes.io/name',
  color: 'shopctl.dev/color',
  revision: 'shopctl.dev/revision',
  version: 'shopctl.dev/version',
  digest: 'shopctl.dev/digest',
} as const

function isColor(text: string | undefined): text is Color {
  return text === 'blue' || text === 'green'
}

export function slotName(service: string, color: Color): string {
  return `${service}-${color}`
}

export function serviceName(service: string, which: 'stable' | 'preview'): string {
  return which === 'stable' ? service : `${service}-preview`
}

export function selectorOf(service: string, target: Target): Record<string, string> {
  return {
    [labels.service]: service,
    [labels.color]: target.color,
    [labels.revision]: target.revision,
  }
}

/** Label selector for the query of a list or watch. */
export function queryOf(selector: Readonly<Record<string, string>>): string {
  return `labelSelector=${encodeURIComponent(
    Object.entries(selector)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  )}`
}

const managementPort = 9090

/** Of a pod's management port, through the API server's proxy; `path` begins with a slash. */
export function managementPath(namespace: string, pod: string, path: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod}:${managementPort}/proxy${path}`
}

/** null for a Deployment that is no slot. */
export function slotOf(deployment: V1Deployment): Slot | null {
  const { labels: marks = {}, annotations = {}, generation = 0 } = deployment.metadata ?? {}
  const color = marks[labels.color]
  const revision = marks[labels.revision]
  if (!isColor(color) || revision === undefined) return null
  const { status } = deployment
  const replicas = deployment.spec?.replicas ?? 1
  // Until the controller has seen this generation, and while pods of the last one are ready too, its count is not ours.
  const current = (status?.observedGeneration ?? 0) >= generation
  const updated = status?.updatedReplicas ?? 0
  const old = (status?.replicas ?? 0) - updated
  const ready = current ? Math.max(0, Math.min(updated, (status?.readyReplicas ?? 0) - old)) : 0
  return {
    color,
    revision,
    replicas,
    ready,
    digest: annotations[labels.digest] ?? '',
    version: annotations[labels.version] ?? '',
  }
}

/** A Service without selector, or one that somebody else wrote, names no slot. */
export function pointerOf(service: V1Service): Pointer {
  const selector = service.spec?.selector ?? {}
  const color = selector[labels.color]
  const revision = selector[labels.revision]
  return {
    target: isColor(color) && revision !== undefined ? { color, revision } : null,
    resourceVersion: service.metadata?.resourceVersion ?? '',
  }
}

function containerOf({
  name,
  restartCount,
  state,
  lastState,
}: V1ContainerStatus): PodState['containers'][number] {
  const ended = state?.terminated ?? lastState?.terminated
  return {
    name,
    restarts: restartCount,
    waiting: state?.waiting
      ? { reason: state.waiting.reason ?? '', message: state.waiting.message ?? '' }
      : null,
    ended: ended ? { exitCode: ended.exitCode, reason: ended.reason ?? '' } : null,
  }
}

export function podOf(pod: V1Pod): PodState {
  return {
    name: pod.metadata?.name ?? '',
    ready:
      pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
      false,
    containers: [
      ...(pod.status?.initContainerStatuses ?? []),
      ...(pod.status?.containerStatuses ?? []),
    ].map(containerOf),
  }
}

export function isGoing(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined
}

/** What `/role` answered; null when that is no such report. Versions before the gate leave some of it out. */
export function roleOf(report: Partial<Role> | null): Role | null {
  const live = planeRoleOf(report)
  if (!report || !live) return null
  return { ...live, gate: report.gate ?? null, preview: planeRoleOf(report.preview ?? null) }
}

function planeRoleOf(report: Partial<PlaneRole> | null): PlaneRole | null {
  if (typeof report?.role !== 'string') return null
  const { role, epoch = null, consuming = false, consumers = 0, inFlight = 0 } = report
  return { role, epoch, consuming, consumers, inFlight }
}

function hasCondition(job: V1Job, wanted: string): boolean {
  return (
    job.status?.conditions?.some(({ type, status }) => type === wanted && status === 'True') ??
    false
  )
}

export function hasFailed(job: V1Job): boolean {
  return hasCondition(job, 'Failed')
}

export function rolloutOf(
  deployments: readonly V1Deployment[],
  pods: readonly V1Pod[],
  jobs: readonly V1Job[],
  jobPods: readonly V1Pod[],
): Rollout {
  return {
    slot: deployments[0] ? slotOf(deployments[0]) : null,
    pods: pods.filter((pod) => !isGoing(pod)).map(podOf),
    job: jobs[0]
      ? {
          succeeded: hasCondition(jobs[0], 'Complete'),
          failed: hasFailed(jobs[0]),
          pods: jobPods.map(podOf),
        }
      : null,
  }
}

/** Names of the pods that get traffic. */
export function readyEndpoints(slices: readonly V1EndpointSlice[]): string[] {
  return slices.flatMap((slice) =>
    (slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .map(({ targetRef, addresses }) => targetRef?.name ?? addresses[0] ?? ''),
  )
}
