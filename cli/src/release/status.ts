// status: what serves, what stands by, what is under way; read from the live objects.
import type { Cluster, Role } from './ports.ts'
import {
  type Color,
  colors,
  currentRelease,
  type EnvironmentState,
  liveColor,
  type Slot,
  targetOf,
} from './state.ts'
import { latestEpoch } from './takeover.ts'

export interface SlotStatus {
  digest: string
  version: string
  revision: string
  replicas: number
  ready: number
  /** Whether its smoke test passed. */
  smoked: boolean
  /** Sums over its pods. */
  consumers: number
  inFlight: number
}

export interface ServiceStatus {
  active: Color | null
  /** The one that the live slot consumes in; null: it does not consume. */
  epoch: number | null
  slots: Record<Color, SlotStatus | null>
}

export interface Status {
  env: string
  release: string | null
  operation: { id: string; verb: string; step: string; next: string } | null
  lock: { holder: string; reason: string; since: string } | null
  services: Record<string, ServiceStatus>
}

export async function readStatus(
  cluster: Cluster,
  env: string,
  services: readonly string[] | null,
): Promise<Status> {
  const [state, lock] = await Promise.all([cluster.read(), cluster.lockHolder()])
  const shown = Object.keys(state.services).filter((name) => !services || services.includes(name))
  const statuses = await Promise.all(
    shown.map(async (name) => [name, await serviceStatus(cluster, state, name)] as const),
  )
  const operation = state.records.operation
  return {
    env,
    release: currentRelease(state.records),
    operation: operation && {
      id: operation.id,
      verb: operation.verb,
      step: lock ? 'under way' : 'interrupted',
      next: lock ? `wait for ${lock.holder}` : 'shopctl rollback',
    },
    lock,
    services: Object.fromEntries(statuses),
  }
}

async function serviceStatus(
  cluster: Cluster,
  state: EnvironmentState,
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
      const pods = await cluster.pods(name, targetOf(slot))
      const reports = await Promise.all(pods.map((pod) => cluster.role(pod)))
      slots[color] = slotStatus(state, name, slot, reports)
      if (color === active) epoch = latestEpoch(reports.map((report) => report?.epoch ?? null))
    }),
  )
  return { active, epoch, slots }
}

function slotStatus(
  state: EnvironmentState,
  name: string,
  slot: Slot,
  reports: readonly (Role | null)[],
): SlotStatus {
  const sum = (value: (role: Role) => number): number =>
    reports.reduce((total, report) => total + (report ? value(report) : 0), 0)
  const { digest, version, revision, replicas, ready } = slot
  return {
    digest,
    version,
    revision,
    replicas,
    ready,
    smoked: state.records.smoked.some(
      (result) => result.services.includes(name) && result.combination[name]?.revision === revision,
    ),
    consumers: sum((role) => role.consumers),
    inFlight: sum((role) => role.inFlight),
  }
}
