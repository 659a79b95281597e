// What containers say that cannot start, or that end. Pure.
import type { Complaint, ContainerState, PodState } from '../../release/ports/cluster.ts'
import type { Cause } from './causes.ts'
import type { Found } from './facts.ts'
import { imageCause, isAboutImage, registryIn } from './images.ts'
import { deployAgain, goBack, logsOf, type SlotView } from './slot-view.ts'
import { ago, complaintText, kubectl, logEvidence, shopctl, shown } from './words.ts'

/** Why containers of these pods cannot start, one finding for each cause. */
export function startFindings(view: SlotView, pods: readonly PodState[]): Found[] {
  const unready = pods.filter(({ ready }) => !ready)
  return merged(
    unready.flatMap((pod) => [
      ...pod.containers.flatMap((container) => waitingFinding(view, pod, container)),
      ...pod.complaints.flatMap((each) => mountFinding(view, pod, each)),
    ]),
  )
}

/** Why containers of these pods ended, likewise. */
export function endFindings(view: SlotView, pods: readonly PodState[]): Found[] {
  return merged(
    pods.flatMap((pod) =>
      pod.containers.flatMap((container) => endedFinding(view, pod, container)),
    ),
  )
}

/** How many pods are named as evidence. */
const named = 3

function merged(found: readonly Found[]): Found[] {
  const byCause = Map.groupBy(found, ({ cause }) => cause)
  return [...byCause.values()].flatMap(([first, ...others]) => {
    if (!first) return []
    const evidence = [first, ...others].slice(0, named).flatMap((each) => each.evidence)
    const left = others.length + 1 - named
    const more = left > 0 ? [`and ${left} more`] : []
    return [{ ...first, evidence: [...new Set([...evidence, ...more])] }]
  })
}

function waitingFinding(view: SlotView, pod: PodState, { waiting }: ContainerState): Found[] {
  if (waiting && isAboutImage(waiting)) return [imageFinding(view, pod, waiting)]
  const isConfig = waiting?.reason.startsWith('CreateContainer')
  return waiting && isConfig ? [configFinding(view, pod, waiting)] : []
}

function imageFinding(view: SlotView, pod: PodState, waiting: Complaint): Found {
  const { facts, service } = view
  const registry = registryIn(waiting.message) ?? 'the registry'
  const push = shopctl(facts, `push --service ${service}`)
  const account = kubectl(facts, `get serviceaccount ${service} --output yaml`)
  const cause = imageCause(waiting)
  const { what, hint } = {
    'image-missing': {
      what: `${registry} does not have its image.`,
      hint: `${push} pushes it, then ${deployAgain(view)}.`,
    },
    'image-login': {
      what: `${registry} does not let the cluster pull its image.`,
      hint: `${account} shows its imagePullSecrets. Correct the login, then ${deployAgain(view)}.`,
    },
    'registry-away': {
      what: `${registry} does not answer the cluster.`,
      hint: `${push} asks it from here. Kubernetes tries again by itself.`,
    },
    'image-invalid': {
      what: 'the cluster cannot run its image.',
      hint: `Correct the image in its chart or its values, then ${deployAgain(view)}.`,
    },
  }[cause]
  const evidence = [`${pod.name}: ${complaintText(facts, waiting)}`]
  return { cause, what, evidence, hint: `${goBack(view)}${hint}` }
}

/** What is not there, as the kubelet says it. null: it says nothing like that. */
function missingIn(message: string): { cause: Cause; what: string } | null {
  const [, kind = '', name] = /\b(secret|configmap) "([^"]+)" not found/i.exec(message) ?? []
  const [, key, keyed = ''] = /couldn't find key (\S+) in (Secret|ConfigMap)/.exec(message) ?? []
  const [, of = '', other] =
    /references non-existent (secret|config) key: (\S+)/.exec(message) ?? []
  const where = `${kind}${keyed}${of}`.toLowerCase()
  if (where === '') return null
  const isSecret = where === 'secret'
  const title = isSecret ? 'Secret' : 'ConfigMap'
  const lost = key ?? other
  return {
    cause: isSecret ? 'secret-missing' : 'config-map-missing',
    what:
      lost === undefined
        ? `the ${title} ${name} that it uses is not there.`
        : `the key ${lost} is not in the ${title} that it uses.`,
  }
}

