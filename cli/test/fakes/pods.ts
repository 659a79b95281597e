// The pods of an environment in memory: what they say of themselves, and what their services know of their work.
import { setImmediate } from 'node:timers/promises'
import { interrupted } from '../../src/errors.ts'
import type {
  Login,
  Management,
  PlaneReport,
  PodReport,
  PodState,
  Pods,
  Rollout,
  Which,
} from '../../src/release/ports/cluster.ts'
import type { OpenWork, OpenWorkQuestion } from '../../src/release/ports/open-work.ts'
import { colors, type Slot, slotName, type Target } from '../../src/release/slot.ts'
import type { EnvironmentState } from '../../src/release/state.ts'
import { answer, type Books, emptyBooks } from './books.ts'
import { serviceOf } from './driver.ts'

export interface PodFaults {
  /** Services whose pods become this instead of ready. `version`: only those of this version. */
  rollout: Record<string, Pick<Rollout, 'pods' | 'job'> & Partial<Rollout> & { version?: string }>
  /** What the chart of a dependency made, where it does not come up. */
  release: Record<string, Pick<Rollout, 'pods'> & Partial<Rollout>>
  /** Services whose new slots never start to consume. */
  deaf: Set<string>
  /** Services whose slots never take over the preview plane. */
  previewDeaf: Set<string>
  /** Services whose live pods answer nothing. */
  mute: Set<string>
  /** Services whose outgoing pods do not answer. */
  silent: Set<string>
  /** What the outgoing pods of a service still have to do. */
  uses: Record<string, Partial<PodReport>>
  /** Services that know nothing of shopctl: HTTP alone. */
  plain: Set<string>
  /** With which code the pods of a service end; null: unseen. */
  exitCodes: Record<string, number | null>
  /** Slots or pods that cannot log in, by `<service>-<color>` or the name of the pod. */
  logins: Record<string, Login>
  /** What the pods of a service tell of its open work. Others tell nothing. */
  openWork: Record<string, (question: OpenWorkQuestion) => OpenWork | null>
}

const loginOk: Login = { state: 'ok', problem: null }

export function createPodFaults(): PodFaults {
  return {
    rollout: {},
    release: {},
    deaf: new Set(),
    previewDeaf: new Set(),
    mute: new Set(),
    silent: new Set(),
    uses: {},
    plain: new Set(),
    exitCodes: {},
    logins: {},
    openWork: {},
  }
}

export interface PodParts {
  state: EnvironmentState
  faults: PodFaults
  /** How often each slot was restarted, by its name. */
  restarts: Record<string, number>
  epochs: Record<string, number>
  books: Record<string, Books>
}

function podsOf({ state, restarts }: PodParts, name: string, target: Target | null): string[] {
  const slot = target && serviceOf(state, name).slots[target.color]
  if (!slot || slot.revision !== target.revision) return []
  const times = restarts[slotName(name, slot.color)] ?? 0
  const mark = times > 0 ? `r${times}-` : ''
  return Array.from(
    { length: slot.replicas },
    (_, index) => `${slotName(name, slot.color)}-${slot.revision}-${mark}${index}`,
  )
}

