// Decides from pods, Deployment and migration Job whether a slot is ready, broken or still starting; pure.
import {
  type Complaint,
  type ContainerState,
  helpingReasons,
  type PodState,
  type Rollout,
} from '../ports/cluster.ts'
import { isReady } from '../slot.ts'
import { complaintLimit, waitingLimit } from './hopeless.ts'

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

/** A problem that is hopeless once it has stood for `limitMs`. `key` is the same while it stands. */
interface Suspicion {
  key: string
  limitMs: number
  problem: RolloutProblem
}

type Verdict = { kind: 'ready' } | RolloutProblem

/** Judges a rollout again and again; null: still starting. `now` is in milliseconds. */
export function createJudge(now: () => number): (rollout: Rollout) => Verdict | null {
  const since = new Map<string, number>()
  return (rollout) => {
    const { slot, job } = rollout
    if (job?.failed) return jobProblem(job)
    const suspicions = suspicionsOf(rollout)
    const keys = suspicions.map(({ key }) => key)
    for (const key of since.keys()) if (!keys.includes(key)) since.delete(key)
    for (const key of keys) since.set(key, since.get(key) ?? now())
    const stands = suspicions.find(({ key, limitMs }) => now() - (since.get(key) ?? 0) >= limitMs)
    if (stands) return stands.problem
    const migrated = job === null || job.succeeded
    return slot && migrated && isReady(slot) ? { kind: 'ready' } : null
  }
}

/** At one look: what is hopeless only after a while is not. */
export function judgeRollout(rollout: Rollout): Verdict | null {
  return createJudge(() => 0)(rollout)
}

function suspicionsOf({ pods, job, complaints, ending }: Rollout): Suspicion[] {
  const migrating = job !== null && !job.succeeded
  const own = (key: string, what: string, found: readonly Complaint[]): Suspicion[] =>
    found.flatMap((complaint) => {
      const limitMs = complaintLimit(complaint)
      const mayFree = ending > 0 || (migrating && job.pods.length > 0)
      if (limitMs === null || (/exceeded quota/.test(complaint.message) && mayFree)) return []
      return [{ key, limitMs, problem: unstarted(`${what}, ${wordsOf(complaint)}`) }]
    })
  const ofPod = (pod: PodState, mayCrash: boolean): Suspicion[] => [
    ...(isHelped(pod) ? [] : own(pod.name, `the pod ${pod.name} cannot start`, pod.complaints)),
    ...pod.containers.flatMap((container) => {
      const { waiting } = container
      const limitMs = waiting && waitingLimit(waiting)
      if (!waiting || limitMs === null) return []
      if (waiting.reason === 'CrashLoopBackOff' && mayCrash) return []
      const key = `${pod.name} ${container.name}`
      return [{ key, limitMs, problem: problemOf(pod, container, waiting) }]
    }),
  ]
  return [
    ...own('', 'its pods cannot be created', complaints),
    ...(migrating ? own('job', 'the migration cannot start', job.complaints) : []),
    // A Job decides itself how often its pods may fail.
    ...(migrating ? job.pods.flatMap((pod) => ofPod(pod, true)) : []),
    // Until the migrations are applied, the pods may fail because tables are missing.
    ...pods.flatMap((pod) => ofPod(pod, migrating)),
  ]
}

function isHelped({ complaints }: PodState): boolean {
  return complaints.some(({ reason }) => helpingReasons.includes(reason))
}

function wordsOf({ reason, message }: Complaint): string {
  return message ? `${reason}: ${message}` : reason
}

function unstarted(what: string): RolloutProblem {
  return { kind: 'broken', what, pod: '', container: '', exitCode: null, restarted: false }
}

function problemOf(pod: PodState, container: ContainerState, waiting: Complaint): RolloutProblem {
  const ended = waiting.reason === 'CrashLoopBackOff' ? container.ended : null
  const what = ended
    ? `the container ${container.name} ended with ${exitOf(ended)}, ${container.restarts + 1} times so far.`
    : `the pod cannot start, ${wordsOf(waiting)}`
  return {
    kind: 'broken',
    what,
    pod: pod.name,
    container: container.name,
    exitCode: ended?.exitCode ?? null,
    restarted: true,
  }
}

function jobProblem({ pods, complaints }: NonNullable<Rollout['job']>): RolloutProblem {
  const [why] = complaints
  const pod = pods.findLast(({ containers }) => containers.some(({ ended }) => ended))
  const container = pod?.containers.find(({ ended }) => ended)
  const ended = container?.ended ?? null
  const exit = ended ? ` with ${exitOf(ended)}` : ''
  const reason = why ? `, ${wordsOf(why)}` : '.'
  return {
    kind: 'broken',
    what: `the migration failed${exit}${reason}`,
    pod: pod?.name ?? '',
    container: container?.name ?? '',
    exitCode: ended?.exitCode ?? null,
    restarted: false,
  }
}

function exitOf({ exitCode, reason, message }: NonNullable<ContainerState['ended']>): string {
  const why = ['', 'Error', 'Completed'].includes(reason) ? '' : ` (${reason})`
  const words = message ? `: ${message.trim().slice(0, 500)}` : ''
  return `exit code ${exitCode}${why}${words}`
}

/** Why a slot is not ready yet, as far as Kubernetes reports it. */
export function pendingReasons({ pods, job, complaints }: Rollout): string[] {
  const isMigrating = job !== null && !job.succeeded
  return [
    ...(isMigrating ? ['The migration Job has not ended.', ...job.complaints.map(wordsOf)] : []),
    ...(isMigrating ? waitingLines(job.pods) : []),
    ...(pods.length === 0 ? ['No pod was created.'] : []),
    ...complaints.map(wordsOf),
    ...waitingLines(pods),
  ]
}

/** Why a dependency is not ready yet. */
export function complaintLines({ pods, job, complaints }: Rollout): string[] {
  return [
    ...[...complaints, ...(job?.complaints ?? [])].map(wordsOf),
    ...waitingLines([...pods, ...(job?.pods ?? [])]),
  ]
}

export function isWaiting({ containers }: PodState): boolean {
  return containers.some(({ waiting }) => waiting !== null)
}

function waitingLines(pods: readonly PodState[]): string[] {
  return pods.flatMap(({ name, containers, complaints }) => [
    ...containers.flatMap(({ waiting }) => (waiting ? [`${name}: ${wordsOf(waiting)}`] : [])),
    ...complaints.map((complaint) => `${name}: ${wordsOf(complaint)}`),
  ])
}
