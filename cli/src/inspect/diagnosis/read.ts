// Reads the facts of a diagnosis side by side, within a time. What may not be read, or does not answer, is noted.

import { interrupted, ShopctlError, said } from '../../errors.ts'
import { byCodeUnits } from '../../release/canonical.ts'
import { lastLines } from '../../release/last-lines.ts'
import { compareBroker } from '../../release/move/topology.ts'
import { type ObservePorts, observe } from '../../release/observe.ts'
import type { Broker, PodState, Pods, Rollout } from '../../release/ports/cluster.ts'
import type { GitopsProblem } from '../../release/ports/config-repo.ts'
import type { Metrics } from '../../release/ports/metrics.ts'
import type { Clock, Lock } from '../../release/ports/session.ts'
import { type Slot, targetOf } from '../../release/slot.ts'
import type { BrokerFacts, ContainerLog, Facts, ServiceFacts, SlotFacts } from './facts.ts'

export interface DiagnosePorts extends ObservePorts {
  pods: Pods
  lock: Pick<Lock, 'lockHolder'>
  broker: Broker | null
  metrics: Pick<Metrics, 'firing'> | null
  /** null: the environment has another driver. */
  gitops: { problems(): Promise<GitopsProblem[]> } | null
  clock: Pick<Clock, 'now'>
  signal: AbortSignal
}

export interface DiagnoseInput {
  env: string
  namespace: string
  argoNamespace: string
  /** Those to look at. */
  services: readonly string[]
  dependencies: readonly string[]
  /** The dependency that is the broker. null: none. */
  brokerName: string | null
}

/** For all reads together. Without Services and slots there is no diagnosis: they are waited for as by any command. */
const limitMs = 10_000
/** Of one slot, so many pods are asked. */
const askedPods = 5
const askedContainers = 3
const [readLines, shownLines] = [40, 6]

interface Reader {
  /** What could not be read, and why. */
  unread(): string[]
  /** The first reason counts: the same is read of several pods. */
  note(what: string, why: string): void
  /** `otherwise`: what counts where it cannot be read. */
  read<T>(what: string, reading: () => Promise<T>, otherwise: T): Promise<T>
}

function createReader(signal: AbortSignal, timeoutMs: number): Reader {
  const late = AbortSignal.timeout(timeoutMs)
  const unread = new Map<string, string>()
  const ended = new Promise<never>((_, reject) => {
    const end = (): void =>
      reject(signal.aborted ? interrupted() : new Error(`no answer within ${timeoutMs / 1_000} s`))
    const either = AbortSignal.any([signal, late])
    if (either.aborted) end()
    either.addEventListener('abort', end, { once: true })
  })
  // Nothing may be read any more when it comes.
  ended.catch(() => {})
  const note = (what: string, why: string): void => {
    if (!unread.has(what)) unread.set(what, why)
  }
  return {
    // Whatever failed first.
    unread: () => [...unread].map(([what, why]) => `${what}: ${why}`).toSorted(byCodeUnits),
    note,
    async read(what, reading, otherwise) {
      try {
        return await Promise.race([reading(), ended])
      } catch (error) {
        if (signal.aborted) throw interrupted()
        note(what, said(error))
        return otherwise
      }
    },
  }
}

/** `unread`: what could not be read, and why. Refused if Services and slots may not be read. */
export async function readFacts(
  ports: DiagnosePorts,
  { services, dependencies, brokerName, ...input }: DiagnoseInput,
  timeoutMs = limitMs,
): Promise<{ facts: Facts; unread: string[] }> {
  const { pods, lock, broker, metrics, gitops, clock } = ports
  const reader = createReader(ports.signal, timeoutMs)
  const { read } = reader
  const reading = observe(ports)
  const ofServices = async (): Promise<ServiceFacts[]> => {
    const state = await reading
    return Promise.all(
      services.map(async (service): Promise<ServiceFacts> => {
        const { blue = null, green = null } = state.services[service]?.slots ?? {}
        const of = (slot: Slot | null) => slot && readSlot(pods, reader, service, slot)
        const found = await Promise.all([of(blue), of(green)])
        return { service, slots: { blue: found[0], green: found[1] } }
      }),
    )
  }
  const [state, slots, found, holder, ofBroker, argocd, alerts] = await Promise.all([
    reading,
    ofServices(),
    Promise.all(dependencies.map((name) => readDependency(pods, reader, name))),
    read('the lock', () => lock.lockHolder(), null),
    broker && readBroker(broker, reader),
    gitops ? read('Argo CD', () => gitops.problems(), []) : [],
    metrics ? read('the alerts', () => metrics.firing(), null) : null,
  ])
  const facts: Facts = {
    ...input,
    now: clock.now().getTime(),
    state,
    lock: holder,
    services: slots,
    argocd,
    dependencies: found.flatMap(({ name, rollout }) =>
      rollout ? [{ name, isBroker: name === brokerName, rollout }] : [],
    ),
    broker: ofBroker,
    alerts: alerts ?? [],
  }
  const others = argocd.flatMap(({ kind, what }) => (kind === 'unread' ? [what] : []))
  return { facts, unread: [...reader.unread(), ...others] }
}

