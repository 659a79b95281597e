// Reads all that the checks of a switch need, side by side.
import type { Config, EnvironmentConfig } from '../../config/schema.ts'
import { isInterrupted, ShopctlError, said } from '../../errors.ts'
import { eventsOf, type ImageEvents } from '../build/events.ts'
import { repositoryOf, type TreeInput } from '../build/images.ts'
import { type FreezeIntent, freezeAt } from '../freeze.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Broker, Pods, QueueDepth, Topology } from '../ports/cluster.ts'
import type { Alert } from '../ports/metrics.ts'
import type { Registry } from '../ports/project.ts'
import type { Clock } from '../ports/session.ts'
import type { FreezeRecord } from '../record.ts'
import { isRefusal, type Refusal } from '../refusal.ts'
import type { NamedSlot } from '../slot.ts'
import { type EnvironmentState, liveSlot } from '../state.ts'
import { type AlertPorts, checkCoverage } from './alerts.ts'
import type { Party } from './event-matrix.ts'
import { type Asked, askMoves } from './logins.ts'
import { type SwitchIntent, switchTarget, switchTo } from './plan-switch.ts'

export interface FactPorts extends ObservePorts, AlertPorts {
  /** null: the environment names none. */
  broker: Broker | null
  registry: Pick<Registry, 'labels'>
  pods: Pods
  clock: Clock
}

export interface FactInput extends SwitchIntent, FreezeIntent, Pick<TreeInput, 'registryAddress'> {
  config: Config
  environment: Pick<EnvironmentConfig, 'queueLimit'>
}

/** What was read, or why it could not be. */
export type Read<T> = { value: T } | { problem: ShopctlError }

export interface Facts {
  state: EnvironmentState
  /** Another command holds the lock. null: none does. */
  held: Refusal | null
  /** The freeze that stands now. null: none does. */
  freeze: FreezeRecord | null
  /** null: the environment names no broker. */
  topology: Read<{ declared: Topology; found: Topology }> | null
  queues: Read<QueueDepth[]> | null
  queueLimit: number
  /** Whether the environment names a Prometheus. */
  hasMetrics: boolean
  /** Alerts that fire. null: nobody knows. */
  alerts: Alert[] | null
  /** What the pods of the moved slots say, by service. */
  asked: Readonly<Record<string, Asked>>
  /** The slots whose images have to say which events they know. */
  parties: Party[]
}

export async function readFacts(ports: FactPorts, input: FactInput): Promise<Omit<Facts, 'held'>> {
  const { broker, metrics } = ports
  const [state, alerts, topology, queues] = await Promise.all([
    observe(ports),
    metrics?.firing() ?? null,
    broker && attempt(readTopology(broker)),
    broker && attempt(broker.queues()),
  ])
  const target = switchTarget(state, input)
  const slots = isRefusal(target) ? [] : target.slots
  const [asked, parties] = await Promise.all([
    askMoves(ports, switchTo(state, slots).moves),
    readParties(ports, input, partiesOf(state, input.config, slots)),
    checkCoverage(ports, state),
  ])
  const { queueLimit } = input.environment
  const hasMetrics = metrics !== null
  const freeze = freezeAt(input.freezes, ports.clock.now())
  return { state, freeze, topology, queues, queueLimit, hasMetrics, alerts, asked, parties }
}

async function readTopology(broker: Broker): Promise<{ declared: Topology; found: Topology }> {
  const [declared, found] = await Promise.all([broker.declared(), broker.found()])
  return { declared, found }
}

/** An error of shopctl is an answer. Others are bugs, and Ctrl-C ends the command. */
async function attempt<T>(reading: Promise<T>): Promise<Read<T>> {
  try {
    return { value: await reading }
  } catch (error) {
    if (!(error instanceof ShopctlError) || isInterrupted(error)) throw error
    return { problem: error }
  }
}

type Unread = Omit<Party, 'events'>

/** The live slots and the next ones of the services whose images have to say which events they know. */
function partiesOf(
  { services }: EnvironmentState,
  config: Config,
  slots: readonly NamedSlot[],
): Unread[] {
  return Object.entries(services).flatMap(([service, now]) => {
    if (config.services[service]?.build.events === undefined) return []
    const live = liveSlot(now)
    const next = slots.find(({ name }) => name === service)?.slot
    return [
      ...(live ? [{ service, slot: live, isNext: false }] : []),
      ...(next ? [{ service, slot: next, isNext: true }] : []),
    ]
  })
}

/** The labels of an image never change. A registry that is slow or away must not hold up a switch. */
const labelsMs = 2_000

async function readParties(
  ports: FactPorts,
  input: FactInput,
  parties: readonly Unread[],
): Promise<Party[]> {
  if (parties.length === 0) return []
  const done = new AbortController()
  const late = ports.clock
    .sleep(labelsMs, done.signal)
    .then(() => `the registry did not answer within ${labelsMs / 1000} s`)
  late.catch(() => {})
  try {
    return await Promise.all(
      parties.map(async (party) => {
        const events = await Promise.race([readEvents(ports, input, party), late])
        return { ...party, events }
      }),
    )
  } finally {
    done.abort()
  }
}

async function readEvents(
  { registry }: FactPorts,
  input: FactInput,
  { service, slot }: Unread,
): Promise<ImageEvents | string> {
  try {
    const labels = await registry.labels(repositoryOf(input, service), slot.digest)
    return eventsOf(labels) ?? 'the image says nothing of events'
  } catch (error) {
    return said(error)
  }
}
