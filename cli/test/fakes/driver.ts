// Who writes an environment in memory, and who looks at it.
import { interrupted } from '../../src/errors.ts'
import type { AccessRule, Observer, PodTemplate } from '../../src/release/ports/cluster.ts'
import {
  type ChartWrite,
  type Driver,
  type Manifest,
  type Purpose,
  type Recorded,
  revisionMark,
  type SlotWrite,
} from '../../src/release/ports/driver.ts'
import { valuesOf } from '../../src/release/settle.ts'
import { type Slot, slotName } from '../../src/release/slot.ts'
import type { EnvironmentState, ServiceState } from '../../src/release/state.ts'
import { type FakeCharts, slotValuesOf } from './charts.ts'
import { conflict } from './journal.ts'

export interface FakeDriver extends Driver {
  releases: Record<string, Recorded>
  writes: SlotWrite[]
  /** The operations that it was told of. */
  begun: Purpose[]
  installs: ChartWrite[]
  /** What a write or an install of a release fails with, by its name; it is left half-way then. */
  failing: Record<string, Error>
  /** Services whose stable Service cannot be written. */
  unwritable: Set<string>
  /** Releases of which no earlier revision is known. */
  forgotten: Set<string>
  /** What stands of each release, by its name. */
  standing: Record<string, Manifest[]>
}

export interface DriverParts {
  state: EnvironmentState
  charts: FakeCharts
  /** Everything that is changed, in order. */
  log: string[]
  moved(service: string): void
  restarted(slot: string): void
  installed(name: string): void
}

export function serviceOf(state: EnvironmentState, name: string): ServiceState {
  const service = state.services[name]
  if (!service) throw new Error(`no service ${name} in this world`)
  return service
}

export function createFakeDriver(parts: DriverParts): FakeDriver {
  const { state, charts, log } = parts
  let version = 1
  const next = (): string => String(++version)

  const record = async (chart: ChartWrite): Promise<void> => {
    const { name, marks } = chart
    driver.releases[name] = { finished: false, marks }
    const problem = driver.failing[name]
    if (problem) throw problem
    driver.releases[name] = { finished: true, marks }
  }

  const write = async (wanted: SlotWrite, signal: AbortSignal): Promise<void> => {
    const service = serviceOf(state, wanted.service)
    if (signal.aborted) throw interrupted()
    const { shared, color, name } = wanted
    if (shared) {
      await record(shared)
      driver.standing[shared.name] = charts.make(shared)
      service.stable ??= { target: null, resourceVersion: next(), release: null }
      service.preview ??= { target: null, resourceVersion: next(), release: null }
      log.push(`write ${shared.name}`)
    }
    await record(wanted)
    driver.standing[name] = charts.make(wanted)
    const slot = slotWritten(wanted)
    service.slots[color] = slot
    log.push(`write ${name} ${slot.version}`)
  }

  const driver: FakeDriver = {
    releases: {},
    writes: [],
    begun: [],
    installs: [],
    failing: {},
    unwritable: new Set(),
    forgotten: new Set(),
    standing: {},
    prepare() {},
    begin: (purpose) => void driver.begun.push(purpose),
    recorded: async () => structuredClone(driver.releases),
    writeSlots(slots, signal) {
      driver.writes.push(...slots)
      return Promise.allSettled(slots.map((slot) => write(slot, signal)))
    },
    scaleSlots: (scales) =>
      Promise.allSettled(
        scales.map(async ({ service, color, replicas, min, declared }) => {
          const slot = serviceOf(state, service).slots[color]
          if (!slot) throw conflict(slotName(service, color))
          if (replicas !== null) slot.replicas = replicas
          if (min !== null && slot.autoscaler) slot.autoscaler.min = min
          if (declared !== null) slot.declared = declared
          log.push(`scale ${slotName(service, color)} ${replicas} at least ${min}`)
        }),
      ),
    async confirm(moves, signal) {
      valuesOf(await driver.movePointers(moves, 'undo', signal))
      return moves.length > 0
    },
    settle: async () => {},
    movePointers(moves, _, __, onWrite) {
      onWrite?.()
      return Promise.allSettled(
        moves.map(async ({ service: name, which, to, resourceVersion, release }) => {
          const service = serviceOf(state, name)
          const now = service[which]
          const isBarred = which === 'stable' && driver.unwritable.has(name)
          if (isBarred || now?.resourceVersion !== resourceVersion) throw conflict(name)
          service[which] = { target: to, resourceVersion: next(), release }
          if (which === 'stable') parts.moved(name)
          log.push(`point ${name} ${which} ${to ? `${to.color} ${to.revision}` : 'nowhere'}`)
          return service[which].resourceVersion
        }),
      )
    },
    removeSlots: (slots) =>
      Promise.allSettled(
        slots.map(async ({ service, slot: { color, revision } }) => {
          const { slots } = serviceOf(state, service)
          const name = slotName(service, color)
          if (slots[color] && slots[color].revision !== revision) throw conflict(name)
          slots[color] = null
          delete driver.releases[name]
          delete driver.standing[name]
          log.push(`remove ${name}`)
        }),
      ),
    putBack: (slots) =>
      Promise.allSettled(
        slots.map(async ({ service, slot: { color, revision }, atLeast, declared }) => {
          const name = slotName(service, color)
          const earlier = driver.writes.findLast(
            (each) => each.name === name && each.marks[revisionMark] === revision,
          )
          if (!earlier || driver.forgotten.has(name)) return false
          await record(earlier)
          const slot = slotWritten({ ...earlier, atLeast })
          serviceOf(state, service).slots[color] = { ...slot, declared }
          log.push(`put back ${name} ${revision}`)
          return true
        }),
      ),
    async restartSlot(service, color) {
      parts.restarted(slotName(service, color))
      log.push(`restart ${slotName(service, color)}`)
    },
    async install(chart) {
      driver.installs.push(chart)
      await record(chart)
      parts.installed(chart.name)
    },
  }
  return driver
}

