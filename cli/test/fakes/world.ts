// An environment in memory: all that a verb needs of it, as a command would hand it over.
import type { ClusterPorts } from '../../src/context.ts'
import type { Way } from '../../src/release/ports/cluster.ts'
import { sameTarget, type Target } from '../../src/release/slot.ts'
import type { EnvironmentState, ServiceState } from '../../src/release/state.ts'
import { type Books, emptyBooks } from './books.ts'
import { createFakeCharts, type FakeCharts } from './charts.ts'
import { createEngine, createTree, type FakeEngine, type Tree } from './config.ts'
import { createFakeContents, type FakeContents } from './contents.ts'
import { createFakeDriver, createFakeObserver, type FakeDriver } from './driver.ts'
import {
  createFakeClock,
  createFakeEvents,
  createFakePrograms,
  createFakeProgress,
  createFakeScratch,
  type FakeEvents,
  type FakePrograms,
  type FakeProgress,
  type FakeScratch,
  operator,
} from './host.ts'
import { createFakeAttestations, createFakeScans, type FakeScans } from './images.ts'
import { createFakeJournal, createFakeLock, type FakeLock } from './journal.ts'
import { createFakeLogs, type FakeLogs } from './logs.ts'
import { createFakeMetrics, type FakeMetrics } from './metrics.ts'
import { createFakePieces, type FakePieces } from './pieces.ts'
import { createFakePodMetrics, type FakePodMetrics } from './pod-metrics.ts'
import { createFakeManagement, createFakePods, createPodFaults, type PodFaults } from './pods.ts'
import { aState, emptyService } from './state.ts'
import { createFakeBroker, type FakeBroker } from './topology.ts'

/** As a command hands them to a verb. */
export type Ports = ClusterPorts & Pick<FakeEngine, 'builder'>

export interface World extends Ports {
  podLogs: FakeLogs['podLogs']
  logStore: FakeLogs['logStore']
  state: EnvironmentState
  /** Everything that was changed in the cluster, in order. */
  log: string[]
  source: Tree
  engine: FakeEngine
  scans: FakeScans
  charts: FakeCharts
  driver: FakeDriver
  lock: FakeLock
  broker: FakeBroker
  metrics: FakeMetrics
  podMetrics: FakePodMetrics
  progress: FakeProgress
  events: FakeEvents
  programs: FakePrograms
  scratch: FakeScratch
  faults: PodFaults
  /** What the pods of a service answer on their management port. */
  books: Record<string, Books>
  secrets: Record<string, Record<string, string>>
  configMaps: Record<string, Record<string, string>>
  contents: FakeContents
  pieces: FakePieces
  sets: Record<string, { ready: number; replicas: number }>
  /** Of the namespace. */
  labels: Record<string, string>
  /** The API server's answer to new labels. null: this user may not. */
  labelWarnings: string[] | null
  /** What a GET through an open way answers, by its URL; 200 where nothing is said. */
  answers: Record<string, number | string>
  /** URLs that were asked. */
  asked: string[]
  /** Ways that were opened and not closed. */
  ways: Set<string>
  /** Secrets. */
  masked: string[]
}

