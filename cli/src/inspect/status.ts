// status: what is live, what is on standby and what is running. Read from the objects in the cluster.
import { brokerProblems } from '../release/broker-problems.ts'
import { type HeldImage, heldDigests } from '../release/hold/held.ts'
import { byUrgency, checkCoverage } from '../release/move/alerts.ts'
import { loginOf } from '../release/move/logins.ts'
import { chooseStandby } from '../release/move/plan-switch.ts'
import { latestEpoch } from '../release/move/takeover.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Broker, Login, PodReport, Pods } from '../release/ports/cluster.ts'
import type { ByHand } from '../release/ports/config-repo.ts'
import type { Alert, Metrics, SlotMetrics } from '../release/ports/metrics.ts'
import type { Clock, Lock, LockHolder } from '../release/ports/session.ts'
import {
  currentRelease,
  doneMoves,
  idOf,
  moveOf,
  openMove,
  smokeOutcome,
} from '../release/record.ts'
import {
  type Color,
  colors,
  type NamedSlot,
  type Side,
  type Slot,
  sameTarget,
  targetOf,
} from '../release/slot.ts'
import {
  combinationOf,
  type EnvironmentState,
  liveColor,
  liveSlot,
  type ServiceState,
  type UnlistedSlot,
} from '../release/state.ts'
import { findUnready, type Unready } from '../release/unready.ts'
import { interruption } from './interruption.ts'
import { type WatchStatus, watchStatus } from './watch-status.ts'

interface StatusPorts extends ObservePorts {
  clock: Pick<Clock, 'now'>
  pods: Pods
  lock: Lock
  broker: Broker | null
  metrics: Metrics | null
  /** null: the environment has another driver. */
  gitops: { status(): Promise<NonNullable<Status['argocd']>> } | null
}

export interface SlotStatus {
  digest: string
  version: string
  revision: string
  replicas: number
  ready: number
  /** Whether its smoke test passed in the combination that is live, or that a switch would make live. */
  smoked: boolean
  /** Whether it is not `smoked` because its last smoke test in such a combination failed. */
  smokeFailed: boolean
  /** Sum over its pods, like `inFlight`. */
  consumers: number
  inFlight: number
  /** The latest tries of new logins, the worst one. null: its pods do not report it. */
  login: Login | null
  /** How it answers. null: nobody knows. */
  metrics: Pick<SlotMetrics, 'requestsPerSecond' | 'errorShare' | 'p99Ms'> | null
}

export interface ServiceStatus {
  active: Color | null
  /** Epoch in which the live slot consumes, null: it does not consume. */
  epoch: number | null
  slots: Record<Color, SlotStatus | null>
}

export interface Status {
  env: string
  /** What is live. null: nothing was released, or somebody has changed it without shopctl. */
  release: string | null
  /** The last release, if that is no longer what is live. */
  changedAfter: string | null
  operation: {
    id: string
    verb: string
    step: string
    /** The command that goes on. */
    next: string
    /** Sentences: what happened, what serves now, and what to do. Empty while it is under way. */
    says: string[]
  } | null
  watch: WatchStatus | null
  lock: LockHolder | null
  /** What neither `deploy` nor `switch` takes. */
  held: HeldImage[]
  /** null: the environment names no broker. */
  broker: { problems: string[] } | null
  /** Those that fire, the most urgent first. null: nobody knows. */
  alerts: Alert[] | null
  /** null: Argo CD does not release this environment. */
  argocd: {
    problems: string[]
    /** What people have changed last in the config repo. null: nobody knows. */
    byHand: ByHand[] | null
  } | null
  /** Names of journal records that could not be read. */
  damaged: string[]
  services: Record<string, ServiceStatus>
  /** Slots that are not ready, unless an operation under way changes them. */
  problems: Unready[]
  /** Slots of services that are not in shopctl.yaml. */
  unlisted: UnlistedSlot[]
}

export async function readStatus(
  ports: StatusPorts,
  env: string,
  services: readonly string[] | null,
): Promise<Status> {
  const { metrics } = ports
  const [state, lock, problems, alerts = null, measured = null, argocd = null] = await Promise.all([
    observe(ports),
    ports.lock.lockHolder(),
    brokerProblems(ports.broker),
    metrics?.firing(),
    metrics?.slots(),
    ports.gitops?.status(),
  ])
  const shown = Object.keys(state.services).filter((name) => !services || services.includes(name))
  const standby = chooseStandby(state, null)
  const next = standby.kind === 'chosen' ? standby.slots : []
  const [statuses] = await Promise.all([
    Promise.all(
      shown.map(
        async (name) =>
          [name, await serviceStatus({ ...ports, measured }, state, next, name)] as const,
      ),
    ),
    checkCoverage(ports, state),
  ])
  const busy = lock && !lock.byHand && state.journal.open ? state.journal.open.services : []
  const idle = shown.filter((name) => !busy.some((each) => each.name === name))
  return {
    env,
    ...releaseStatus(state),
    operation: operationStatus(state, lock?.byHand ? null : lock, env),
    watch: watchStatus(state.journal, ports.clock.now(), env),
    lock,
    held: heldDigests(state.journal).filter(({ service }) => shown.includes(service)),
    broker: ports.broker && { problems },
    alerts: alerts && byUrgency(alerts),
    argocd,
    damaged: state.journal.damaged,
    services: Object.fromEntries(statuses),
    problems: await findUnready(ports, state, idle),
    unlisted: state.unlisted,
  }
}

