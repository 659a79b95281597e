// An environment in memory: slots, Services, records, lock, Secrets and Helm, as far as a release needs them.
import { failed } from '../../src/errors.ts'
import type {
  Clock,
  Cluster,
  Helm,
  HelmRelease,
  PlaneRole,
  Programs,
  Progress,
  Rollout,
  Scratch,
  Traffic,
} from '../../src/release/ports.ts'
import {
  type Color,
  type EnvironmentState,
  noRecords,
  type Records,
  type ServiceState,
  type Slot,
  sameTarget,
  type Target,
} from '../../src/release/state.ts'
import { answer, type Books, emptyBooks } from './books.ts'
import { createFakeBroker, type FakeBroker } from './topology.ts'

export interface World {
  cluster: Cluster
  helm: Helm
  programs: Programs
  traffic: Traffic
  state: EnvironmentState
  /** Everything that was changed, in order. */
  log: string[]
  upgrades: HelmRelease[]
  secrets: Record<string, Record<string, string>>
  scripts: { file: string; env: Readonly<Record<string, string>> }[]
  scratch: Scratch
  /** What was written into the last scratch folder. */
  files: Record<string, string>
  /** What the pods of a service answer on their management port. */
  books: Record<string, Books>
  /** What a script writes to stdout, by file. */
  outputs: Record<string, string>
  broker: FakeBroker
  faults: Faults
}

export interface Faults {
  /** Services whose pods become this instead of ready. */
  rollout: Record<string, Pick<Rollout, 'pods' | 'job'>>
  /** Services whose new slots never start to consume. */
  deaf: Set<string>
  /** Services whose slots never take over the preview plane. */
  previewDeaf: Set<string>
  /** Services whose live pods answer nothing. */
  mute: Set<string>
  /** Services whose outgoing pods do not answer. */
  silent: Set<string>
  /** Services whose stable Service cannot be written. */
  unwritable: Set<string>
  /** Scripts that fail, by file. */
  smoke: Set<string>
  pending: Set<string>
}

function conflict(what: string): Error {
  return failed({ code: 'conflict', message: `${what} was changed meanwhile` })
}

export function emptyService(): ServiceState {
  return {
    slots: { blue: null, green: null },
    stable: null,
    preview: null,
  }
}

export function aSlot(color: Color, revision: string, over: Partial<Slot> = {}): Slot {
  return {
    color,
    revision,
    version: `v-${revision}`,
    digest: `sha256:${revision}`,
    replicas: 2,
    ready: 2,
    ...over,
  }
}

