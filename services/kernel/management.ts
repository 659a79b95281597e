// The management port (9090) for the kubelet, Prometheus and shopctl. It is not reachable from outside the cluster, but all
// pods can reach it.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Access } from './access.ts'
import { answerAll, answerOn, problemOf, serverOptions } from './client-errors.ts'
import { maskText } from './masking.ts'
import { problemBody, problemType } from './problem.ts'
import type { Logger } from './telemetry.ts'

export interface ManagementRequest {
  /** The values of the route's `:name` segments, decoded. */
  params: Record<string, string>
  query: URLSearchParams
}

/** A status with a JSON body or a text. `type` is the content type unless it is the usual one. */
export type Answer = { status: number; type?: string } & ({ body: unknown } | { text: string })

export type ManagementHandler = (request: ManagementRequest) => Answer | Promise<Answer>

/** Handlers by method and path, for example `POST /messages/:id/replay`. */
export type ManagementRoutes = Record<string, ManagementHandler>

/** A problem document (RFC 9457). */
export function problem(status: number, detail: string): Answer {
  return { status, type: problemType, body: problemBody({ status, detail }) }
}

export interface ManagementDeps {
  /** For everybody. */
  open: ManagementRoutes
  /** For users with a token. Each request is logged. */
  guarded: ManagementRoutes
  access: Access
  logger: Logger
}

/** Not `Authorization`, which the API server's proxy removes. */
const tokenHeader = 'x-shopctl-token'
/** The person at shopctl, percent-encoded. It says so itself, so it is not proven. */
const byHeader = 'x-shopctl-by'

/** Serves the routes. When a handler throws, the answer is 503 with its message, and the error is logged. */
export function createManagement({ open, guarded, access, logger }: ManagementDeps): Server {
  const table = [...routesOf(open, false), ...routesOf(guarded, true)]

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', url: target = '/' } = request
    const url = URL.parse(target, 'http://pod')
    const segments = url && segmentsOf(url.pathname)
    if (!segments) return problem(400, 'the path cannot be read')
    const matching = table.flatMap((route) => {
      const params = match(route.path, segments)
      return params ? [{ ...route, params }] : []
    })
    const chosen = matching.find((route) => route.method === method)
    if (!chosen) {
      return matching.length > 0
        ? problem(405, `${method} is not allowed here`)
        : problem(404, `there is no ${url.pathname}`)
    }
    const asked = { params: chosen.params, query: url.searchParams }
    return chosen.isGuarded ? guardedAnswer(request, asked, chosen.handler) : chosen.handler(asked)
  }

  async function guardedAnswer(
    { method, url = '', headers, socket }: IncomingMessage,
    asked: ManagementRequest,
    handler: ManagementHandler,
  ): Promise<Answer> {
    const token = headers[tokenHeader]
    const decision = await access(typeof token === 'string' ? token : undefined)
    // The query has the reason once more, where it is not masked.
    const path = pathOf(url)
    const what = { method, path, reason: asked.query.get('reason') ?? undefined }
    if (!('user' in decision)) {
      const { status, detail } = decision
      logger.warn({ ...what, status, detail, from: socket.remoteAddress }, 'management refused')
      return problem(status, detail)
    }
    const by = textOf(headers[byHeader])
    let status = 503
    try {
      const given = await handler(asked)
      status = given.status
      return given
    } finally {
      logger.info({ ...what, user: decision.user, by, status }, 'management')
    }
  }

  async function render(request: IncomingMessage): Promise<Rendered> {
    try {
      return rendered(await answer(request))
    } catch (error) {
      const { method, url = '' } = request
      logger.warn({ err: error, method, path: pathOf(url) }, 'management request failed')
      const detail = error instanceof Error ? error.message : String(error)
      return rendered(problem(503, maskText(detail)))
    }
  }

  const server = createServer(serverOptions, async (request, response) => {
    request.resume()
    const { status, type, payload } = await render(request)
    if (status === 204) response.writeHead(204).end()
    else response.writeHead(status, { 'content-type': type }).end(payload)
  })
  answerAll(server, (problem, socket) => answerOn(socket, problem))
  return server.on('clientError', (error, socket) => answerOn(socket as Socket, problemOf(error)))
}

function routesOf(routes: ManagementRoutes, isGuarded: boolean) {
  return Object.entries(routes).map(([route, handler]) => {
    const [method = '', path = ''] = route.split(' ')
    return { method, path: path.split('/'), handler, isGuarded }
  })
}

/** Percent-decoded. Undefined when it is missing or cannot be decoded. */
function textOf(header: string | string[] | undefined): string | undefined {
  try {
    return typeof header === 'string' ? decodeURIComponent(header) : undefined
  } catch {
    return undefined
  }
}

interface Rendered {
  status: number
  type: string
  payload: string
}

function rendered(answer: Answer): Rendered {
  const { status } = answer
  if ('text' in answer) {
    const { type = 'text/plain; version=0.0.4; charset=utf-8', text } = answer
    return { status, type, payload: text }
  }
  const { type = 'application/json; charset=utf-8', body } = answer
  return { status, type, payload: JSON.stringify(body) }
}

function segmentsOf(path: string): string[] | null {
  try {
    return path.split('/').map(decodeURIComponent)
  } catch {
    return null
  }
}

function match(route: string[], path: string[]): Record<string, string> | null {
  if (route.length !== path.length) return null
  const params: Record<string, string> = {}
  for (const [index, part] of route.entries()) {
    const given = path[index] ?? ''
    if (part.startsWith(':') && given !== '') params[part.slice(1)] = given
    else if (part !== given) return null
  }
  return params
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? ''
}
