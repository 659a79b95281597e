// Facts of an environment in which blue of order is live and green is on standby, and all is well until a test says more.
import type { Facts, Finding, SlotFacts } from '../../../src/inspect/diagnosis/facts.ts'
import type {
  ContainerState,
  PodReport,
  PodState,
  Rollout,
} from '../../../src/release/ports/cluster.ts'
import type { Slot } from '../../../src/release/slot.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import { aState, waiting } from '../../fakes/state.ts'

export const now = Date.UTC(2026, 0, 1, 12)

/** ISO 8601, before `now`. */
export function before(seconds: number): string {
  return new Date(now - seconds * 1_000).toISOString()
}

export function aContainer(over: Partial<ContainerState> = {}): ContainerState {
  return { name: 'order', restarts: 0, waiting: null, ended: null, ...over }
}

export function aPod(over: Partial<PodState> = {}): PodState {
  return { name: 'order-green-1', ready: false, containers: [], complaints: [], ...over }
}

export function aRollout(over: Partial<Rollout> = {}): Rollout {
  const rest = { slot: null, unavailableSince: null, complaints: [], ending: 0, job: null }
  return { ...rest, pods: [], ...over }
}

export function aReport(over: Partial<PodReport> = {}): PodReport {
  return {
    ...{
      role: 'standby',
      epoch: null,
      consuming: false,
      consumers: 0,
      inFlight: 0,
      login: null,
      connections: 0,
    },
    ...{ gate: { epoch: 1, color: 'blue', revision: 'a' }, preview: null, ...over },
  }
}

const well: SlotFacts = { rollout: aRollout(), answers: [], logs: [], reports: [] }

export interface SceneOptions extends Partial<Omit<Facts, 'services' | 'state'>> {
  /** Of green, on standby. */
  green?: Partial<SlotFacts>
  /** Of blue, which is live. */
  blue?: Partial<SlotFacts>
  service?: ServiceState
  journal?: Parameters<typeof aState>[1]
}

export function aScene(options: SceneOptions = {}): Facts {
  const { green = {}, blue = {}, service = waiting(), journal = {}, ...over } = options
  const slotFacts = (slot: Slot | null, more: Partial<SlotFacts>) =>
    slot && { ...well, reports: [], ...more }
  return {
    ...{ now, env: 'local', namespace: 'shop', argoNamespace: 'argocd', lock: null },
    ...{ dependencies: [], broker: null, argocd: [], alerts: [] },
    state: aState({ order: service }, journal),
    services: [
      {
        service: 'order',
        slots: {
          blue: slotFacts(service.slots.blue, blue),
          green: slotFacts(service.slots.green, green),
        },
      },
    ],
    ...over,
  }
}

/** Green is not ready. */
export function unready(more: Partial<Slot> = {}): ServiceState {
  const service = waiting()
  Object.assign(service.slots.green ?? {}, { ready: 0, ...more })
  return service
}

/** As `order green: crash`. */
export function codesOf(found: readonly Finding[]): string[] {
  return found.map(({ service, color, cause }) => {
    const about = [service, color].filter((each) => each !== null).join(' ') || 'all'
    return `${about}: ${cause}`
  })
}
