// Argo CD in memory. It follows a config repo and heals the cluster towards the commit that it knows, which may be an old
// one. Each step is one thing that its controller does, so a test can stop it anywhere.
import type {
  Application,
  Applications,
  SyncOperation,
} from '../../src/adapters/kubernetes/applications.ts'
import { interrupted, said } from '../../src/errors.ts'
import type { Clock } from '../../src/release/ports/session.ts'
import { type Desired, desiredOf, hasFields, withFields, withoutNumbers } from './argocd-objects.ts'
import type { FakeConfigRepo } from './config-repo.ts'
import type { FakeApi } from './kubernetes-api.ts'

export interface FakeArgo extends Applications {
  /** The next thing that the controller does. false: nothing is to do now. */
  step(): boolean
  /** Goes on until nothing is to do. */
  settle(): void
  /** The controller starts again: what it knows of the branch may be old, and it goes on with what it had begun. */
  restart(): void
  show(name: string): Application
  /** Another spec, as a person writes it. */
  edit(name: string, spec: Partial<Pick<Application, 'source' | 'automatic'>>): void
  remove(name: string): void
  faults: {
    /** Its controller does not run. */
    down: boolean
    /** Milliseconds between two steps. */
    stepMs: number
    /** The sync windows of its project are closed. */
    closed: boolean
    /** What a sync fails with, by Application. */
    failing: Record<string, string>
    /** What keeps it from comparing, by Application. */
    complaints: Record<string, string>
    /** Operations that do not go on, as if a hook did not end, by Application. */
    hanging: Set<string>
  }
}

interface App {
  name: string
  source: Application['source']
  automatic: Application['automatic']
  /** The commit that it takes for the newest one. */
  known: string | null
  fetchedAt: number
  /** Somebody asked for a look at the branch. */
  isAsked: boolean
  /** It has looked, and compares next. */
  isFetched: boolean
  compared: string | null
  comparedAt: string | null
  /** A comparison that runs, with what it began with. `at`: one that follows a look at the branch. */
  comparing: { known: string; automatic: Application['automatic']; at: string | null } | null
  sync: Application['sync']
  /** What the comparison was made of. */
  seen: string
  emergency: string | null
  complaints: string[]
  requested: string | null
  /** What was requested writes nothing. */
  isDryRun: boolean
  operation: SyncOperation | null
  /** What the operation has still to write. null: to be deleted. */
  todo: [string, Record<string, unknown> | null][]
  owned: Set<string>
}

export interface ArgoParts {
  repo: FakeConfigRepo
  api: FakeApi
  clock: Clock
  namespace: string
  /** Folder by name. */
  applications: Readonly<Record<string, string>>
  /** After each step. */
  stepped?: () => void
}

/** How long it takes a commit for the newest one without looking. */
const pollMs = 180_000
const roundMs = 250

