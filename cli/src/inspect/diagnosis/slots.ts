// What is wrong with the slots of a service as a whole: one that is gone, too small, or not carried out. Pure.

import { pendingReasons } from '../../release/deploy/rollout.ts'
import type { GitopsProblem } from '../../release/ports/config-repo.ts'
import { idOf, moveOf, movesOf, operationsOf } from '../../release/record.ts'
import { type Color, colors, sameTarget, type Target } from '../../release/slot.ts'
import { candidate, liveSlotOf, type ServiceState, slotAt } from '../../release/state.ts'
import type { Facts, Found } from './facts.ts'
import { deployAgain, goBack, type SlotView } from './slot-view.ts'
import { ago, kubectl, shopctl, shown } from './words.ts'

/** Slots that a Service names, or that a rollback would need, and that do not exist. */
export function goneFindings(facts: Facts, service: string): (Found & { color: Color })[] {
  const now = facts.state.services[service]
  if (!now) return []
  const target = now.stable?.target ?? null
  if (target && !slotAt(now, target)) return [goneFinding(facts, service, now, target)]
  const live = liveSlotOf(facts.state, service)
  const last = movesOf(facts.state.journal).findLast((move) => moveOf(move, service))
  const before =
    last?.verb === 'switch' && last.outcome === 'done' ? moveOf(last, service)?.from : null
  // Nobody needs the way back while all is well.
  if (!live || live.ready >= live.replicas || !before || slotAt(now, before)) return []
  const { release = null } =
    movesOf(facts.state.journal).findLast((move) =>
      sameTarget(moveOf(move, service)?.to, before),
    ) ?? {}
  const back = shopctl(facts, `rollback --service ${service} --to ${release}`)
  return [
    {
      cause: 'slot-gone',
      color: before.color,
      what: `the slot before it, ${before.color} ${before.version}, is gone: a rollback has nothing to go back to.`,
      evidence: whoRemoved(facts, service, before),
      hint: release
        ? `${back} deploys it again first.`
        : `${deployAgain({ facts, service })} makes a new slot.`,
    },
  ]
}

function goneFinding(
  facts: Facts,
  service: string,
  now: ServiceState,
  target: Target,
): Found & { color: Color } {
  const { color, revision } = target
  const other = colors.find((each) => each !== color && now.slots[each])
  const back = shopctl(facts, `rollback --service ${service}`)
  const way = other ? `${back} makes ${other} live. ` : ''
  return {
    cause: 'slot-gone',
    color,
    what: `its Service selects ${color} ${revision}, which does not exist.`,
    evidence: whoRemoved(facts, service, target),
    hint: `${way}${deployAgain({ facts, service })} makes a new slot.`,
  }
}

/** The operation that deleted a slot, or wrote another one in its place. */
function whoRemoved(facts: Facts, service: string, target: Target): string[] {
  const operation = operationsOf(facts.state.journal).findLast(({ verb, services }) =>
    services.some(
      ({ name, from, to }) =>
        name === service &&
        (verb === 'cleanup'
          ? sameTarget(from, target)
          : verb === 'deploy' && to?.color === target.color && !sameTarget(to, target)),
    ),
  )
  const now = facts.state.services[service]?.slots[target.color]
  const stands = now ? [`${target.color} has revision ${now.revision} now`] : []
  if (!operation) return [...stands, 'the journal has no operation that deleted it']
  const { verb, by, startedAt } = operation
  const what = verb === 'cleanup' ? 'deleted it' : 'wrote over it'
  return [...stands, `${idOf(operation)}, ${verb} by ${by}, ${ago(facts, startedAt)}: ${what}`]
}

export function sizeFindings(view: SlotView): Found[] {
  const { facts, service, slot, color } = view
  const scale = kubectl(facts, `scale deployment/${service}-${color} --replicas=…`)
  if (slot.replicas === 0)
    return [
      {
        cause: 'scaled-to-zero',
        what: 'somebody has scaled it to zero pods.',
        evidence: [`its Deployment wants 0 pods, its values ${slot.declared ?? 'no number'}`],
        hint: `${scale} gives it pods again, and so does ${deployAgain(view)}.`,
      },
    ]
  const now = facts.state.services[service]
  const live = liveSlotOf(facts.state, service)
  const isNext = now !== undefined && candidate(now)?.color === color
  if (!live || !isNext || slot.replicas >= live.replicas) return []
  return [
    {
      cause: 'too-few-pods',
      what: `it has fewer pods than ${live.color}, which is live: a switch is refused.`,
      evidence: [`${slot.replicas} pods, ${live.color} has ${live.replicas}`],
      hint: `${deployAgain(view)} gives it as many.`,
    },
  ]
}

/** `about`: which problems. */
export function argocdFindings(facts: Facts, about: (problem: GitopsProblem) => boolean): Found[] {
  const found = facts.argocd.filter((each) => each.kind === 'wrong' && about(each))
  const [first] = found
  if (!first) return []
  const { application } = first
  const show = `\`kubectl --namespace ${facts.argoNamespace} get application ${application} --output yaml\``
  return [
    {
      cause: 'argocd',
      what: application
        ? 'Argo CD has not carried out what git says.'
        : 'git and the cluster do not say the same.',
      evidence: found.map(({ what }) => shown(what)),
      hint: application
        ? `${show} shows all of it. Correct the cause, then run ${shopctl(facts, 'status')}.`
        : `${shopctl(facts, 'gitops log')} shows the commits, ${shopctl(facts, 'gitops init')} puts Applications right.`,
    },
  ]
}

/** A slot that is not ready without a reason. After this time, it does not just start. */
const startMs = 60_000

export function unexplained(view: SlotView): Found[] {
  const { facts, rollout, service, color, slot } = view
  const since = rollout?.unavailableSince ?? null
  const isNew = since !== null && facts.now - Date.parse(since) < startMs
  const reasons = rollout ? pendingReasons(rollout).map(shown) : []
  const pod = rollout?.pods.find(({ ready }) => !ready)
  const object = pod ? `pod ${pod.name}` : `deployment ${service}-${color}`
  const describe = kubectl(facts, `describe ${object}`)
  const again = shopctl(facts, `diagnose ${service}`)
  const evidence = [
    `${slot.ready} of ${slot.replicas} pods are ready`,
    ...(since ? [`not available since ${since}, ${ago(facts, since)}`] : []),
    ...reasons,
  ]
  return [
    {
      cause: isNew ? 'starting' : 'unknown',
      what: isNew ? 'its pods are starting.' : 'its pods are not ready, and nothing says why.',
      evidence,
      hint: isNew ? `${again} again in a moment.` : `${goBack(view)}${describe} shows its events.`,
    },
  ]
}

/** A service that was deployed and has no live slot, or was never deployed. */
export function nothingLive(facts: Facts, service: string): Found[] {
  const now = facts.state.services[service]
  if (!now || now.stable?.target) return []
  const next = candidate(now)
  const deployed = colors.flatMap((color) => now.slots[color] ?? [])
  const evidence = deployed.map(({ color, version }) => `${color} ${version} is deployed`)
  const isNext = next !== null && next.replicas > 0 && next.ready >= next.replicas
  return [
    {
      cause: 'nothing-live',
      what: 'no slot of it is live.',
      evidence: evidence.length > 0 ? evidence : ['nothing of it is deployed'],
      hint: isNext
        ? `${shopctl(facts, 'smoke')}, then ${shopctl(facts, 'switch')}.`
        : `${deployAgain({ facts, service })} makes a slot.`,
    },
  ]
}
