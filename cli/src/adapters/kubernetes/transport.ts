// Sends requests to the API server: through a configured proxy, with renewed credentials, and again where that is safe.
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AgentOptions, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { failed, interrupted, refused, type ShopctlError } from '../../errors.ts'
import type { Mask } from '../../release/ports/session.ts'
import { createPatience, isLate, lateError, type Outcome, type Retry } from '../repeat.ts'
import type { Limit } from '../shell.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { keepAlive } from './keep-alive.ts'
import { bytesOf, type Target, unreadable } from './kubeconfig.ts'
import { agentFor, hostOf, proxyFor } from './proxy.ts'

export interface OpenOptions {
  method: string
  path: string
  headers?: Record<string, string | string[]>
  body?: NodeJS.ReadableStream | string
  /** For the first byte, and with `ask` for each further one. Default: the limit of requests. */
  timeoutMs?: number
  /** The first byte may take any time: the limit is for the connection, whose other end must be alive. */
  mayWait?: boolean
  signal?: AbortSignal
  /**
   * Sends it again: a read after 429, 5xx or a lost connection, one that a pod answers not after 5xx, a write only after
   * 429. Default: never.
   */
  retry?: Retry
}

/** A whole answer. */
export interface Answer extends Pick<IncomingMessage, 'headers'> {
  status: number
  body: string
}

export interface Transport {
  /** Returns an answer with any status. Throws without an answer. The caller reads its body. */
  open(options: OpenOptions): Promise<IncomingMessage>
  /** The same with its body. An answer that breaks off is none. */
  ask(options: OpenOptions): Promise<Answer>
  /** Paused: it emits no message before it is resumed. */
  webSocket(path: string, protocols: string[]): Promise<WebSocket>
}

export interface TransportOptions {
  /** Milliseconds since 1970, by this machine's clock: it decides when a token has expired. */
  now?: () => number
  /** Has the proxies. */
  env?: NodeJS.ProcessEnv
  /** Gets each password, key and token. Default: nobody. */
  mask?: Mask
  limits?: {
    /** For an answer. */
    request?: Limit
    /** For the program that prints credentials. */
    tools?: Limit
  }
}