export function createFakeArgo({
  repo,
  api,
  clock,
  namespace,
  applications,
  stepped,
}: ArgoParts): FakeArgo {
  const apps = new Map<string, App>()
  for (const [name, path] of Object.entries(applications)) apps.set(name, newApp(name, path))
  const faults: FakeArgo['faults'] = {
    ...{ down: false, stepMs: roundMs, closed: false },
    ...{ failing: {}, complaints: {}, hanging: new Set() },
  }
  let steppedAt = 0
  const appOf = (name: string): App => {
    const found = apps.get(name)
    if (!found) throw new Error(`no Application ${name}`)
    return found
  }
  const desired = ({ source }: App, commit: string): Desired =>
    desiredOf(repo.at(commit).files, source.path, namespace)
  const live = (path: string) => api.objects.get(path)
  const print = (app: App): string => {
    const versions = [...app.owned].map((path) => live(path)?.metadata?.resourceVersion ?? '-')
    return [app.known, faults.complaints[app.name] ?? '', ...versions].join()
  }

  const fetch = (app: App): void => {
    app.isAsked = false
    app.fetchedAt = clock.monotonic()
    app.known = repo.head().commit
    app.isFetched = true
  }
  const compare = (app: App, known: string): void => {
    try {
      const complaint = faults.complaints[app.name]
      if (complaint !== undefined) throw new Error(complaint)
      const wanted = desired(app, known)
      for (const path of wanted.keys()) app.owned.add(path)
      const isSame = [...app.owned].every((path) => {
        const object = wanted.get(path)
        return object ? hasFields(live(path), withoutNumbers(object)) : !live(path)
      })
      Object.assign(app, { sync: isSame ? 'Synced' : 'OutOfSync', compared: known, complaints: [] })
    } catch (error) {
      Object.assign(app, { sync: 'Unknown', complaints: [said(error)] })
    }
    app.seen = print(app)
  }
  const begin = (app: App, revision: string): void => {
    const wanted: Desired = app.isDryRun ? new Map() : desired(app, revision)
    const gone =
      app.automatic.prune && !app.isDryRun ? [...app.owned].filter((path) => !wanted.has(path)) : []
    app.requested = null
    // As the real one does, it waits for the window to open.
    const message = faults.closed ? 'Sync operation blocked by sync window' : ''
    app.operation = { phase: 'Running', message, revision, problems: [] }
    app.todo = [...[...wanted], ...gone.map((path): [string, null] => [path, null])]
  }
  const end = (
    app: App,
    phase: SyncOperation['phase'],
    message: string,
    problems: string[] = [],
  ): void => {
    app.operation = { phase, message, revision: app.operation?.revision ?? null, problems }
    app.todo = []
    app.seen = ''
  }
  const write = (path: string, object: Record<string, unknown> | null): void => {
    const now = live(path)
    if (!object) {
      api.remove(path)
      return
    }
    const fields = now ? withoutNumbers(object) : object
    if (!hasFields(now, fields)) api.put(path, withFields(now, fields) as object)
  }
  const advance = (app: App): void => {
    const problem = faults.failing[app.name]
    const next = app.todo.shift()
    if (app.operation?.phase === 'Terminating') end(app, 'Failed', 'Operation terminated')
    else if (problem !== undefined) end(app, 'Failed', 'one or more objects failed', [problem])
    else if (next) write(...next)
    else end(app, 'Succeeded', 'successfully synced')
  }
  /** Each commit is tried once; what was carried out is healed. */
  const isDue = ({ sync, compared, requested, operation }: App, automatic: App['automatic']) => {
    if (sync !== 'OutOfSync' || !automatic.sync || faults.closed) return false
    if (requested !== null || isRunning(operation)) return false
    if (operation?.revision !== compared) return true
    return operation?.phase === 'Succeeded' && automatic.selfHeal
  }
  /** What began with an old commit, or with syncs on, ends with them. */
  const decide = (app: App, { known, automatic, at }: NonNullable<App['comparing']>): void => {
    app.comparing = null
    compare(app, known)
    app.comparedAt = at ?? app.comparedAt
    if (isDue(app, automatic)) request(app, app.compared)
  }
  const request = (app: App, requested: string | null, isDryRun = false): void =>
    void Object.assign(app, { requested, isDryRun })
  const nextOf = (app: App): (() => void) | null => {
    const { known, requested, compared, operation, comparing } = app
    if (comparing) return () => decide(app, comparing)
    if (app.isAsked || clock.monotonic() - app.fetchedAt >= pollMs) return () => fetch(app)
    if (known !== null && (app.isFetched || app.seen !== print(app))) {
      const { automatic, isFetched } = app
      const at = isFetched ? `${clock.now().toISOString().slice(0, 19)}Z` : null
      const comparing = { known, automatic, at }
      return () => void Object.assign(app, { comparing, isFetched: false })
    }
    const isStopped = faults.closed || faults.hanging.has(app.name)
    const isHanging = isStopped && operation?.phase === 'Running'
    if (isRunning(operation)) return isHanging ? null : () => advance(app)
    if (requested !== null) return () => begin(app, requested)
    if (isDue(app, app.automatic)) return () => request(app, compared)
    return null
  }
  const argo: FakeArgo = {
    faults,
    step() {
      if (faults.down) return false
      for (const app of apps.values()) {
        const next = nextOf(app)
        if (!next) continue
        next()
        stepped?.()
        return true
      }
      return false
    },
    settle() {
      for (let left = 500; argo.step(); left--)
        if (left === 0) throw new Error('Argo CD never rests')
    },
    restart() {
      faults.down = false
      for (const app of apps.values()) Object.assign(app, { seen: '', comparing: null })
    },
    show: (name) => shown(appOf(name)),
    edit: (name, spec) => void Object.assign(appOf(name), spec),
    remove: (name) => void apps.delete(name),
    list: async () => [...apps.values()].map(shown),
    async await(judge, { timeoutMs, signal }) {
      for (const limit = clock.monotonic() + timeoutMs; ; ) {
        if (signal.aborted) throw interrupted()
        const found = judge([...apps.values()].map(shown))
        if (found !== null) return found
        if (clock.monotonic() >= limit) return null
        await clock.sleep(roundMs)
        if (clock.monotonic() - steppedAt < faults.stepMs) continue
        steppedAt = clock.monotonic()
        argo.step()
      }
    },
    async refresh(name) {
      appOf(name).isAsked = true
    },
    async terminate(name) {
      const app = appOf(name)
      if (app.operation?.phase === 'Running') app.operation.phase = 'Terminating'
    },
    async sync(name, revision, options) {
      request(appOf(name), revision, options?.dryRun)
    },
    async setAutomatic(name, on, emergency) {
      const app = appOf(name)
      app.automatic = { ...app.automatic, sync: on, selfHeal: on }
      app.emergency = emergency
    },
  }
  return argo
}

function newApp(name: string, path: string): App {
  return {
    name,
    source: { url: 'http://git/config.git', branch: 'main', path },
    automatic: { sync: true, selfHeal: true, prune: true },
    ...{ known: null, fetchedAt: 0, isAsked: true, isFetched: false, sync: 'Unknown', seen: '' },
    ...{ compared: null, comparedAt: null, comparing: null, emergency: null, complaints: [] },
    ...{ requested: null, isDryRun: false, operation: null, todo: [], owned: new Set() },
  }
}

function isRunning(operation: SyncOperation | null): boolean {
  return operation?.phase === 'Running' || operation?.phase === 'Terminating'
}

function shown({
  name,
  source,
  automatic,
  sync,
  compared,
  comparedAt,
  complaints,
  emergency,
  requested,
  operation,
}: App): Application {
  const isPending = requested !== null && !isRunning(operation)
  const pending = { phase: 'Pending' as const, message: '', revision: requested, problems: [] }
  return structuredClone({
    ...{ name, source, automatic, sync, compared, comparedAt, complaints, emergency },
    operation: isPending ? pending : operation,
    health: 'Healthy',
    busy: isPending || isRunning(operation),
  })
}