/** A release is live as long as each service is as the last move of the service has left it. */
function releaseStatus(state: EnvironmentState): Pick<Status, 'release' | 'changedAfter'> {
  const release = currentRelease(state.journal)
  // One under way, or an interrupted one, moves Services of the release before it.
  if (openMove(state.journal)) return { release, changedAfter: null }
  const done = doneMoves(state.journal)
  const isChanged = Object.entries(state.services).some(([name, service]) => {
    const last = done.findLast((move) => moveOf(move, name) !== undefined)
    return last !== undefined && !isLive(service, moveOf(last, name)?.to ?? null)
  })
  return isChanged ? { release: null, changedAfter: release } : { release, changedAfter: null }
}

function isLive(service: ServiceState, side: Side | null): boolean {
  const slot = liveSlot(service)
  return sameTarget(service.stable?.target, side) && (!slot || slot.digest === side?.digest)
}

/** The open operation. The next command closes one that was interrupted and is no switch or rollback. `lock`: of a command. */
function operationStatus(
  state: EnvironmentState,
  lock: LockHolder | null,
  env: string,
): Status['operation'] {
  const { open } = state.journal
  if (!open) return null
  const known = { id: idOf(open), verb: open.verb }
  if (lock) return { ...known, step: 'under way', next: `wait for ${lock.holder}`, says: [] }
  const { next, says } = interruption(state, open, env)
  return { ...known, step: 'interrupted', next, says }
}

async function serviceStatus(
  { pods, measured }: { pods: Pods; measured: readonly SlotMetrics[] | null },
  state: EnvironmentState,
  next: readonly NamedSlot[],
  name: string,
): Promise<ServiceStatus> {
  const service = state.services[name]
  const active = service ? liveColor(service) : null
  const slots: ServiceStatus['slots'] = { blue: null, green: null }
  let epoch: number | null = null
  await Promise.all(
    colors.map(async (color) => {
      const slot = service?.slots[color]
      if (!slot) return
      const reports = await reportsOf(pods, name, slot)
      slots[color] = {
        ...slotStatus(slot, smokeOf(state, next, { name, slot }), reports),
        metrics: metricsOf(measured ?? [], name, slot),
      }
      if (color === active) epoch = latestEpoch(reports.map((report) => report?.epoch ?? null))
    }),
  )
  return { active, epoch, slots }
}

async function reportsOf(pods: Pods, name: string, slot: Slot): Promise<(PodReport | null)[]> {
  if (!pods.reports(name)) return []
  const names = await pods.list(name, targetOf(slot))
  // An account that may not ask pods can still see what is live.
  return Promise.all(names.map((pod) => pods.report(name, pod).catch(() => null)))
}

/** Whether a switch of all standby slots, or of this service only, would accept the slot. */
function smokeOf(
  state: EnvironmentState,
  next: readonly NamedSlot[],
  { name, slot }: NamedSlot,
): Pick<SlotStatus, 'smoked' | 'smokeFailed'> {
  const isNext = next.some((each) => each.name === name && each.slot.color === slot.color)
  const switches = isNext ? [next, [{ name, slot }]] : [[{ name, slot }]]
  const outcomes = new Set(
    switches.map((chosen) => smokeOutcome(state.journal, name, combinationOf(state, chosen))),
  )
  const smoked = outcomes.has('done')
  return { smoked, smokeFailed: !smoked && outcomes.has('failed') }
}

/** Those of an earlier version in this slot are not its own. */
function metricsOf(
  measured: readonly SlotMetrics[],
  name: string,
  { color, version }: Slot,
): SlotStatus['metrics'] {
  const found = measured.find(
    (each) => each.service === name && each.color === color && each.version === version,
  )
  if (!found) return null
  const { requestsPerSecond, errorShare, p99Ms } = found
  return { requestsPerSecond, errorShare, p99Ms }
}

function slotStatus(
  { digest, version, revision, replicas, ready }: Slot,
  smoke: Pick<SlotStatus, 'smoked' | 'smokeFailed'>,
  reports: readonly (PodReport | null)[],
): Omit<SlotStatus, 'metrics'> {
  const sum = (value: (report: PodReport) => number): number =>
    reports.reduce((total, report) => total + (report ? value(report) : 0), 0)
  return {
    digest,
    version,
    revision,
    replicas,
    ready,
    ...smoke,
    consumers: sum((report) => report.consumers),
    inFlight: sum((report) => report.inFlight),
    login: loginOf(reports),
  }
}
