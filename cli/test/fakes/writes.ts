// What each method of the ports does, and a process over them that is killed at one of its writes.
import type { Held } from '../../src/release/ports/session.ts'
import type { Ports, World } from './world.ts'

/** `writes each`: what the list says that is its first argument, one after the other. */
type Does = 'reads' | 'writes' | 'writes each'

type Methods<P> = Extract<
  {
    [K in keyof P]-?: NonNullable<P[K]> extends (...args: never[]) => unknown ? K : never
  }[keyof P],
  string
>

/** A port that gets another method does not compile before it stands here. */
type Doing<P> = Readonly<Record<Methods<P>, Does>>

/** null: it has no method that a verb calls. */
const ports: { readonly [P in keyof Ports]-?: Doing<NonNullable<Ports[P]>> | null } = {
  driver: {
    ...{ begin: 'reads', prepare: 'reads', recorded: 'reads', settle: 'reads' },
    ...{ writeSlots: 'writes each', scaleSlots: 'writes each', movePointers: 'writes each' },
    ...{ removeSlots: 'writes each', putBack: 'writes each', confirm: 'writes each' },
    ...{ restartSlot: 'writes', install: 'writes' },
  },
  journal: {
    ...{ read: 'reads', counter: 'reads', isOpen: 'reads' },
    ...{ begin: 'writes', end: 'writes', amend: 'writes' },
  },
  lock: { lockHolder: 'reads', acquire: 'writes' },
  namespace: {
    ...{ labels: 'reads', readSecret: 'reads', statefulSet: 'reads', awaitStatefulSet: 'reads' },
    ...{ ensure: 'writes', label: 'writes', addToSecret: 'writes' },
  },
  contents: { read: 'reads', copy: 'writes', sweep: 'writes' },
  pieces: { list: 'reads', read: 'reads', add: 'writes', remove: 'writes' },
  registry: {
    ...{ digest: 'reads', labels: 'reads', referrers: 'reads' },
    ...{ tag: 'writes', prepare: 'writes', keep: 'writes' },
  },
  builder: {
    ...{ labels: 'reads', writesCache: 'reads', newestBase: 'reads' },
    ...{ solve: 'writes', build: 'writes', tag: 'writes', push: 'writes' },
  },
  pushed: { last: 'reads', has: 'reads', add: 'writes', forget: 'writes' },
  // What a program writes is its own, but shopctl is killed beside it.
  programs: { run: 'writes', script: 'writes', hook: 'writes' },
  scratch: { folder: 'reads' },
  traffic: { open: 'reads', openPod: 'reads', status: 'reads' },
  observer: { services: 'reads', pointer: 'reads', podTemplate: 'reads', accessRules: 'reads' },
  pods: {
    ...{
      list: 'reads',
      selected: 'reads',
      reports: 'reads',
      report: 'reads',
      tellsOpenWork: 'reads',
      openWork: 'reads',
      rollout: 'reads',
    },
    ...{ dependency: 'reads', awaitRollout: 'reads', awaitRelease: 'reads', awaitEnd: 'reads' },
    ...{ awaitEndpoints: 'reads', readiness: 'reads', logs: 'reads', states: 'reads' },
  },
  podLogs: { read: 'reads', follow: 'reads' },
  podMetrics: { isNamed: 'reads', read: 'reads' },
  management: { path: 'reads', ask: 'writes', lines: 'reads' },
  broker: { declared: 'reads', found: 'reads', queues: 'reads', problems: 'reads' },
  metrics: {
    ...{ firing: 'reads', checkCoverage: 'reads', slots: 'reads', figures: 'reads' },
    ...{ counted: 'reads', value: 'reads' },
  },
  probe: { start: 'reads' },
  gitops: {
    ...{ init: 'writes', log: 'reads', changesByHand: 'reads', status: 'reads' },
    ...{ problems: 'reads', revisions: 'reads' },
  },
  charts: { render: 'reads', files: 'reads' },
  source: {
    ...{ commit: 'reads', files: 'reads', changed: 'reads', read: 'reads' },
    ...{ entry: 'reads', follow: 'reads' },
  },
  attestations: { verify: 'reads' },
  scans: { read: 'reads' },
  migrations: { contractions: 'reads' },
  clock: { now: 'reads', monotonic: 'reads', sleep: 'reads' },
  progress: { step: 'reads', note: 'reads', warn: 'reads' },
  events: { emit: 'reads' },
  ...{ openLogStore: null, hookSettings: null, operator: null, mask: null, signal: null },
}