async function readDependency(
  pods: Pods,
  reader: Reader,
  name: string,
): Promise<{ name: string; rollout: Rollout | null }> {
  const rollout = await reader.read(`the pods of ${name}`, () => pods.dependency(name), null)
  noteEvents(reader, rollout)
  return { name, rollout }
}

function noteEvents({ note }: Reader, rollout: Rollout | null): void {
  if (rollout?.unread !== undefined) note('the events', rollout.unread)
}

async function readBroker(broker: Broker, { read }: Reader): Promise<BrokerFacts> {
  let unreachable: string | null = null
  /** One that is away is a finding. */
  const orAway = (asking: Promise<string[]>): Promise<string[]> =>
    asking.catch((error) => {
      if (!(error instanceof ShopctlError) || error.code !== 'broker-unreachable') throw error
      unreachable = error.message
      return []
    })
  const [problems, differences] = await Promise.all([
    read('the broker', () => orAway(broker.problems()), []),
    read('the topology of the broker', () => orAway(compareBroker(broker)), []),
  ])
  return { problems, differences, unreachable }
}

async function readSlot(
  pods: Pods,
  reader: Reader,
  service: string,
  slot: Slot,
): Promise<SlotFacts> {
  const { color, revision } = slot
  const name = `${service} ${color}`
  const reading = reader.read(
    `the pods of ${name}`,
    () => pods.rollout({ service, color, revision }),
    null,
  )
  const [rollout, reports, [answers, logs]] = await Promise.all([
    reading,
    readReports(pods, reader, service, slot),
    reading.then((rollout) => {
      noteEvents(reader, rollout)
      return Promise.all([
        readAnswers(pods, reader, service, rollout),
        readLogs(pods, reader, rollout),
      ])
    }),
  ])
  return { rollout, answers, logs, reports }
}

async function readReports(
  pods: Pods,
  { read }: Reader,
  service: string,
  slot: Slot,
): Promise<SlotFacts['reports']> {
  if (!pods.reports(service)) return []
  const name = `${service} ${slot.color}`
  const names = await read(`which pods ${name} has`, () => pods.list(service, targetOf(slot)), [])
  const found = await Promise.all(
    names.map(async (pod) => {
      const report = await read<SlotFacts['reports'][number]['report'] | undefined>(
        `what the pods of ${name} consume`,
        () => pods.report(service, pod),
        undefined,
      )
      return { pod, report }
    }),
  )
  return found.flatMap(({ pod, report }) => (report === undefined ? [] : [{ pod, report }]))
}

function isRunning({ containers }: PodState): boolean {
  return containers.length > 0 && containers.every(({ waiting }) => waiting === null)
}

async function readAnswers(
  pods: Pods,
  { read }: Reader,
  service: string,
  rollout: Rollout | null,
): Promise<SlotFacts['answers']> {
  const unready = (rollout?.pods ?? []).filter((pod) => !pod.ready && isRunning(pod))
  const found = await Promise.all(
    unready.slice(0, askedPods).map(async ({ name }) => {
      const text = await read(
        `what the pods of ${service} say of their readiness`,
        () => pods.readiness(service, name),
        null,
      )
      return text === null ? [] : [{ pod: name, text }]
    }),
  )
  return found.flat()
}

/** Of containers that ended, and of those that run and are not ready. */
async function readLogs(
  pods: Pods,
  { read }: Reader,
  rollout: Rollout | null,
): Promise<ContainerLog[]> {
  const { job = null, pods: own = [] } = rollout ?? {}
  const unreadyFirst = own.toSorted((one, other) => Number(one.ready) - Number(other.ready))
  const troubled = [...(job && !job.succeeded ? job.pods : []), ...unreadyFirst]
  const asked = troubled.flatMap((pod) =>
    pod.containers.flatMap(({ name, restarts, ended, waiting }) =>
      ended !== null || (!pod.ready && waiting === null)
        ? [{ pod: pod.name, container: name, previous: ended !== null && restarts > 0 }]
        : [],
    ),
  )
  const found = await Promise.all(
    asked.slice(0, askedContainers).map(async ({ pod, container, previous }) => {
      const of = (run: { previous: boolean }) =>
        pods.logs(pod, container, { lines: readLines, ...run })
      const text = await read(
        'the last lines of containers',
        // Of one that ended just now, the run before may be forgotten.
        async () => (await of({ previous })) || (previous ? of({ previous: false }) : ''),
        '',
      )
      return { pod, container, text: lastLines(text, shownLines) }
    }),
  )
  return found
}
