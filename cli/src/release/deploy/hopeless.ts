// Which complaints of the cluster do not go away by themselves. Pure.
import type { Complaint } from '../ports/cluster.ts'

/** A cache of the cluster may not have an object yet that was just made. */
const syncMs = 8_000
/** In this time an autoscaler says that it adds a node, and pods that end free the quota. */
const othersMs = 15_000

/** What goes away: a component that is away for a moment, or a cache that is not complete. */
const passing =
  /failed calling webhook|status unknown for quota|failed to sync \w+ cache|timed out|timeout|deadline exceeded|connection (refused|reset)|\bEOF\b|too many requests|\b5\d\d (internal|bad|service|gateway)|internal error|etcdserver|try again|has been modified|unable to handle the request/i
const denied = /denied (the )?request/i

function mayPass(message: string): boolean {
  return passing.test(message) && !denied.test(message)
}

/** No other pod's end helps, and the reason is none that comes and goes: the node's state, a volume, a drained node. */
function fitsNowhere(message: string): boolean {
  if (/persistentvolumeclaim "[^"]*" not found/.test(message)) return true
  const [, nodes, helpless] =
    /preemption: 0\/(\d+) nodes are available: (\d+) Preemption is not helpful/.exec(message) ?? []
  const comesAndGoes = /kubernetes\.io\/|cloudprovider|volume|were unschedulable/i
  return nodes !== undefined && nodes === helpless && !comesAndGoes.test(message)
}

/** After how many milliseconds it is hopeless. null: it may pass. */
export function complaintLimit({ reason, message }: Complaint): number | null {
  if (mayPass(message)) return null
  if (reason === 'FailedCreate') return /exceeded quota/.test(message) ? othersMs : syncMs
  if (reason === 'Unschedulable') return fitsNowhere(message) ? othersMs : null
  if (reason === 'DeploymentPaused' || reason === 'JobSuspended') return syncMs
  const isMissing = /not found|references non-existent|not registered/.test(message)
  return reason === 'FailedMount' && isMissing ? syncMs : null
}

/** The same for the reason why a container waits. */
export function waitingLimit({ reason, message }: Complaint): number | null {
  if (['InvalidImageName', 'ErrImageNeverPull', 'CrashLoopBackOff'].includes(reason)) return 0
  if (mayPass(message)) return null
  if (reason === 'ImagePullBackOff') return 0
  return ['CreateContainerConfigError', 'CreateContainerError'].includes(reason) ? syncMs : null
}