function slotWritten(write: SlotWrite): Slot {
  const { color, name, atLeast, declared } = write
  const { version, revision, image, migrations = null } = slotValuesOf(write)
  const digest = image.split('@')[1] ?? ''
  return {
    ...{ color, version, revision, digest, migrations, template: revision },
    ...{ replicas: Math.max(declared ?? 2, atLeast), ready: 0, helmRelease: name, kept: false },
    ...{ declared, autoscaler: null, settings: {} },
  }
}

interface PodTemplateManifest {
  metadata: { labels: Record<string, string> }
  spec: PodSpec
}

interface PodSpec {
  serviceAccountName: string
  containers: { ports: { name?: string; containerPort: number }[] }[]
}

export function createFakeObserver(state: EnvironmentState, driver: FakeDriver): Observer {
  const standing = (name: string, kind: string): Manifest | undefined =>
    driver.standing[name]?.find((each) => each.kind === kind)
  return {
    async services() {
      const { journal: _, ...seen } = structuredClone(state)
      return seen
    },
    pointer: async (name, which) => structuredClone(serviceOf(state, name)[which]),
    async podTemplate(service, color): Promise<PodTemplate | null> {
      const deployment = standing(slotName(service, color), 'Deployment')
      if (!deployment) return null
      const { spec } = deployment as unknown as { spec: { template: PodTemplateManifest } }
      const { serviceAccountName, containers } = spec.template.spec
      const ports = containers.flatMap((container) => container.ports)
      return {
        ports: ports.map(({ name = null, containerPort }) => ({ name, number: containerPort })),
        serviceAccount: serviceAccountName,
        labels: spec.template.metadata.labels,
      }
    },
    async accessRules(service): Promise<AccessRule[] | null> {
      return (standing(service, 'Role')?.rules as AccessRule[] | undefined) ?? null
    },
  }
}