function configFinding(view: SlotView, pod: PodState, waiting: Complaint): Found {
  const { facts } = view
  const missing = missingIn(waiting.message)
  const evidence = [`${pod.name}: ${complaintText(facts, waiting)}`]
  const { cause, what } = missing ?? {
    cause: 'container-config' as const,
    what: 'the cluster cannot make its container.',
  }
  const hint = missing
    ? `${deployAgain(view)} copies what it needs, or names what is missing.`
    : `Correct its chart or its values, then ${deployAgain(view)}.`
  return { cause, what, evidence, hint: `${goBack(view)}${hint}` }
}

const mountReasons = new Set(['FailedMount', 'FailedAttachVolume', 'ProvisioningFailed'])

function mountFinding(view: SlotView, pod: PodState, complaint: Complaint): Found[] {
  if (!mountReasons.has(complaint.reason)) return []
  const found = configFinding(view, pod, complaint)
  if (found.cause !== 'container-config') return [found]
  const describe = kubectl(view.facts, `describe pod ${pod.name}`)
  const what = 'a volume cannot be mounted.'
  return [{ ...found, cause: 'volume', what, hint: `${describe} shows its volumes.` }]
}

/** What ended longer ago, and runs since, is no trouble of now. */
const recentMs = 900_000

function endedFinding(view: SlotView, pod: PodState, container: ContainerState): Found[] {
  const { ended, waiting, restarts, name } = container
  if (!ended || isOver(view, pod, container)) return []
  const isAgain = waiting?.reason === 'CrashLoopBackOff' || restarts > 0
  // It may be a step of its start that has done its work.
  if (ended.exitCode === 0 && !isAgain) return []
  const evidence = [
    `${pod.name}: ${endText(view, container)}`,
    ...pod.complaints.map((each) => `${pod.name}: ${complaintText(view.facts, each)}`),
    ...logEvidence(view.logs.find((log) => log.pod === pod.name && log.container === name)),
  ]
  if (ended.reason === 'OOMKilled') return [outOfMemory(view, container, evidence)]
  const times = isAgain ? ' again and again' : ''
  const isKilled = pod.complaints.some(({ message }) => message.startsWith('Liveness probe failed'))
  return [
    {
      cause: 'crash',
      what: isKilled
        ? `its container ${name} is killed: its liveness probe fails.`
        : `its container ${name} ends with exit code ${ended.exitCode}${times}.`,
      evidence,
      hint: `${goBack(view)}${logsOf(view)} shows more. Fix the cause, then ${deployAgain(view)}.`,
    },
  ]
}

/** It runs since, so that something else is the trouble, if any. */
function isOver({ facts }: SlotView, { ready }: PodState, container: ContainerState): boolean {
  const { ended, waiting } = container
  const at = Date.parse(ended?.at ?? '')
  if (waiting !== null) return false
  return Number.isNaN(at) ? ready : facts.now - at >= recentMs
}

/** `exit code 137 (OOMKilled), 4 restarts, 20 s ago` */
export function endText({ facts }: Pick<SlotView, 'facts'>, container: ContainerState): string {
  const { ended, restarts } = container
  if (!ended) return ''
  const { exitCode, reason, message, at } = ended
  const why = ['', 'Error', 'Completed'].includes(reason) ? '' : ` (${reason})`
  const times = restarts === 1 ? '1 restart' : `${restarts} restarts`
  const parts = [`exit code ${exitCode}${why}`, restarts > 0 ? times : '', ago(facts, at)]
  const words = message ? `: ${shown(message)}` : ''
  return `${parts.filter((each) => each !== '').join(', ')}${words}`
}

function outOfMemory(
  view: SlotView,
  { name, memoryLimit }: ContainerState,
  evidence: string[],
): Found {
  const limit = memoryLimit === undefined ? '' : `, ${memoryLimit}`
  return {
    cause: 'out-of-memory',
    what: `its container ${name} needs more memory than it may use${limit}.`,
    evidence,
    hint: `${goBack(view)}Raise \`resources.limits.memory\` in its values, then ${deployAgain(view)}.`,
  }
}
