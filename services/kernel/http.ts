// The public HTTP server: identity headers, problem documents, OpenAPI, and draining.
import { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyReply } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { type Problem, problemBody, problemType } from './problem.ts'
import { continueTrace, type Identity, type Logger, type Metrics } from './telemetry.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The trace context of this request, for events that follow from it. */
    traceparent: string
  }
}

export type HttpServer = ReturnType<typeof createHttp>

export interface HttpDeps {
  identity: Identity
  plane: string
  logger: Logger
  metrics: Metrics
  /** When false, each answer closes its connection, so that keep-alive clients reconnect to another pod. */
  keepAlive: () => boolean
}

export function createHttp(deps: HttpDeps) {
  const app = Fastify({
    // No log line for each request: it would cost more than the answer. Metrics count and time requests.
    loggerInstance: deps.logger.child({}, { level: 'warn' }),
    // Answer requests that arrive while the server closes.
    return503OnClosing: false,
    bodyLimit: 256 * 1024,
  })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()

  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: deps.identity.service, version: deps.identity.version },
    },
    transform: jsonSchemaTransform,
  })

  app.decorateRequest('traceparent', '')
  app.addHook('onRequest', async (request) => {
    const incoming = request.headers.traceparent
    request.traceparent = continueTrace(typeof incoming === 'string' ? incoming : undefined)
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({
      'x-shop-color': deps.identity.color,
      'x-shop-version': deps.identity.version,
      'x-shop-plane': deps.plane,
    })
    if (!deps.keepAlive()) reply.header('connection', 'close')
  })
  app.addHook('onResponse', async (request, reply) => {
    deps.metrics.httpSeconds.observe(
      {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: reply.statusCode,
      },
      reply.elapsedTime / 1_000,
    )
  })

  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, { status: 404, detail: `there is no ${request.method} ${request.url}` }),
  )
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed')
    if (problem.status === 503) reply.header('retry-after', '1')
    return sendProblem(reply, problem)
  })

  app.after(() => {
    app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok' }))
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  })
  return app
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

/** During this time new connections may arrive, because kube-proxy does not yet know that this pod is terminating. */
const endpointsConvergeMs = 2_000
/** During this time keep-alive clients may send another request. Its answer closes their connection. */
const connectionsLeaveMs = 3_000
const lastRequestMs = 1_000

/** Answers with `Connection: close` until all clients have disconnected, or the time for that is over. */
export async function drainHttp(http: HttpServer): Promise<void> {
  await setTimeout(endpointsConvergeMs)
  await withoutConnections(http, connectionsLeaveMs)
  // Stop listening. http.close() would also reset connections with a request in transit.
  Server.prototype.close.call(http.server)
  await withoutConnections(http, lastRequestMs)
  await http.close()
}

async function withoutConnections(http: HttpServer, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline && (await openConnections(http)) > 0) await setTimeout(20)
}

function openConnections(http: HttpServer): Promise<number> {
  return new Promise((resolve, reject) => {
    http.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