export function createWorld(
  services: readonly string[],
  initial: Record<string, ServiceState> = {},
): World {
  const logs = createFakeLogs()
  const state = aState(
    Object.fromEntries(services.map((name) => [name, initial[name] ?? emptyService()])),
  )
  state.journal.head = null
  const parts = {
    state,
    faults: createPodFaults(),
    restarts: {} as Record<string, number>,
    epochs: {} as Record<string, number>,
    books: Object.fromEntries(services.map((name) => [name, emptyBooks()])),
  }
  const { faults, books, restarts, epochs } = parts
  const log: string[] = []
  const secrets: World['secrets'] = {}
  const configMaps: World['configMaps'] = {}
  const sets: World['sets'] = {}
  const labels: World['labels'] = {}
  const answers: World['answers'] = {}
  const asked: string[] = []
  const ways = new Set<string>()
  const masked: string[] = []
  const source = createTree()
  const scratch = createFakeScratch()
  const charts = createFakeCharts(() => {
    const made = Object.entries(scratch.files)
    const there = made.map(([file, text]) => [`/scratch/${file}`, text])
    return { ...source.contents, ...Object.fromEntries(there) }
  })
  const broker = createFakeBroker()
  const driver = createFakeDriver({
    ...{ state, charts, log },
    moved(service) {
      epochs[service] = (epochs[service] ?? 0) + 1
    },
    restarted(slot) {
      restarts[slot] = (restarts[slot] ?? 0) + 1
    },
    installed(name) {
      sets[name] = { ready: 1, replicas: 1 }
      broker.upgrade()
    },
  })
  const pods = createFakePods(parts)
  const engine = createEngine()
  const wayTo = (name: string): Way => {
    const url = `http://127.0.0.1:1/${name}`
    ways.add(url)
    return { url, isDenied: () => false, close: async () => void ways.delete(url) }
  }
  const world: World = {
    ...{ state, log, charts, broker, driver, pods, engine, faults, books },
    labelWarnings: [],
    metrics: createFakeMetrics(),
    podMetrics: createFakePodMetrics(),
    probe: null,
    hookSettings: {
      ...{ scripts: {}, env: 'local', namespace: 'shop' },
      where: (path) => `shopctl.yaml:1:1: ${path.join('.')}`,
    },
    gitops: null,
    ...{ secrets, configMaps, sets, labels, answers, asked, ways, operator },
    contents: createFakeContents({
      ...{ secrets, configMaps, log },
      standing: () => Object.values(driver.standing).flat(),
    }),
    pieces: createFakePieces(),
    ...logs,
    openLogStore: async () => logs.logStore,
    builder: engine.builder,
    registry: engine.registry,
    attestations: createFakeAttestations(),
    scans: createFakeScans(),
    pushed: engine.pushed,
    source,
    clock: createFakeClock(),
    progress: createFakeProgress(),
    events: createFakeEvents(),
    programs: createFakePrograms(),
    scratch,
    observer: createFakeObserver(state, driver),
    journal: createFakeJournal(state),
    lock: createFakeLock(),
    management: createFakeManagement(pods, parts),
    signal: new AbortController().signal,
    masked,
    mask: (value) => void masked.push(value),
    migrations: {
      async contractions(_, sql) {
        const line = sql.split('\n').findIndex((text) => text.startsWith('drop'))
        const statement = sql.split('\n')[line] ?? ''
        return line < 0 ? [] : [{ line: line + 1, statement, why: 'this drops a table' }]
      },
    },
    traffic: {
      async open(service) {
        return wayTo(service)
      },
      openPod: async (_, pod) => wayTo(pod),
      async status(url) {
        asked.push(url)
        return answers[url] ?? 200
      },
    },
    namespace: {
      ensure: async () => 'uid-1',
      labels: async () => labels,
      async label(wanted, { dryRun }) {
        if (!dryRun) {
          log.push(`label ${Object.keys(wanted)}`)
          Object.assign(labels, wanted)
        }
        return world.labelWarnings
      },
      readSecret: async (name) => secrets[name] ?? null,
      async addToSecret(name, entries) {
        secrets[name] = { ...entries, ...secrets[name] }
      },
      statefulSet: async (name) => sets[name] ?? null,
      awaitStatefulSet: async (name) => (sets[name]?.ready ?? 0) > 0,
    },
  }
  return world
}

/** Whether the Service of `name` selects this color and revision. */
export function serves(world: World, name: string, target: Target): boolean {
  return sameTarget(world.state.services[name]?.stable?.target, target)
}

export function previewOf(world: World, name: string): Target | null | undefined {
  return world.state.services[name]?.preview?.target
}

/** Outcomes of the operations that ended: `r-1 done`, `op-3 failed`. */
export function outcomes(world: World): string[] {
  return world.state.journal.closed.map(
    ({ release, number, outcome }) => `${release ?? `op-${number}`} ${outcome}`,
  )
}
