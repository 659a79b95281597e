// What keeps a slot from having its pods: the migration, a quota, a denial, the nodes. Pure.
import type { Complaint, PodState, Rollout } from '../../release/ports/cluster.ts'
import type { Cause } from './causes.ts'
import { endText } from './containers.ts'
import type { Found } from './facts.ts'
import { deployAgain, goBack, type SlotView } from './slot-view.ts'
import { complaintText, kubectl, logEvidence, shopctl } from './words.ts'

type Job = NonNullable<Rollout['job']>

/** Its Job runs, and has not ended. */
export function isMigrating(job: Rollout['job']): job is Job {
  return job !== null && !job.succeeded && !job.failed
}

export function migrationFindings(view: SlotView, job: Rollout['job']): Found[] {
  if (!job || job.succeeded) return []
  const { facts, name, service, color } = view
  const ended = lastEnded(job.pods)
  const evidence = [
    ...(ended ? [`${ended.pod.name}: ${endText(view, ended.container)}`] : []),
    ...new Set(job.complaints.map((each) => complaintText(facts, each))),
    ...job.pods.slice(-1).flatMap((pod) => logEvidence(logOf(view, pod))),
  ]
  const jobLogs = kubectl(facts, `logs job/${service}-${color}-migrate`)
  if (!job.failed && !ended) {
    const what = 'its migration has not ended.'
    return [{ cause: 'migration-running', what, evidence, hint: `${jobLogs} shows what it does.` }]
  }
  const isMemory = ended?.container.ended?.reason === 'OOMKilled'
  const fix = isMemory ? 'Give it more memory' : 'Correct the migration'
  const again = job.failed ? '' : ', and is tried again'
  return [
    {
      cause: isMemory ? 'out-of-memory' : 'migration-failed',
      what: isMemory
        ? 'its migration needs more memory than it may use.'
        : `its migration failed${again}.`,
      evidence,
      hint: `${jobLogs} shows all of it. ${fix}, then ${deployAgain({ facts, service })} runs it again for ${name}.`,
    },
  ]
}

function lastEnded(pods: readonly PodState[]) {
  const found = pods.flatMap((pod) =>
    pod.containers.flatMap((container) =>
      container.ended && container.ended.exitCode !== 0 ? [{ pod, container }] : [],
    ),
  )
  return found.at(-1) ?? null
}

function logOf({ logs }: SlotView, { name }: PodState) {
  return logs.find(({ pod }) => pod === name)
}

/** Why its pods, or those of its migration, are not made. */
export function creationFindings(view: SlotView, complaints: readonly Complaint[]): Found[] {
  return complaints.flatMap((complaint) => {
    const found = creationFinding(view, complaint)
    return found ? [found] : []
  })
}

function creationFinding(view: SlotView, complaint: Complaint): Found | null {
  const { facts, service, color } = view
  const { reason, message } = complaint
  const evidence = [complaintText(facts, complaint)]
  const of = (cause: Cause, what: string, hint: string): Found => {
    return { cause, what, evidence, hint: `${goBack(view)}${hint}` }
  }
  if (reason === 'DeploymentPaused' || reason === 'JobSuspended') {
    const resume = kubectl(facts, `rollout resume deployment/${service}-${color}`)
    return of('rollout-paused', 'somebody has paused its rollout.', `${resume} goes on.`)
  }
  if (reason !== 'FailedCreate') return null
  if (/exceeded quota/.test(message)) {
    const quota = `${kubectl(facts, 'describe resourcequota')} shows what is used.`
    const free = `${shopctl(facts, 'cleanup')} deletes the slots that are not live.`
    return of('quota', 'the quota of the namespace allows no further pod.', `${quota} ${free}`)
  }
  if (/denied (the )?request|violates PodSecurity|is forbidden: /.test(message)) {
    const fix = `Correct its chart or its values, then ${deployAgain(view)}.`
    return of('denied', 'the cluster does not accept its pods.', fix)
  }
  const describe = kubectl(facts, `describe deployment ${service}-${color}`)
  return of('pods-not-created', 'the cluster cannot make its pods.', `${describe} shows more.`)
}

/** Pods that find no node. */
export function nodeFindings(view: SlotView, pods: readonly PodState[]): Found[] {
  const { facts } = view
  const waiting = pods.flatMap((pod) =>
    pod.complaints.flatMap((each) => (each.reason === 'Unschedulable' ? [{ pod, each }] : [])),
  )
  const [first] = waiting
  if (!first) return []
  const lacks = [...first.each.message.matchAll(/(?:Insufficient|Too many) ([\w./-]+)/g)]
  const names = [...new Set(lacks.map(([, name = '']) => name.replace(/[.,]$/, '')))]
  const enough = names.length > 0 ? `has enough ${names.join(' and ')}` : 'takes it'
  const evidence = waiting.flatMap(({ pod }) =>
    pod.complaints.map((each) => `${pod.name}: ${complaintText(facts, each)}`),
  )
  const lower = 'Lower `resources.requests` in its values, or add a node'
  return [
    {
      cause: 'unschedulable',
      what: `no node ${enough}.`,
      evidence: evidence.slice(0, 3),
      hint: `${goBack(view)}\`kubectl describe nodes\` shows what is used. ${lower}, then ${deployAgain(view)}.`,
    },
  ]
}
