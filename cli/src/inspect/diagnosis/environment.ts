// What is wrong with what all services share: the broker, the databases, Argo CD, alerts. Pure.
import { complaintLines } from '../../release/deploy/rollout.ts'
import { byUrgency } from '../../release/move/alerts.ts'
import { firstOf } from '../../release/move/topology.ts'
import type { Alert } from '../../release/ports/metrics.ts'
import { endText } from './containers.ts'
import type { Facts, Found } from './facts.ts'
import { runningFindings } from './operations.ts'
import { isDown } from './readiness.ts'
import { argocdFindings } from './slots.ts'
import { ago, kubectl, shopctl, shown } from './words.ts'

export function environmentFindings(facts: Facts): Found[] {
  return [
    ...runningFindings(facts),
    ...facts.dependencies.filter(isDown).map((each) => downFinding(facts, each)),
    ...brokerFindings(facts),
    ...argocdFindings(facts, ({ service }) => service === null),
    ...alertFindings(facts, ({ service }) => service === null),
  ]
}

function downFinding(facts: Facts, { name, rollout }: Facts['dependencies'][number]): Found {
  const { pods } = rollout
  const ready = pods.filter((each) => each.ready).length
  const ends = pods.flatMap((pod) =>
    pod.containers.flatMap((container) =>
      !pod.ready && container.ended ? [`${pod.name}: ${endText({ facts }, container)}`] : [],
    ),
  )
  const pod = pods.find((each) => !each.ready)
  const words = complaintLines({ ...rollout, job: null }).map(shown)
  const object = pod ? `pod ${pod.name}` : `statefulset ${name}`
  const describe = kubectl(facts, `describe ${object}`)
  const install = pod ? '' : `, ${shopctl(facts, 'deploy')} installs it`
  return {
    cause: 'dependency-down',
    what: pod
      ? `the dependency ${name} is not ready: ${ready} of ${pods.length} pods.`
      : `the dependency ${name} lacks pods.`,
    evidence: [...words, ...ends].slice(0, 4),
    hint: `${describe} shows more${install}.`,
  }
}

function brokerFindings(facts: Facts): Found[] {
  const { broker, dependencies } = facts
  if (!broker) return []
  const isKnown = dependencies.some((each) => each.isBroker && isDown(each))
  const status = shopctl(facts, 'status')
  const found: Found[] = []
  if (broker.unreachable !== null && !isKnown)
    found.push({
      cause: 'broker-unreachable',
      what: 'the broker cannot be asked.',
      evidence: [shown(broker.unreachable)],
      hint: `${kubectl(facts, 'get pods')} shows whether it runs.`,
    })
  if (broker.problems.length > 0)
    found.push({
      cause: 'broker-alarm',
      what: 'the broker has an alarm, or lacks a node: events may wait in the outboxes.',
      evidence: broker.problems.map(shown),
      hint: `${status} shows when it is over. Free its memory or its disk, or start its node.`,
    })
  if (broker.differences.length > 0)
    found.push({
      cause: 'broker-topology',
      what: 'the broker is not as its chart declares: queues may lack their events.',
      evidence: [firstOf(broker.differences)],
      hint: `${shopctl(facts, 'deploy')} repairs the broker first.`,
    })
  return found
}

/** `about`: which alerts. The most urgent first. */
export function alertFindings(facts: Facts, about: (alert: Alert) => boolean): Found[] {
  return byUrgency(facts.alerts.filter(about)).map(
    ({ name, severity, summary, command, since }) => ({
      cause: 'alert',
      what: `the alert ${name} fires: ${shown(summary)}`,
      evidence: [`${severity}, ${ago(facts, since)}`],
      hint: command
        ? `\`${command}\` is its first command.`
        : `${shopctl(facts, 'status')} shows it.`,
    }),
  )
}