export function createTransport(target: Target, options: TransportOptions = {}): Transport {
  const { now = Date.now, env = process.env, mask = () => {}, limits = {} } = options
  const { request: limit = { seconds: 4, setting: '' } } = limits
  const server = serverOf(target)
  const proxy = proxyFor(server, target.cluster['proxy-url'], env)
  const source = createCredentials(target, { now, limit: limits.tools, mask })
  const base = server.pathname.replace(/\/$/, '')
  const agentWith = createAgents(target, server, proxy)
  let reached = false
  const unreachable = async (cause: Error): Promise<ShopctlError> => {
    // Before the first answer, nothing was changed.
    const make = reached ? failed : refused
    const through = proxy ? ` through the proxy ${proxy.host}` : ''
    // Where the server is, is known since it answered.
    const known = reached ? null : await target.login?.absence()
    const context = target.context === null ? '' : ` (this is ${target.context})`
    const why =
      isLate(cause) && limit.setting
        ? `${cause.message}, the limit of ${limit.setting}`
        : cause.message
    return make({
      code: known?.code ?? 'cluster-unreachable',
      message:
        known?.message ??
        `The cluster at ${target.cluster.server} cannot be reached${through}: ${why}.`,
      hint:
        known?.hint ??
        (target.login
          ? 'Check the network, the proxy and the networks that its public endpoint admits.'
          : `Check that it runs (\`shopctl platform status\`) and which context the environment has in shopctl.yaml${context}.`),
      cause,
    })
  }
  /** Sends it with current credentials, and after a 401 once more with new ones. An Error: no answer. */
  const attempt = async (options: OpenOptions): Promise<IncomingMessage | Error> => {
    const path = `${base}${options.path}`
    const once = async (credentials: Credentials): Promise<IncomingMessage | Error> =>
      sendOnce(server, await agentWith(credentials), credentials, {
        timeoutMs: limit.seconds * 1000,
        ...options,
        path,
      })
    const credentials = await source.current()
    const answer = await once(credentials)
    if (answer instanceof Error) return answer
    reached = true
    const repeatable = typeof options.body !== 'object'
    if (answer.statusCode !== 401 || !repeatable || !source.renew(credentials)) return answer
    answer.resume()
    const second = await once(await source.current())
    if (second instanceof Error || second.statusCode !== 401 || !target.login) return second
    second.resume()
    throw await target.login.refusal()
  }
  /** Tries it again while that is safe and may help. */
  const patiently = async <T>(
    { signal, retry }: Pick<OpenOptions, 'signal' | 'retry'>,
    once: () => Promise<T | Error>,
    outcomeOf: (result: T) => Outcome,
  ): Promise<T> => {
    const pauseAfter = createPatience(retry, now)
    for (;;) {
      const result = await once().catch((error) => {
        throw signal?.aborted ? interrupted() : error
      })
      if (signal?.aborted) throw interrupted()
      const outcome = result instanceof Error ? result : outcomeOf(result)
      const pause = pauseAfter(outcome, reached)
      if (pause === null) {
        if (result instanceof Error) throw await unreachable(result)
        return result
      }
      await sleep(pause, undefined, signal && { signal }).catch(() => {
        throw interrupted()
      })
    }
  }
  return {
    open(options) {
      let last: IncomingMessage | Error | undefined
      const once = async (): Promise<IncomingMessage | Error> => {
        // Nobody reads the answer before.
        if (last && !(last instanceof Error)) last.resume()
        last = await attempt(options)
        return last
      }
      return patiently(options, once, outcomeOf)
    },
    ask: (options) =>
      patiently(
        options,
        async () => {
          const answer = await attempt(options)
          return answer instanceof Error
            ? answer
            : wholeOf(answer, options.timeoutMs ?? limit.seconds * 1000)
        },
        ({ status, headers }) => ({ status, retryAfter: headers['retry-after'] }),
      ),
    async webSocket(path, protocols) {
      const url = `${server.origin.replace(/^http/, 'ws')}${base}${path}`
      const dial = async (credentials: Credentials): Promise<Dialed> =>
        upgrade(url, protocols, {
          agent: await agentWith(credentials),
          headers: credentials.headers,
          handshakeTimeout: limit.seconds * 1000,
        })
      const dialed = await patiently(
        { retry: 'read' },
        async () => {
          const credentials = await source.current()
          const first = await dial(credentials)
          if (first instanceof Error || first.status !== 401) return first
          return source.renew(credentials) ? dial(await source.current()) : first
        },
        (answer) => answer,
      )
      if (dialed.socket) return dialed.socket
      throw new Error(`Unexpected server response: ${dialed.status}`)
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
  { method, path, headers, body, timeoutMs = 0, mayWait = false, signal }: OpenOptions,
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
    const timer = setTimeout(() => request.destroy(lateError(timeoutMs)), timeoutMs)
    const settle = (answer: IncomingMessage | Error): void => {
      clearTimeout(timer)
      resolve(answer)
    }
    request.on('response', settle).on('error', settle)
    if (mayWait) keepAlive(request, () => clearTimeout(timer))
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

/** Reads the body. An Error: it broke off, or nothing came for this time. */
async function wholeOf(response: IncomingMessage, timeoutMs: number): Promise<Answer | Error> {
  response.setTimeout(timeoutMs, () => response.destroy(lateError(timeoutMs)))
  const { statusCode: status = 0, headers } = response
  try {
    return { status, headers, body: await text(response) }
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function outcomeOf(answer: IncomingMessage): Outcome {
  return { status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }
}

type Dialed = { status: number; retryAfter: string | undefined; socket: WebSocket | null } | Error

/** Without a socket: the server refuses. */
async function upgrade(
  url: string,
  protocols: string[],
  options: { agent: Agent; headers: Credentials['headers']; handshakeTimeout: number },
): Promise<Dialed> {
  // Imported late: few commands connect to a pod.
  const { WebSocket } = await import('ws')
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocols, options)
    socket.once('open', () => {
      // The first message may arrive before there is a listener.
      socket.pause()
      resolve({ status: 101, retryAfter: undefined, socket })
    })
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      const { statusCode: status = 0, headers } = response
      resolve({ status, retryAfter: headers['retry-after'], socket: null })
    })
    socket.once('error', resolve)
  })
}