const held: Doing<Held> = { lockByHand: 'writes', unlockByHand: 'writes', release: 'writes' }

/** `early` and `late`: within a write that takes several steps. */
export type When = 'before' | 'early' | 'late' | 'after'

export interface Death {
  /** The number of a write, or the title of the first of a kind: `driver.movePointers`. */
  at: number | string
  when: When
}

export interface Run {
  ports: Ports
  /** Its writes so far, as `driver.movePointers`. */
  writes: string[]
  /** Methods that it called and that stand in no list. */
  unknown: string[]
  /** Ends when it is killed. */
  killed: Promise<void>
}

/** Nobody waits for a process that is gone. */
const never = new Promise<never>(() => {})

type Call = (...args: unknown[]) => unknown

/**
 * A process that runs on its own. `death` null: it lives. `half` leaves the write with this title unfinished, on what it
 * gets.
 */
export function aRun(
  world: World,
  death: Death | null,
  half: (title: string, what: unknown) => void = () => {},
): Run {
  const writes: string[] = []
  const unknown: string[] = []
  const dying = Promise.withResolvers<void>()
  let isDead = false
  const die = (): Promise<never> => {
    isDead = true
    dying.resolve()
    return never
  }
  const write = async (title: string, what: unknown, act: () => unknown): Promise<unknown> => {
    if (isDead) return never
    const number = writes.push(title) - 1
    if (!death || (death.at !== number && death.at !== title)) return act()
    const { when } = death
    if (when === 'late' || when === 'after') await act()
    if (when === 'early' || when === 'late') half(title, what)
    return die()
  }
  const writing =
    (title: string, does: Does, call: Call) =>
    async (...args: unknown[]): Promise<unknown> => {
      const [first, ...rest] = args
      if (does !== 'writes each' || !Array.isArray(first)) {
        const result = await write(title, first, () => call(...args))
        return title === 'lock.acquire' ? portOf('held', held, result) : result
      }
      if (first.length === 0) return call(...args)
      const results: unknown[] = []
      for (const each of first) results.push(await write(title, each, () => call([each], ...rest)))
      // `confirm` says whether anything was changed.
      return results.every(Array.isArray) ? results.flat() : results.some(Boolean)
    }
  const reading =
    (call: Call) =>
    (...args: unknown[]): unknown => {
      const wasDead = isDead
      const result = call(...args)
      return wasDead && result instanceof Promise ? never : result
    }
  const portOf = (name: string, doing: Readonly<Record<string, Does>>, port: unknown): unknown =>
    typeof port !== 'object' || port === null
      ? port
      : new Proxy(port, {
          get(target, key, receiver) {
            const value = Reflect.get(target, key, receiver)
            if (typeof value !== 'function') return value
            const title = `${name}.${String(key)}`
            const does = doing[String(key)]
            if (does === undefined) unknown.push(title)
            const call = value.bind(target) as Call
            return does === 'writes' || does === 'writes each'
              ? writing(title, does, call)
              : reading(call)
          },
        })
  const wrapped = Object.entries(ports).map(([name, doing]) => {
    const port = world[name as keyof Ports]
    return [name, doing ? portOf(name, doing, port) : port]
  })
  const made = Object.fromEntries(wrapped) as Ports
  return { ports: made, writes, unknown, killed: dying.promise }
}
