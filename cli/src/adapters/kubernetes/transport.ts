// Sends requests to the API server: through a configured proxy, with renewed credentials, and again where that is safe.
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AgentOptions, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { failed, interrupted, refused, type ShopctlError } from '../../errors.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { bytesOf, type Target, unreadable } from './kubeconfig.ts'
import { agentFor, hostOf, proxyFor } from './proxy.ts'

export interface OpenOptions {
  method: string
  path: string
  headers?: Record<string, string | string[]>
  body?: NodeJS.ReadableStream | string
  /** For the first byte. null: no limit. */
  timeoutMs?: number | null
  signal?: AbortSignal
  /** Sends it again: a read after 429, 5xx or a lost connection, a write only after 429. Default: never. */
  retry?: 'read' | 'write'
}

export interface Transport {
  /** Returns an answer with any status. Throws without an answer. */
  open(options: OpenOptions): Promise<IncomingMessage>
  /** Paused: it emits no message before it is resumed. */
  webSocket(path: string, protocols: string[]): Promise<WebSocket>
}

const defaultTimeoutMs = 4_000
const firstPauseMs = 200
const tries = 5
const lostCodes = ['ECONNRESET', 'EPIPE']
/** For all pauses of one request. */
const patienceMs = 15_000

export function createTransport(target: Target, now: () => number): Transport {
  const server = serverOf(target)
  const proxy = proxyFor(server, target.cluster['proxy-url'], process.env)
  const source = createCredentials(target, now)
  const base = server.pathname.replace(/\/$/, '')
  const agentWith = createAgents(target, server, proxy)
  let reached = false
  const unreachable = (cause: Error): ShopctlError => {
    // Before the first answer, nothing was changed.
    const make = reached ? failed : refused
    const through = proxy ? ` through the proxy ${proxy.host}` : ''
    const context = target.context === null ? '' : ` (this is ${target.context})`
    return make({
      code: 'cluster-unreachable',
      message: `The cluster at ${target.cluster.server} cannot be reached${through}: ${cause.message}.`,
      hint: `Check that it runs (\`shopctl platform status\`) and which context the environment has in shopctl.yaml${context}.`,
      cause,
    })
  }
  /** Sends it with current credentials, and after a 401 once more with new ones. An Error: no answer. */
  const attempt = async (options: OpenOptions): Promise<IncomingMessage | Error> => {
    const path = `${base}${options.path}`
    const once = async (credentials: Credentials): Promise<IncomingMessage | Error> =>
      sendOnce(server, await agentWith(credentials), credentials, { ...options, path })
    const credentials = await source.current()
    const answer = await once(credentials)
    if (answer instanceof Error) return answer
    reached = true
    const repeatable = typeof options.body !== 'object'
    if (answer.statusCode !== 401 || !repeatable || !source.renew(credentials)) return answer
    answer.resume()
    return once(await source.current())
  }
  return {
    async open(options) {
      const { signal, retry } = options
      let waited = 0
      for (let tried = 1; ; tried += 1) {
        const answer = await attempt(options).catch((error) => {
          throw signal?.aborted ? interrupted() : error
        })
        if (signal?.aborted) throw interrupted()
        const pause = pauseAfter(answer, tried)
        if (!mayPass(answer, retry) || tried === tries || waited + pause > patienceMs) {
          if (answer instanceof Error) throw unreachable(answer)
          return answer
        }
        if (!(answer instanceof Error)) answer.resume()
        waited += pause
        await sleep(pause, undefined, signal && { signal }).catch(() => {
          throw interrupted()
        })
      }
    },
    async webSocket(path, protocols) {
      const url = `${server.origin.replace(/^http/, 'ws')}${base}${path}`
      const dial = async (credentials: Credentials): Promise<WebSocket | number> =>
        upgrade(url, protocols, {
          agent: await agentWith(credentials),
          headers: credentials.headers,
        })
      const credentials = await source.current()
      let answer = await dial(credentials)
      if (answer === 401 && source.renew(credentials)) answer = await dial(await source.current())
      if (typeof answer === 'number') throw new Error(`Unexpected server response: ${answer}`)
      return answer
    },
  }
}

function serverOf({ cluster }: Target): URL {
  const server = URL.parse(cluster.server)
  if (server?.protocol === 'https:' || server?.protocol === 'http:') return server
  throw unreadable(`"${cluster.server}" is not a server: write https://, a host and a port`)
}

/** One agent for all requests, and another when the client's certificate changes. */
function createAgents(
  target: Target,
  server: URL,
  proxy: URL | null,
): (credentials: Credentials) => Promise<Agent> {
  const tls = serverTls(target)
  let latest: { cert: Credentials['cert']; agent: Promise<Agent> } | undefined
  return ({ cert, key }) => {
    if (!latest || latest.cert !== cert) {
      const own = { ...(cert && { cert }), ...(key && { key }) }
      latest = { cert, agent: agentFor(server, proxy, { ...tls, ...own }) }
    }
    return latest.agent
  }
}

function sendOnce(
  server: URL,
  agent: Agent,
  credentials: Credentials,
  { method, path, headers, body, timeoutMs = defaultTimeoutMs, signal }: OpenOptions,
): Promise<IncomingMessage | Error> {
  const plain = server.protocol === 'http:'
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(interrupted())
    const request = (plain ? httpRequest : httpsRequest)({
      agent,
      host: hostOf(server),
      port: server.port || (plain ? 80 : 443),
      path,
      method,
      headers: { ...credentials.headers, ...headers },
      ...(signal && { signal }),
    })
    const late = (): void => {
      request.destroy(new Error(`no answer within ${(timeoutMs ?? 0) / 1000} s`))
    }
    const timer = timeoutMs === null ? undefined : setTimeout(late, timeoutMs)
    const settle = (answer: IncomingMessage | Error): void => {
      clearTimeout(timer)
      resolve(answer)
    }
    request.on('response', settle).on('error', settle)
    if (typeof body === 'object') body.pipe(request)
    else request.end(body)
  })
}

function serverTls({ cluster }: Target): AgentOptions {
  const ca = bytesOf(cluster, 'certificate-authority')
  return {
    ...(ca && { ca }),
    ...(cluster['tls-server-name'] && { servername: cluster['tls-server-name'] }),
    ...(cluster['insecure-skip-tls-verify'] && { rejectUnauthorized: false }),
  }
}

/** Whether the request may succeed a moment later and is safe to repeat. */
function mayPass(answer: IncomingMessage | Error, retry: OpenOptions['retry']): boolean {
  if (answer instanceof Error) {
    // A lost connection leaves open whether the server carried the request out.
    return retry === 'read' && 'code' in answer && lostCodes.includes(String(answer.code))
  }
  const status = answer.statusCode ?? 0
  if (status === 429) return retry !== undefined
  return retry === 'read' && status >= 500 && status !== 501
}

function pauseAfter(answer: IncomingMessage | Error, tried: number): number {
  const asked = answer instanceof Error ? Number.NaN : Number(answer.headers['retry-after'])
  return asked > 0 ? asked * 1000 : firstPauseMs * 2 ** (tried - 1)
}

/** Returns the status when the server refuses. */
async function upgrade(
  url: string,
  protocols: string[],
  options: { agent: Agent; headers: Credentials['headers'] },
): Promise<WebSocket | number> {
  // Imported late: few commands connect to a pod.
  const { WebSocket } = await import('ws')
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { ...options, handshakeTimeout: defaultTimeoutMs })
    socket.once('open', () => {
      // The first message may arrive before there is a listener.
      socket.pause()
      resolve(socket)
    })
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.once('error', reject)
  })
}
