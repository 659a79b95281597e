// How the pods of a slot or of a dependency come up, from the objects of the cluster. Pure.
import type {
  CoreV1Event,
  V1Deployment,
  V1Job,
  V1ObjectMeta,
  V1Pod,
  V1StatefulSet,
} from '@kubernetes/client-node'
import type { Rollout } from '../../release/ports/cluster.ts'
import { deploymentComplaints, jobFailure, lacksPods, ownerComplaints } from './complaints.ts'
import { hasEnded, isActive, isOfDeployment, labels, podOf, slotOf } from './objects.ts'

function hasCondition(job: V1Job, wanted: string): boolean {
  return (
    job.status?.conditions?.some(({ type, status }) => type === wanted && status === 'True') ??
    false
  )
}

export function hasFailed(job: V1Job): boolean {
  return hasCondition(job, 'Failed')
}

/** The objects of a slot: its Deployment, its pods of all revisions, its migration Job, and the events of the namespace. */
export interface SlotParts {
  deployments: readonly V1Deployment[]
  pods: readonly V1Pod[]
  jobs: readonly V1Job[]
  jobPods: readonly V1Pod[]
  events: readonly CoreV1Event[]
}

export function rolloutOf(revision: string, parts: SlotParts): Rollout {
  const { deployments, pods, jobs, jobPods, events } = parts
  const [deployment] = deployments
  const [job] = jobs
  const available = deployment?.status?.conditions?.find(({ type }) => type === 'Available')
  const ofJob = jobPods.filter((pod) => job && isOf(pod, job))
  const isNew = (pod: V1Pod): boolean => pod.metadata?.labels?.[labels.revision] === revision
  const active = pods.filter((pod) => isActive(pod) && isOfDeployment(pod) && isNew(pod))
  return {
    slot: deployment ? slotOf(deployment) : null,
    unavailableSince:
      available?.status === 'False' ? String(available.lastTransitionTime ?? '') || null : null,
    pods: active.map((pod) => podOf(pod, events)),
    complaints: deploymentComplaints(deployment),
    ending: pods.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined).length,
    job: job ? jobStateOf(job, ofJob, events) : null,
  }
}

function jobStateOf(
  job: V1Job,
  pods: readonly V1Pod[],
  events: readonly CoreV1Event[],
): NonNullable<Rollout['job']> {
  const succeeded = hasCondition(job, 'Complete')
  const isMissing = !succeeded && pods.every(hasEnded)
  return {
    succeeded,
    failed: hasFailed(job),
    pods: pods.map((pod) => podOf(pod, events)),
    complaints: [...jobFailure(job), ...(isMissing ? ownerComplaints(job, events) : [])],
  }
}

/** What the chart of a dependency made. */
export interface ReleaseParts {
  sets: readonly V1StatefulSet[]
  deployments: readonly V1Deployment[]
  jobs: readonly V1Job[]
  pods: readonly V1Pod[]
  events: readonly CoreV1Event[]
}

export function releaseOf(name: string, parts: ReleaseParts): Rollout {
  const { events } = parts
  // The objects of hooks have no annotation of their release.
  const isMine = ({ metadata }: { metadata?: V1ObjectMeta }): boolean =>
    metadata?.annotations?.[labels.helmRelease] === name ||
    metadata?.name === name ||
    (metadata?.name ?? '').startsWith(`${name}-`)
  const sets = parts.sets.filter(isMine)
  const deployments = parts.deployments.filter(isMine)
  const jobs = parts.jobs.filter(isMine)
  const active = parts.pods.filter(isActive)
  const own = active.filter(
    (pod) =>
      sets.some((set) => isOf(pod, set) && isUpToDate(pod, set)) ||
      deployments.some(
        (each) => isOfDeployment(pod) && pod.metadata?.name?.startsWith(`${each.metadata?.name}-`),
      ),
  )
  const states = jobs.map((job) =>
    jobStateOf(
      job,
      active.filter((pod) => isOf(pod, job)),
      events,
    ),
  )
  return {
    slot: null,
    unavailableSince: null,
    pods: own.map((pod) => podOf(pod, events)),
    complaints: [
      ...deployments.flatMap(deploymentComplaints),
      ...sets.filter(lacksPods).flatMap((set) => ownerComplaints(set, events)),
    ],
    ending: parts.pods.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined).length,
    job: {
      succeeded: false,
      failed: states.some(({ failed }) => failed),
      pods: states.flatMap(({ pods }) => pods),
      complaints: states.flatMap(({ complaints }) => complaints),
    },
  }
}

/** A StatefulSet replaces its pods one after another. */
function isUpToDate({ metadata }: V1Pod, { status }: V1StatefulSet): boolean {
  const revision = metadata?.labels?.['controller-revision-hash']
  return revision === undefined || revision === status?.updateRevision
}

/** By uid: an earlier owner may have had the same name. */
function isOf(pod: V1Pod, owner: { metadata?: V1ObjectMeta }): boolean {
  return pod.metadata?.ownerReferences?.some(({ uid }) => uid === owner.metadata?.uid) ?? false
}
