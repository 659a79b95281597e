// The role of a pod: it is live while its Service selects its color and revision.
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { KubernetesApi } from './kubernetes.ts'
import type { Logger } from './telemetry.ts'

/** `unknown` until the first answer of the API server. */
export type Role = 'live' | 'standby' | 'unknown'

/** A slot, as pods are labelled and Services select them. */
export interface Slot {
  color: string
  revision: string
}

export function isSame(
  one: { color: string | null; revision: string | null } | null,
  other: Slot,
): boolean {
  return one?.color === other.color && one.revision === other.revision
}

export interface Follower {
  role(): Role
  /** When the role last changed. */
  since(): Date
  /** GETs the Service and updates the role. Resolves with null when the Service selects no slot. */
  read(): Promise<Slot | null>
  close(): void
}

export interface FollowerDeps {
  api: KubernetesApi
  namespace: string
  service: string
  slot: Slot
  logger: Logger
  now: () => Date
  onChange: (role: Role) => void
}

const getEveryMs = 2_000
const getTimeoutMs = 1_500
const watchAgainMs = 200
const afterFailureMs = 1_000
const watchHeadMs = 3_000
/** After this time the server ends a watch. If it does not, the client does so 10 seconds later. */
const watchSeconds = 240

const serviceObject = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  spec: z.object({ selector: z.record(z.string(), z.string()).optional() }),
})
type ServiceObject = z.infer<typeof serviceObject>
const watchEvent = z.object({ type: z.string(), object: z.unknown() })

interface Watch {
  stop: AbortController
  /** The number of its start in the order of observations. Null until the server answers. */
  began: number | null
  /** The resourceVersion of its last event. */
  version: string | undefined
  /** The resourceVersion of the last GET. Events with a lower one are late. */
  newest: number
}

function newWatch(): Watch {
  return {
    stop: new AbortController(),
    began: null,
    version: undefined,
    // Starts from 0 for each watch, because versions are lower after a restore of etcd.
    newest: 0,
  }
}

/**
 * Follows a Service by a watch, which is fast, and by a GET every two seconds, which notices a watch that has gone silent.
 * The role does not change while the API server does not answer.
 */
export function followService(deps: FollowerDeps): Follower {
  const path = `/api/v1/namespaces/${deps.namespace}/services`
  let role: Role = 'unknown'
  let since = deps.now()
  let closed = false
  let watch = newWatch()
  /** Numbers the observations: a GET at its start, a watch event at its arrival. */
  let count = 0
  /** The number of the observation that decided the role. */
  let decidedBy = 0

  function decide(number: number, object: ServiceObject | null): void {
    decidedBy = number
    const next = isSame(slotOf(object), deps.slot) ? 'live' : 'standby'
    if (closed || next === role) return
    role = next
    since = deps.now()
    deps.logger.info({ role }, 'role changed')
    deps.onChange(role)
  }

  async function read(): Promise<Slot | null> {
    const number = ++count
    const object = await get()
    // A later observation has already decided the role.
    if (number < decidedBy) return slotOf(object)
    const version = object?.metadata.resourceVersion
    // The watch has missed a change. It is late or half-open, so start a new one.
    if (watch.began !== null && watch.began < number && watch.version !== version) {
      watch.stop.abort()
    }
    watch.newest = Number(version ?? 0)
    decide(number, object)
    return slotOf(object)
  }

  async function get(): Promise<ServiceObject | null> {
    const signal = AbortSignal.timeout(getTimeoutMs)
    const response = await deps.api.get(`${path}/${deps.service}`, signal)
    const body = await text(response)
    if (response.statusCode === 404) return null
    if (response.statusCode === 200) return serviceObject.parse(JSON.parse(body))
    throw new Error(`the API server answered ${response.statusCode}`)
  }

  function onWatchEvent(line: string): void {
    const { type, object } = watchEvent.parse(JSON.parse(line))
    if (type === 'ERROR') throw new Error(`watch: ${JSON.stringify(object)}`)
    if (type === 'BOOKMARK') return
    const service = serviceObject.parse(object)
    const deleted = type === 'DELETED'
    watch.version = deleted ? undefined : service.metadata.resourceVersion
    if (Number(service.metadata.resourceVersion) < watch.newest) return
    decide(++count, deleted ? null : service)
  }

  /** A watch without a resourceVersion begins with the current state, so the server never answers that it is too old. */
  async function watchOnce(): Promise<void> {
    watch = newWatch()
    const { stop } = watch
    const query = `watch=true&fieldSelector=metadata.name%3D${deps.service}&timeoutSeconds=${watchSeconds}`
    let limit = setTimeout(() => stop.abort(), watchHeadMs)
    try {
      const response = await deps.api.get(`${path}?${query}`, stop.signal)
      if (response.statusCode !== 200) {
        response.resume()
        throw new Error(`the API server answered ${response.statusCode} to the watch`)
      }
      watch.began = ++count
      clearTimeout(limit)
      limit = setTimeout(() => stop.abort(), (watchSeconds + 10) * 1_000)
      for await (const line of lines(response)) onWatchEvent(line)
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      clearTimeout(limit)
    }
  }

  async function repeat(work: () => Promise<unknown>, everyMs: number): Promise<void> {
    let failing = false
    while (!closed) {
      try {
        await work()
        failing = false
      } catch (error) {
        if (!closed && !failing)
          deps.logger.warn({ err: error }, 'cannot follow the Service; retrying')
        failing = true
      }
      await sleep(failing ? afterFailureMs : everyMs)
    }
  }

  void repeat(read, getEveryMs)
  void repeat(watchOnce, watchAgainMs)

  return {
    role: () => role,
    since: () => since,
    read,
    close() {
      closed = true
      watch.stop.abort()
    },
  }
}

/** Null when the Service does not exist or selects no slot. */
function slotOf(object: ServiceObject | null): Slot | null {
  const color = object?.spec.selector?.['shopctl.dev/color']
  const revision = object?.spec.selector?.['shopctl.dev/revision']
  return color && revision ? { color, revision } : null
}

async function* lines(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    yield* parts.filter((part) => part !== '')
  }
}
