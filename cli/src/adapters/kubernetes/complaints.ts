// What the cluster says, in its own words, about objects that do not come up. Pure.
import type {
  CoreV1Event,
  V1Deployment,
  V1DeploymentCondition,
  V1Job,
  V1ObjectMeta,
  V1Pod,
  V1PodCondition,
  V1StatefulSet,
} from '@kubernetes/client-node'
import { type Complaint, helpingReasons } from '../../release/ports/cluster.ts'

/** Events that say the same as the state of a container or a condition. */
const repeated = new Set(['BackOff', 'Failed', 'FailedScheduling', 'InspectFailed'])

function timeOf(event: CoreV1Event): number {
  const at = saidAt(event)
  return at ? new Date(String(at)).getTime() : 0
}

/** When an event was seen last. */
function saidAt({ series, lastTimestamp, eventTime, firstTimestamp }: CoreV1Event) {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? firstTimestamp
}

function byTime(one: CoreV1Event, other: CoreV1Event): number {
  return timeOf(one) - timeOf(other)
}

/** The latest event about an object, if it says more than the object itself. */
function latest(events: readonly CoreV1Event[], uid: string | undefined): Complaint[] {
  const about = events
    .filter(({ involvedObject }) => uid !== undefined && involvedObject.uid === uid)
    .filter(({ reason = '' }) => !repeated.has(reason))
    .sort(byTime)
  const last = about.at(-1)
  const helper = about.find(({ reason = '' }) => helpingReasons.includes(reason))
  return [helper, last?.type === 'Warning' ? last : undefined].flatMap((event) =>
    event ? [complaintOf(event)] : [],
  )
}

function complaintOf(of: V1PodCondition | V1DeploymentCondition | CoreV1Event): Complaint {
  const { reason = '', message = '' } = of
  const at = 'involvedObject' in of ? saidAt(of) : of.lastTransitionTime
  return { reason, message: message.trim(), ...(at && { at: timeText(at) }) }
}

/** The API server writes text, although its types say otherwise. */
export function timeText(at: Date | string): string {
  return typeof at === 'string' ? at : at.toISOString()
}

/** Why a pod is not scheduled or not started, or fails its probes. */
export function podComplaints(pod: V1Pod, events: readonly CoreV1Event[]): Complaint[] {
  const conditions = pod.status?.conditions ?? []
  const unscheduled = conditions.filter(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  )
  return [...unscheduled.map(complaintOf), ...latest(events, pod.metadata?.uid)]
}

export function lacksReplicas({ status }: V1Deployment): boolean {
  return (status?.conditions ?? []).some(isReplicaFailure)
}

function isReplicaFailure({ type, status }: V1DeploymentCondition): boolean {
  return type === 'ReplicaFailure' && status === 'True'
}

/** Why a Deployment makes no pods. */
export function deploymentComplaints(deployment: V1Deployment | undefined): Complaint[] {
  const { conditions = [], observedGeneration = 0 } = deployment?.status ?? {}
  // What stands there is about an earlier template.
  if (observedGeneration < (deployment?.metadata?.generation ?? 0)) return []
  return conditions
    .filter(
      (each) => isReplicaFailure(each) || (each.type === 'Progressing' && each.status !== 'True'),
    )
    .map(complaintOf)
}

/** Why a Job or a StatefulSet that lacks pods makes none. Of one that has them, the events are not about now. */
export function ownerComplaints(
  { metadata }: { metadata?: V1ObjectMeta },
  events: readonly CoreV1Event[],
): Complaint[] {
  return latest(events, metadata?.uid)
}

export function lacksPods({ spec, status }: V1StatefulSet): boolean {
  return (status?.replicas ?? 0) < (spec?.replicas ?? 1)
}

/** Why the claims of a pod have no volume. */
export function claimComplaints(pod: V1Pod, events: readonly CoreV1Event[]): Complaint[] {
  const claims = (pod.spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  )
  const names = new Set(claims)
  const about = events.filter(
    ({ involvedObject, type }) =>
      type === 'Warning' &&
      involvedObject.kind === 'PersistentVolumeClaim' &&
      names.has(involvedObject.name ?? ''),
  )
  return about.toSorted(byTime).slice(-1).map(complaintOf)
}

/** Why a Job failed: its pods may be gone. */
export function jobFailure(job: V1Job): Complaint[] {
  const failed = (job.status?.conditions ?? []).filter(
    ({ type, status }) => status === 'True' && (type === 'Failed' || type === 'Suspended'),
  )
  return failed.map(complaintOf)
}
