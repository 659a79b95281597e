// The public HTTP server: identity headers, problem documents, OpenAPI.
import type { Socket } from 'node:net'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyReply } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import {
  answerAll,
  answerOn,
  problemOf as problemOfClientError,
  serverOptions,
} from './client-errors.ts'
import { isPlainJson } from './json.ts'
import type { Metrics } from './metrics.ts'
import { type Problem, problemBody, problemType } from './problem.ts'
import { request as requestSpan, type Span, type Tracer } from './spans.ts'
import { type Identity, type Logger, traceIdOf } from './telemetry.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The trace context of this request, for events that follow from it. */
    traceparent: string
    span: Span
  }
  interface FastifyInstance {
    /** How many complete requests have no answer yet. */
    inWork(): number
  }
}

export type HttpServer = ReturnType<typeof createHttp>

export interface HttpDeps {
  identity: Identity
  plane: string
  logger: Logger
  metrics: Metrics
  tracer: Tracer
  /** When false, each answer closes its connection, so that keep-alive clients reconnect to another pod. */
  keepAlive: () => boolean
}

/** Longer than any name in a path that is valid. */
const maxParamLength = 1_000
/** Others become one label: there are dozens, and clients choose. */
const countedMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'none'])
/** While the database is away, every request fails for the same reason. */
const unavailableLogMs = 10_000

