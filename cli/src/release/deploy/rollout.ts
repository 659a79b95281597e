// Decides from pods, Deployment and migration Job whether a slot is ready, broken or still starting; pure.
import type { ContainerState, PodState, Rollout } from '../ports/cluster.ts'
import { isReady } from '../slot.ts'

export interface RolloutProblem {
  kind: 'broken'
  what: string
  pod: string
  container: string
  /** null: the container never ran. */
  exitCode: number | null
  /** Whether the failed run is the one before the current run. */
  restarted: boolean
}

/** Waiting reasons that do not go away by themselves. */
const hopeless = [
  'ImagePullBackOff',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'CrashLoopBackOff',
]

/** null: still starting. */
export function judgeRollout({
  slot,
  pods,
  job,
}: Rollout): { kind: 'ready' } | RolloutProblem | null {
  if (job?.failed) return jobProblem(job.pods)
  const migrated = job === null || job.succeeded
  // Until the migrations are applied, the pods may fail because tables are missing.
  const broken = migrated ? firstProblem(pods) : null
  if (broken) return broken
  return slot && migrated && isReady(slot) ? { kind: 'ready' } : null
}

function firstProblem(pods: readonly PodState[]): RolloutProblem | null {
  for (const pod of pods) {
    for (const container of pod.containers) {
      if (container.waiting && hopeless.includes(container.waiting.reason)) {
        return problemOf(pod, container, container.waiting)
      }
    }
  }
  return null
}

function problemOf(
  pod: PodState,
  container: ContainerState,
  waiting: { reason: string; message: string },
): RolloutProblem {
  const ended = waiting.reason === 'CrashLoopBackOff' ? container.ended : null
  const what = ended
    ? `the container ${container.name} ended with ${exitOf(ended)}, ${container.restarts + 1} times so far.`
    : `the pod cannot start, ${waiting.reason}: ${waiting.message}`
  return {
    kind: 'broken',
    what,
    pod: pod.name,
    container: container.name,
    exitCode: ended?.exitCode ?? null,
    restarted: true,
  }
}

function jobProblem(pods: readonly PodState[]): RolloutProblem {
  const pod = pods.findLast(({ containers }) => containers.some(({ ended }) => ended))
  const container = pod?.containers.find(({ ended }) => ended)
  const ended = container?.ended ?? null
  return {
    kind: 'broken',
    what: `the migration failed${ended ? ` with ${exitOf(ended)}` : ''}.`,
    pod: pod?.name ?? '',
    container: container?.name ?? '',
    exitCode: ended?.exitCode ?? null,
    restarted: false,
  }
}

function exitOf({ exitCode, reason }: { exitCode: number; reason: string }): string {
  return `exit code ${exitCode}${['', 'Error', 'Completed'].includes(reason) ? '' : ` (${reason})`}`
}

/** Why a slot is not ready yet, as far as Kubernetes reports it. */
export function pendingReasons({ pods, job }: Rollout): string[] {
  const isMigrating = job !== null && !job.succeeded
  return [
    ...(isMigrating ? ['The migration Job has not ended.', ...waitingLines(job.pods)] : []),
    ...(pods.length === 0 ? ['No pod was created.'] : waitingLines(pods)),
  ]
}

/** A pod of the migration Job that keeps the slot from being ready. */
export function migrationPod({ job }: Rollout): PodState | null {
  return (job && !job.succeeded && job.pods.at(-1)) || null
}

export function isWaiting({ containers }: PodState): boolean {
  return containers.some(({ waiting }) => waiting !== null)
}

function waitingLines(pods: readonly PodState[]): string[] {
  return pods.flatMap(({ name, containers }) =>
    containers.flatMap(({ waiting }) =>
      waiting ? [`${name}: ${waiting.reason}${waiting.message && `: ${waiting.message}`}`] : [],
    ),
  )
}
