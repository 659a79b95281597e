// Checks of what is around the slots of a switch: the broker, its queues, the alerts and what is live. Pure.
import type { Check } from '../../errors.ts'
import { passed, refusedBy, skipped, unknown, warned } from '../checks.ts'
import type { QueueDepth } from '../ports/cluster.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { isReady, type NamedSlot } from '../slot.ts'
import { liveSlot } from '../state.ts'
import { type AlertIntent, alertText, criticalOf, heedAlerts } from './alerts.ts'
import type { Facts } from './facts.ts'
import { compareTopology, otherTopology } from './topology.ts'

const noBroker = 'the environment names no broker'

export function brokerCheck({ topology }: Facts): Check {
  const name = 'broker'
  if (!topology) return skipped(name, noBroker)
  if ('problem' in topology) return refusedBy(name, topology.problem)
  const { declared, found } = topology.value
  const differences = compareTopology(declared, found)
  return differences.length > 0
    ? refusedBy(name, otherTopology(differences))
    : passed(name, 'it is as its chart declares')
}

/** Only the declared queues: a broker may have those of others. */
export function queuesCheck(facts: Facts, slots: readonly NamedSlot[]): Check {
  const name = 'queues'
  const { queues, topology, queueLimit } = facts
  if (!queues || !topology) return skipped(name, noBroker)
  if ('problem' in queues) return unknown(name, queues.problem.message)
  if ('problem' in topology) return unknown(name, topology.problem.message)
  const { queues: declared = [] } = topology.value.declared
  const ours = queues.value.filter((queue) =>
    declared.some((each) => each.vhost === queue.vhost && each.name === queue.name),
  )
  const full = ours.filter(({ messages }) => messages !== null && messages > queueLimit)
  if (full.length === 0) return shortQueues(name, ours, queueLimit)
  const ill = slots.map(({ name }) => name).filter((each) => illness(facts, each) !== null)
  // Its consumers may be what the switch puts right.
  const isMeant = full.every((queue) => ill.some((each) => belongsTo(queue, each)))
  const refusal = tooDeep(full, queueLimit)
  return isMeant ? warned(name, refusal.message) : refusedBy(name, refusal)
}

function shortQueues(name: string, queues: readonly QueueDepth[], limit: number): Check {
  const silent = queues.filter(({ messages }) => messages === null).map((each) => each.name)
  if (silent.length > 0) return unknown(name, `the broker does not count ${silent.join(', ')}`)
  const most = Math.max(0, ...queues.map(({ messages }) => messages ?? 0))
  return passed(name, `at most ${most} messages wait in one, of ${limit} that may`)
}

/** The queues of a service begin with its name: `order`, `order.dead`. */
function belongsTo({ name }: QueueDepth, service: string): boolean {
  return name === service || name.startsWith(`${service}.`)
}

function tooDeep(full: readonly QueueDepth[], limit: number): Refusal {
  const texts = full.map(({ vhost, name, messages }) => `${name} in vhost ${vhost} ${messages}`)
  return refuse(
    'queues-full',
    `More than ${limit} messages wait in a queue: ${texts.join(', ')}.`,
    'Wait until the consumers have caught up: `shopctl status`. If this switch is the fix, set a higher `queueLimit` of the environment in shopctl.yaml.',
  )
}

export function alertsCheck({ state, hasMetrics, alerts }: Facts, intent: AlertIntent): Check {
  const name = 'alerts'
  if (!hasMetrics) return skipped(name, 'the environment names no Prometheus')
  if (!alerts) return unknown(name, 'Prometheus is not there, or does not answer')
  const heeded = heedAlerts(state, criticalOf(alerts), intent)
  if (!Array.isArray(heeded)) return refusedBy(name, heeded)
  return heeded.length > 0
    ? warned(name, `${heeded.map(alertText).join(' fires, ')} fires`)
    : passed(name, 'no critical one fires about what is live')
}

/** What is live may be what the switch replaces. So it never refuses the switch. */
export function liveCheck(facts: Facts): Check {
  const name = 'live'
  const services = Object.keys(facts.state.services)
  const live = services.filter((each) => liveOf(facts, each))
  if (live.length === 0) return skipped(name, 'nothing is live yet')
  const ill = live.flatMap((each) => illness(facts, each) ?? [])
  return ill.length > 0
    ? warned(name, `${ill.join('; ')}. The switch goes on, since it may be the fix`)
    : passed(name, 'every live slot is ready, and consumes')
}

function liveOf({ state }: Facts, name: string) {
  const service = state.services[name]
  return service ? liveSlot(service) : null
}

/** What is wrong with the live slot of a service. null: nothing that is known. */
function illness(facts: Facts, name: string): string | null {
  const live = liveOf(facts, name)
  if (!live) return null
  const who = `${name} ${live.color}, which is live,`
  if (!isReady(live)) return `${who} is not ready: ${live.ready} of ${live.replicas} pods`
  const reports = facts.asked[name]?.from ?? []
  const answers = reports.filter((report) => report !== null)
  if (reports.length > 0 && answers.length === 0) return `${who} does not answer`
  const isIdle = answers.length > 0 && answers.every(({ consuming }) => !consuming)
  return isIdle ? `${who} does not consume` : null
}