export function createWorld(
  services: readonly string[],
  initial: Record<string, ServiceState> = {},
): World {
  let version = 1
  const next = (): string => String(++version)
  const state: EnvironmentState = {
    services: Object.fromEntries(services.map((name) => [name, initial[name] ?? emptyService()])),
    records: structuredClone(noRecords),
  }
  const log: string[] = []
  const upgrades: HelmRelease[] = []
  const secrets: World['secrets'] = {}
  const scripts: World['scripts'] = []
  const faults: Faults = {
    rollout: {},
    deaf: new Set(),
    previewDeaf: new Set(),
    mute: new Set(),
    silent: new Set(),
    unwritable: new Set(),
    smoke: new Set(),
    pending: new Set(),
  }
  const files: World['files'] = {}
  const outputs: World['outputs'] = {}
  const books: World['books'] = Object.fromEntries(services.map((name) => [name, emptyBooks()]))
  const epochs: Record<string, number> = {}
  const sets: Record<string, { ready: number; replicas: number }> = {}
  let holder: { holder: string; reason: string; since: string } | null = null

  const broker = createFakeBroker()
  const serviceOf = (name: string): ServiceState => {
    const service = state.services[name]
    if (!service) throw new Error(`no service ${name} in this world`)
    return service
  }
  const nameOf = (pod: string): string => services.find((name) => pod.startsWith(`${name}-`)) ?? ''
  const podsOf = (name: string, target: Target | null): string[] => {
    const slot = target && serviceOf(name).slots[target.color]
    if (!slot || slot.revision !== target.revision) return []
    return Array.from(
      { length: slot.replicas },
      (_, index) => `${name}-${slot.color}-${slot.revision}-${index}`,
    )
  }
  const cluster: Cluster = {
    read: async () => structuredClone(state),
    async pointer(name, which) {
      return structuredClone(serviceOf(name)[which])
    },
    async point(name, which, to, resourceVersion) {
      const pointer = serviceOf(name)[which]
      if (which === 'stable' && faults.unwritable.has(name)) throw conflict(name)
      if (!pointer || pointer.resourceVersion !== resourceVersion) throw conflict(name)
      serviceOf(name)[which] = { target: to, resourceVersion: next() }
      if (which === 'stable') epochs[name] = (epochs[name] ?? 0) + 1
      log.push(`point ${name} ${which} ${to ? `${to.color} ${to.revision}` : 'nowhere'}`)
      return String(version)
    },
    async deleteSlot(name, { color, revision }) {
      const slot = serviceOf(name).slots[color]
      if (slot && slot.revision !== revision) throw conflict(`${name} ${color}`)
      serviceOf(name).slots[color] = null
      log.push(`delete ${name} ${color}`)
    },
    async updateRecords(change) {
      state.records = change(structuredClone(state.records))
      return structuredClone(state.records)
    },
    async awaitRollout({ service, color, revision }, judge) {
      const slot = serviceOf(service).slots[color]
      const fault = faults.rollout[service]
      if (fault) return judge({ slot, ...fault })
      if (slot?.revision === revision) slot.ready = slot.replicas
      return judge({ slot, pods: [], job: null })
    },
    async awaitEndpoints(service, judge) {
      const preview = service.endsWith('-preview')
      const name = preview ? service.slice(0, -'-preview'.length) : service
      return judge(podsOf(name, serviceOf(name)[preview ? 'preview' : 'stable']?.target ?? null))
    },
    async pods(name, target) {
      return podsOf(name, target)
    },
    async role(pod) {
      const name = nameOf(pod)
      const { slots, stable, preview } = serviceOf(name)
      if (!Object.values(slots).some((slot) => podsOf(name, slot).includes(pod))) return null
      const target = stable?.target ?? null
      const live = podsOf(name, target).includes(pod)
      if (faults.mute.has(name) || (!live && faults.silent.has(name))) return null
      const epoch = epochs[name] ?? 0
      const previewed = podsOf(name, preview?.target ?? null).includes(pod)
      return {
        ...planeRole(live, live && !faults.deaf.has(name), epoch),
        gate: faults.deaf.has(name)
          ? null
          : { epoch, color: target?.color ?? null, revision: target?.revision ?? null },
        preview: planeRole(previewed, previewed && !faults.previewDeaf.has(name), 1),
      }
    },
    async ask(pod, method, path) {
      const name = nameOf(pod)
      if (!(await cluster.role(pod))) return null
      return answer(books[name] ?? emptyBooks(), method, path)
    },
    async *lines(pod, path) {
      const { searchParams } = new URL(path, 'http://pod')
      const after = searchParams.get('after') ?? ''
      const { orders } = books[nameOf(pod)] ?? emptyBooks()
      const page = orders.filter(({ orderId }) => orderId > after)
      for (const order of page.slice(0, Number(searchParams.get('limit'))))
        yield JSON.stringify(order)
    },
    readiness: async () => '{"ready":false,"broker":false}',
    logs: async () => 'Error: cannot find module\nbye',
    async clearFailedJob() {},
    lockHolder: async () => holder,
    async acquire(reason) {
      if (holder) return holder
      holder = { holder: 'me@here 1', reason, since: '2026-01-01T00:00:00Z' }
      return {
        lost: new AbortController().signal,
        async release() {
          holder = null
        },
      }
    },
    async ensureNamespace() {},
    readSecret: async (name) => secrets[name] ?? null,
    async addToSecret(name, entries) {
      secrets[name] = { ...entries, ...secrets[name] }
    },
    unfinishedReleases: async (names) => names.filter((name) => faults.pending.has(name)),
    async clearPendingReleases(names) {
      const found = names.filter((name) => faults.pending.has(name))
      for (const name of found) faults.pending.delete(name)
      return found
    },
    statefulSet: async (name) => sets[name] ?? null,
    awaitStatefulSet: async (name) => (sets[name]?.ready ?? 0) > 0,
  }
  const helm: Helm = {
    async upgrade(release) {
      upgrades.push(release)
      const slot = release.values?.slot as
        | { image: string; version: string; revision: string }
        | undefined
      if (!slot) {
        sets[release.name] = { ready: 1, replicas: 1 }
        broker.upgrade()
        return
      }
      const color = release.values?.color as Color
      const service = serviceOf(release.name)
      service.stable ??= { target: null, resourceVersion: next() }
      service.preview ??= { target: null, resourceVersion: next() }
      const { version, revision, image } = slot
      service.slots[color] = {
        color,
        version,
        revision,
        digest: image.split('@')[1] ?? '',
        replicas: 2,
        ready: 0,
      }
      log.push(`upgrade ${release.name} ${color} ${revision}`)
    },
  }
  const programs: Programs = {
    run: async () => ({ exitCode: 0, stdout: '', output: '' }),
    async script(file, env) {
      scripts.push({ file, env })
      const stdout = outputs[file] ?? ''
      return faults.smoke.has(file)
        ? { exitCode: 1, stdout, output: 'expected 200, got 503' }
        : { exitCode: 0, stdout, output: stdout }
    },
  }
  const traffic: Traffic = {
    open: async (service) => ({ url: `http://127.0.0.1:1/${service}`, close: async () => {} }),
  }
  const scratch: Scratch = {
    folder: (use) =>
      use({
        path: '/scratch',
        async write(name, parts) {
          files[name] = ''
          for await (const part of parts) files[name] += part
        },
      }),
  }
  return {
    cluster,
    helm,
    programs,
    traffic,
    scratch,
    broker,
    state,
    log,
    upgrades,
    secrets,
    scripts,
    files,
    books,
    outputs,
    faults,
  }
}

function planeRole(named: boolean, consuming: boolean, epoch: number): PlaneRole {
  return {
    role: named ? 'live' : 'standby',
    epoch: consuming ? epoch : null,
    consuming,
    consumers: consuming ? 1 : 0,
    inFlight: 0,
  }
}

/** Never really sleeps; the time passes as fast as it is asked for. */
export function createFakeClock(): Clock {
  let passed = 0
  return {
    now: () => new Date('2026-01-01T12:00:00Z'),
    monotonic: () => passed,
    async sleep(ms) {
      passed += ms
    },
  }
}

export function createFakeProgress(): Progress & { lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    step: async (title, run) => {
      lines.push(title)
      return run(() => {})
    },
    note: (line) => void lines.push(line),
    warn: (line) => void lines.push(`! ${line}`),
  }
}

/** Whether the Service of `name` selects this colour and revision. */
export function serves(world: World, name: string, target: Target): boolean {
  return sameTarget(world.state.services[name]?.stable?.target, target)
}

export function recordsOf(over: Partial<Records>): Records {
  return {
    ...structuredClone(noRecords),
    ...over,
  }
}