export function createHttp(deps: HttpDeps) {
  const { identity } = deps
  const headers = {
    'x-shop-color': identity.color,
    'x-shop-version': identity.version,
    'x-shop-plane': deps.plane,
  }
  const stamp = (reply: FastifyReply): void => {
    reply.headers(headers)
    if (!deps.keepAlive()) reply.header('connection', 'close')
  }
  const observe = (
    asked: string,
    route: string,
    status: number,
    ms: number,
    traceId?: string,
  ): void => {
    const method = countedMethod(asked)
    deps.metrics.http.observe({ method, route, status }, ms / 1_000, traceId)
  }
  /** By connection: when one is closed, not all of its replies emit an event. */
  const unanswered = new Map<Socket, Set<FastifyReply>>()
  const unfinished = (socket: Socket): FastifyReply | undefined =>
    [...(unanswered.get(socket) ?? [])].find(({ request, sent }) => !request.raw.complete && !sent)

  let quietUntil = 0
  function logUnavailable({ message }: Error): void {
    if (performance.now() < quietUntil) return
    quietUntil = performance.now() + unavailableLogMs
    deps.logger.warn({ reason: message }, 'requests are answered with 503')
  }

  const app = Fastify({
    // No log line for each request: it would cost more than the answer. Metrics count and time requests.
    loggerInstance: deps.logger.child({}, { level: 'warn' }),
    // Answer requests that arrive while the server closes.
    return503OnClosing: false,
    bodyLimit: 256 * 1024,
    http: serverOptions,
    requestTimeout: serverOptions.requestTimeout,
    // A client that does not read its answers. Longer than the slowest answer.
    connectionTimeout: 12_000,
    routerOptions: { maxParamLength },
    // No hook runs for a path that the router cannot read.
    frameworkErrors(error, { method }, reply) {
      stamp(reply)
      sendProblem(reply, problemOf(error))
      observe(method, 'none', reply.statusCode, reply.elapsedTime)
    },
    clientErrorHandler(error, socket) {
      const reply = unfinished(socket)
      if (reply) {
        // Without it, the server would read on.
        reply.header('connection', 'close')
        sendProblem(reply, problemOfClientError(error))
      } else answer(problemOfClientError(error), socket)
    },
  })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()

  function answer(problem: Problem, socket: Socket): void {
    if (answerOn(socket, problem, headers)) observe('none', 'none', problem.status, 0)
  }
  answerAll(app.server, answer)
  app.server.on('connection', (socket: Socket) => {
    unanswered.set(socket, new Set())
    socket.once('close', () => unanswered.delete(socket))
  })
  app.removeContentTypeParser('text/plain')

  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: identity.service, version: identity.version },
    },
    transform: jsonSchemaTransform,
  })

  const paths: { pattern: URLPattern; methods: string[] }[] = []
  app.addHook('onRoute', ({ method, url: route }) => {
    const methods = [method].flat()
    paths.push({ pattern: new URLPattern({ pathname: route }), methods })
    for (const each of methods)
      if (isCounted(route)) deps.metrics.http.expect({ method: countedMethod(each), route })
  })
  const methodsOf = (pathname: string): string[] =>
    paths.filter(({ pattern }) => pattern.test({ pathname })).flatMap(({ methods }) => methods)

  app.decorateRequest('traceparent', '')
  app.decorateRequest('span')
  app.addHook('onRequest', async (request, reply) => {
    unanswered.get(request.socket)?.add(reply)
    const { method, routeOptions, headers, url } = request
    const incoming = typeof headers.traceparent === 'string' ? headers.traceparent : undefined
    request.span = deps.tracer.start(incoming, () =>
      requestSpan(countedMethod(method), routeOptions.url, url),
    )
    request.traceparent = request.span.traceparent
    if (request.raw.httpVersion === '1.1' && request.headers.host === undefined) {
      return sendProblem(reply, { status: 400, detail: 'the header host is missing' })
    }
  })
  app.addHook('preValidation', async ({ body }, reply) => {
    if (isPlainJson(body)) return
    return sendProblem(reply, {
      status: 400,
      detail: 'the body is nested too deeply, or has a number that is too large',
    })
  })
  app.addHook('onSend', async (_request, reply) => stamp(reply))
  app.addHook('onResponse', async ({ method, routeOptions, socket, span }, reply) => {
    unanswered.get(socket)?.delete(reply)
    const route = routeOptions.url ?? 'none'
    const { statusCode: status } = reply
    if (isCounted(route))
      observe(method, route, status, reply.elapsedTime, traceIdOf(span.traceparent))
    span.end({
      failure: status >= 500 ? String(status) : undefined,
      attributes: { 'http.response.status_code': status },
    })
  })
  app.decorate(
    'inWork',
    () =>
      [...unanswered.values()]
        .flatMap((replies) => [...replies])
        .filter(({ request, raw }) => request.raw.complete && !raw.writableEnded).length,
  )

  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(request.url.split('?')[0] ?? '')
    if (allowed.length === 0) {
      return sendProblem(reply, {
        status: 404,
        detail: `there is no ${request.method} ${request.url}`,
      })
    }
    reply.header('allow', allowed.join(', '))
    return sendProblem(reply, { status: 405, detail: `${request.method} is not allowed here` })
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = problemOf(error)
    if (problem.status === 503) {
      reply.header('retry-after', '1')
      logUnavailable(error)
    } else if (problem.status >= 500) {
      const traceId = traceIdOf(request.traceparent)
      request.log.error({ err: error, traceId }, 'request failed')
    }
    return sendProblem(reply, problem)
  })

  app.after(() => {
    app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok' }))
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  })
  return app
}

/** Probes are no customers. Those of other pods fail whenever the database is away. */
function isCounted(route: string): boolean {
  return !route.startsWith('/healthz')
}

function countedMethod(asked: string): string {
  return countedMethods.has(asked) ? asked : 'other'
}

/** Answers with a problem document. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .type(problemType)
    .send(JSON.stringify(problemBody(problem)))
}

function problemOf(error: FastifyError): Problem {
  if (hasZodFastifySchemaValidationErrors(error)) {
    return {
      status: 400,
      detail: `invalid ${error.validationContext ?? 'request'}`,
      errors: error.validation.map((issue) => ({
        path: issue.instancePath || '/',
        message: issue.message ?? 'invalid',
      })),
    }
  }
  const status = error.statusCode ?? 500
  if (status === 503) return { status, detail: 'the database is not available; try again' }
  // The details of a bug go to the log only.
  return status < 500 ? { status, detail: error.message } : { status }
}