export function createFakePods(parts: PodParts): Pods {
  const { state, faults, epochs } = parts
  const targetOf = (name: string, which: Which): Target | null =>
    serviceOf(state, name)[which]?.target ?? null
  const rolloutFault = (service: string, slot: Slot | null): Partial<Rollout> | null => {
    const { version, ...fault } = faults.rollout[service] ?? {}
    if (!faults.rollout[service]) return null
    return version === undefined || version === slot?.version ? fault : null
  }
  /** Before its first new try, a pod reports what it knew at its start. */
  const tried = new Set<string>()
  const loginOf = (name: string, pod: string): Login => {
    const slot = colors.map((color) => slotName(name, color)).find((each) => pod.startsWith(each))
    return (tried.has(pod) && slot && (faults.logins[pod] ?? faults.logins[slot])) || loginOk
  }
  const report = (name: string, pod: string): PodReport | null => {
    const { slots } = serviceOf(state, name)
    if (!colors.some((color) => podsOf(parts, name, slots[color]).includes(pod))) return null
    const target = targetOf(name, 'stable')
    const live = podsOf(parts, name, target).includes(pod)
    if (faults.mute.has(name) || (!live && faults.silent.has(name))) return null
    const epoch = epochs[name] ?? 0
    const isDeaf = faults.deaf.has(name)
    const previewed = podsOf(parts, name, targetOf(name, 'preview')).includes(pod)
    return {
      ...planeReport(live, live && !isDeaf, epoch, loginOf(name, pod)),
      ...(!live && faults.uses[name]),
      gate: isDeaf
        ? null
        : { epoch, color: target?.color ?? null, revision: target?.revision ?? null },
      preview: {
        ...planeReport(previewed, previewed && !faults.previewDeaf.has(name), 1, loginOk),
        ...(!live && faults.uses[name]?.preview),
      },
    }
  }
  return {
    list: async (name, target) => podsOf(parts, name, target),
    selected: async (name, target) => podsOf(parts, name, target),
    async states(name, target) {
      const slot = serviceOf(state, name).slots[target.color]
      const well = podsOf(parts, name, target).map((pod) => aPodState(pod))
      return rolloutFault(name, slot)?.pods ?? well
    },
    reports: (name) => !faults.plain.has(name),
    tellsOpenWork: (name) => faults.openWork[name] !== undefined,
    openWork: async (name, _, question) => faults.openWork[name]?.(question) ?? null,
    async report(name, pod, ask) {
      if (ask) tried.add(pod)
      return report(name, pod)
    },
    async rollout({ service, color }) {
      const slot = serviceOf(state, service).slots[color]
      const fault = rolloutFault(service, slot)
      const rest = { pods: [], job: null, unavailableSince: null, complaints: [], ending: 0 }
      return { slot, ...rest, ...fault }
    },
    async awaitRollout({ service, color, revision }, judge, { signal }) {
      if (signal.aborted) throw interrupted()
      const slot = serviceOf(state, service).slots[color]
      const fault = rolloutFault(service, slot)
      if (!fault && slot?.revision === revision) slot.ready = slot.replicas
      const rest = { pods: [], job: null, unavailableSince: null, complaints: [], ending: 0 }
      return judge({ slot, ...rest, ...fault })
    },
    async dependency(name) {
      const rest = { slot: null, unavailableSince: null, job: null, complaints: [], ending: 0 }
      const pod = { name: `${name}-0`, ready: true, containers: [], complaints: [] }
      return { ...rest, pods: [pod], ...faults.release[name] }
    },
    async awaitRelease(name, judge, { signal }) {
      if (signal.aborted) throw interrupted()
      const fault = faults.release[name]
      const found =
        fault &&
        judge({
          slot: null,
          unavailableSince: null,
          job: null,
          complaints: [],
          ending: 0,
          ...fault,
        })
      if (found) return found
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      throw interrupted()
    },
    async awaitEndpoints(name, which, judge, { signal }) {
      if (signal.aborted) throw interrupted()
      return judge(podsOf(parts, name, targetOf(name, which)))
    },
    async awaitEnd({ service, color, revision }, pods) {
      // The slot is restarted while this waits.
      await setImmediate()
      const left = podsOf(parts, service, { color, revision })
      const { [service]: exitCode = 0 } = faults.exitCodes
      return pods.map((pod) => ({ pod, exitCode: left.includes(pod) ? null : exitCode }))
    },
    readiness: async () => '{"ready":false,"broker":false}',
    logs: async () => 'Error: cannot find module\nbye',
  }
}

/** One that is well. */
export function aPodState(name: string, over: Partial<PodState> = {}): PodState {
  const container = { name: 'app', restarts: 0, waiting: null, ended: null }
  return { name, ready: true, containers: [container], complaints: [], ...over }
}

function planeReport(
  isNamed: boolean,
  consuming: boolean,
  epoch: number,
  login: Login | null,
): PlaneReport {
  return {
    login,
    role: isNamed ? 'live' : 'standby',
    epoch: consuming ? epoch : null,
    consuming,
    consumers: consuming ? 1 : 0,
    inFlight: 0,
    connections: 0,
  }
}

export function createFakeManagement(pods: Pods, { faults, books }: PodParts): Management {
  const of = (service: string): Books => books[service] ?? emptyBooks()
  return {
    path: (service, what) => (faults.plain.has(service) ? null : `/${what}`),
    async ask(service, pod, method, path) {
      return (await pods.report(service, pod)) && answer(of(service), method, path)
    },
    async *lines(service, _, path) {
      yield* answer(of(service), 'GET', path)
        .body.split('\n')
        .filter((line) => line !== '')
    },
  }
}
