// A pod is live if and only if the stable Service selects its colour and its revision.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import type { Logger } from './telemetry.ts'

/** `unknown` until the first answer of the API server; treated as standby. */
export type Role = 'live' | 'standby' | 'unknown'

export interface Follower {
  role(): Role
  /** When the role last changed. */
  since(): Date
  close(): void
}

export interface FollowerDeps {
  api: { host: string; port: number; serviceAccountDir: string }
  namespace: string
  service: string
  slot: { color: string; revision: string }
  logger: Logger
  now: () => Date
  onChange: (role: Role) => void
}

const getEveryMs = 2_000
const getTimeoutMs = 1_500
const rewatchAfterMs = 200
const afterFailureMs = 1_000
/** The server ends a watch after this time; the client no later than a little after it. */
const watchSeconds = 240

const serviceObject = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  spec: z.object({ selector: z.record(z.string(), z.string()).optional() }),
})
const watchEvent = z.object({ type: z.string(), object: z.unknown() })

/**
 * Follows a Service by a watch, which is fast, and by a GET every two seconds, which notices
 * when the watch has gone silent. While the API server does not answer, the role stays.
 */
export function followService(deps: FollowerDeps): Follower {
  const api = createApi(deps.api)
  const path = `/api/v1/namespaces/${deps.namespace}/services`
  let role: Role = 'unknown'
  let since = deps.now()
  let closed = false
  /** The newest version seen, so that a late watch event cannot undo what a GET has told. */
  let newest = 0
  /** Counts watch events, so that a GET that was overtaken by one is not believed. */
  let watchEvents = 0
  let watching: { destroy(): void } | undefined

  function decide(next: Role): boolean {
    if (closed || next === role) return false
    role = next
    since = deps.now()
    deps.logger.info({ role }, 'role')
    deps.onChange(role)
    return true
  }

  /** A Service that is absent, or selects nothing, makes nobody live. */
  function roleBy(object: z.infer<typeof serviceObject> | null): Role {
    const selector = object?.spec.selector
    const mine =
      selector?.['shopctl.dev/color'] === deps.slot.color &&
      selector['shopctl.dev/revision'] === deps.slot.revision
    return mine ? 'live' : 'standby'
  }

  async function get(): Promise<void> {
    const before = watchEvents
    const response = await api.get(`${path}/${deps.service}`, getTimeoutMs)
    const body = await text(response)
    if (response.statusCode !== 200 && response.statusCode !== 404) {
      throw new Error(`the API server answered ${response.statusCode}`)
    }
    const object = response.statusCode === 404 ? null : serviceObject.parse(JSON.parse(body))
    if (watchEvents !== before) return
    newest = object ? Number(object.metadata.resourceVersion) : newest
    // A change that the watch did not tell: it is late or half-open, so begin a new one.
    if (decide(roleBy(object))) watching?.destroy()
  }

  function onWatchEvent(line: string): void {
    const { type, object } = watchEvent.parse(JSON.parse(line))
    if (type === 'ERROR') throw new Error(`watch: ${JSON.stringify(object)}`)
    if (type === 'BOOKMARK') return
    const service = serviceObject.parse(object)
    const version = Number(service.metadata.resourceVersion)
    if (version < newest) return
    newest = version
    watchEvents += 1
    decide(roleBy(type === 'DELETED' ? null : service))
  }

  /** Without a resourceVersion a watch begins with the present state, so it cannot be too old. */
  async function watch(): Promise<void> {
    const query = `watch=true&fieldSelector=metadata.name%3D${deps.service}&timeoutSeconds=${watchSeconds}`
    const response = await api.get(`${path}?${query}`, (watchSeconds + 10) * 1_000)
    watching = response
    if (response.statusCode !== 200) {
      response.resume()
      throw new Error(`the API server answered ${response.statusCode} to the watch`)
    }
    for await (const line of lines(response)) onWatchEvent(line)
  }

  async function repeat(work: () => Promise<void>, everyMs: number): Promise<void> {
    let failing = false
    while (!closed) {
      try {
        await work()
        failing = false
      } catch (error) {
        if (!closed && !failing)
          deps.logger.warn({ err: error }, 'cannot follow the Service; trying on')
        failing = true
      }
      await setTimeout(failing ? afterFailureMs : everyMs)
    }
  }

  void repeat(get, getEveryMs)
  void repeat(watch, rewatchAfterMs)

  return {
    role: () => role,
    since: () => since,
    close() {
      closed = true
      watching?.destroy()
      api.close()
    },
  }
}

interface Api {
  /** Resolves with the head of the answer; the whole answer must end within `timeoutMs`. */
  get(path: string, timeoutMs: number): Promise<IncomingMessage>
  close(): void
}

function createApi({ host, port, serviceAccountDir }: FollowerDeps['api']): Api {
  const agent = new Agent({ ca: readFileSync(`${serviceAccountDir}/ca.crt`), keepAlive: true })
  return {
    async get(path, timeoutMs) {
      // The kubelet rotates the token, so it is read each time.
      const token = (await readFile(`${serviceAccountDir}/token`, 'utf8')).trim()
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
      const signal = AbortSignal.timeout(timeoutMs)
      return new Promise((resolve, reject) => {
        request({ host, port, path, agent, headers, signal }, resolve).on('error', reject).end()
      })
    },
    close: () => agent.destroy(),
  }
}

async function text(stream: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of stream.setEncoding('utf8')) all += chunk
  return all
}

async function* lines(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    yield* parts.filter((part) => part !== '')
  }
}
