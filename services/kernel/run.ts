// Composes a service, starts it, and shuts it down gracefully.
import { randomUUIDv7 } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { createAccess } from './access.ts'
import { type CommonConfig, readConfig } from './config.ts'
import { connectKubernetes } from './kubernetes.ts'
import {
  type Answer,
  createManagement,
  type ManagementHandler,
  type ManagementRequest,
  problem,
} from './management.ts'
import { createMetrics } from './metrics.ts'
import { readMigrations } from './migrate.ts'
import { openWorkRoutes } from './open-work.ts'
import { createPlane, type Parts, type Plane, type PlaneKernel } from './plane.ts'
import { askPeers, createReadiness } from './readiness.ts'
import { noTracing } from './spans.ts'
import { createLogger, type Identity, type PlaneName } from './telemetry.ts'

/** What the kernel gives to a service, for one plane. */
export interface Kernel<Config> extends PlaneKernel {
  config: CommonConfig & Config
  identity: Identity
}

export interface Definition<Shape extends z.ZodRawShape> {
  /** The settings that only this service has. */
  config: z.ZodObject<Shape>
  /** The folder of the service's SQL files. */
  migrations: URL
  /** Called once for each plane. */
  compose(kernel: Kernel<z.infer<z.ZodObject<Shape>>>): Parts
}

/** Less than the pod's termination grace period. */
const shutdownLimitMs = 25_000

/** Runs a service until SIGTERM or SIGINT. When the configuration is wrong, prints one line that says why, and exits. */
export async function run<Shape extends z.ZodRawShape>(definition: Definition<Shape>) {
  const read = readConfig(definition.config, process.env)
  if (!read.ok) {
    process.stderr.write(`bad configuration: ${read.problems}\n`)
    process.exit(1)
  }
  const { config } = read
  const identity: Identity = {
    service: config.SERVICE_NAME,
    color: config.SLOT_COLOR,
    version: config.SLOT_VERSION,
    revision: config.SLOT_REVISION,
    pod: config.POD_NAME,
  }
  const logger = createLogger(identity, config.LOG_LEVEL)
  const metrics = createMetrics(identity)
  const tracing = config.OTEL_EXPORTER_OTLP_ENDPOINT
    ? (await import('./tracing.ts')).createTracing(identity, logger, config)
    : noTracing
  const api = connectKubernetes({
    host: config.KUBERNETES_SERVICE_HOST,
    port: config.KUBERNETES_SERVICE_PORT,
    serviceAccountDir: config.SERVICE_ACCOUNT_DIR,
  })
  const common = {
    identity,
    logger,
    api,
    namespace: config.POD_NAMESPACE,
    migrations: await readMigrations(migrationFolders(definition.migrations)),
    parkedDays: config.PARKED_RETENTION_DAYS,
    now: () => new Date(),
    newId: () => randomUUIDv7(),
    compose: (kernel: PlaneKernel) => definition.compose({ ...kernel, config, identity }),
  }
  const planes = {
    live: createPlane({
      ...common,
      plane: 'live',
      metrics: metrics.of('live'),
      tracer: tracing.of('live'),
      service: config.STABLE_SERVICE,
      databaseUrl: config.DATABASE_URL,
      amqpUrl: config.AMQP_URL,
      port: config.PORT,
    }),
    preview: createPlane({
      ...common,
      plane: 'preview',
      metrics: metrics.of('preview'),
      tracer: tracing.of('preview'),
      service: config.PREVIEW_SERVICE,
      databaseUrl: config.PREVIEW_DATABASE_URL,
      amqpUrl: config.PREVIEW_AMQP_URL,
      port: config.PREVIEW_PORT,
    }),
  }

  let ending = false
  const open = {
    'GET /livez': () => ({ status: 200, body: { live: true } }),
    'GET /readyz': createReadiness({
      planes,
      peerHasDatabase: askPeers(config.STABLE_URL ?? stableUrl(config)),
      logger,
      ending: () => ending,
    }),
    'GET /role': async ({ query }: ManagementRequest) => {
      const { pod: _, ...slot } = identity
      // The preview plane does not matter for a switch: it was tested before.
      if (query.get('login') === 'now') await planes.live.checkLogin()
      const [live, preview] = await Promise.all([planes.live.report(), planes.preview.report()])
      return { status: 200, body: { ...slot, ...live, preview } }
    },
    'GET /metrics': async () => {
      const { contentType: type } = metrics.registry
      return { status: 200, type, text: await metrics.registry.metrics() }
    },
    // The preview plane has no work that outlasts a switch.
    ...openWorkRoutes(planes.live.openWork),
  }
  const access = createAccess({
    userOf: api.userOf,
    namespace: config.POD_NAMESPACE,
    service: identity.service,
    monotonic: () => performance.now(),
  })
  const management = createManagement({ open, guarded: planeRoutes(planes), access, logger })

  async function shutdown(signal: string): Promise<void> {
    logger.info({ signal }, 'shutting down')
    ending = true
    setTimeout(shutdownLimitMs, undefined, { ref: false }).then(() => {
      logger.error('did not shut down in time')
      process.exit(1)
    })
    await Promise.all(Object.values(planes).map((plane) => plane.close()))
    await tracing.close()
    api.close()
    management.close()
    logger.info('shut down')
    process.exit(0)
  }

  function onSignal(signal: string): void {
    if (ending) process.exit(1)
    shutdown(signal).catch((error) => {
      logger.error({ err: error }, 'shutdown failed')
      process.exit(1)
    })
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  management.listen(config.MANAGEMENT_PORT, '0.0.0.0')
  await once(management, 'listening')
  await Promise.all(Object.values(planes).map((plane) => plane.start()))
  logger.info({ startedMs: Math.round(performance.now()) }, 'started')
}

/** The kernel's SQL files and the service's are in two folders, which the bundle makes one. */
function migrationFolders(ofService: URL): URL[] {
  const ofKernel = new URL('./migrations/', import.meta.url)
  return ofKernel.href === ofService.href ? [ofService] : [ofKernel, ofService]
}

type Planes = Record<PlaneName, Plane>

function stableUrl({ STABLE_SERVICE, POD_NAMESPACE }: CommonConfig): string {
  return `http://${STABLE_SERVICE}.${POD_NAMESPACE}`
}

/** Less than any other id. */
const nilId = '00000000-0000-0000-0000-000000000000'

const pageSchema = z.object({
  after: z.uuid().default(nilId),
  limit: z.coerce.number().int().min(1).max(10_000),
})

/** The routes of one plane. The query selects it: `plane=live` (the default) or `plane=preview`. */
function planeRoutes(planes: Planes): Record<string, ManagementHandler> {
  type PlaneHandler = (plane: Plane, request: ManagementRequest) => Answer | Promise<Answer>
  const on =
    (answer: PlaneHandler): ManagementHandler =>
    (request) => {
      const name = request.query.get('plane') ?? 'live'
      if (name !== 'live' && name !== 'preview') {
        return problem(400, 'plane is either live or preview')
      }
      return answer(planes[name], request)
    }
  return {
    'GET /accounting': on(async (plane) => ({ status: 200, body: await plane.accounting() })),
    'GET /accounting/entries': on(async (plane, { query }) => {
      const page = pageSchema.safeParse({
        after: query.get('after') ?? undefined,
        limit: query.get('limit') ?? 5_000,
      })
      if (!page.success) return problem(400, 'after is an id, and limit a number up to 10000')
      const entries = await plane.entries(page.data.after, page.data.limit)
      const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
      return { status: 200, type: 'application/x-ndjson', text }
    }),
    'GET /messages': on((plane, request) => plane.messages.list(request)),
    'GET /messages/:id': on((plane, request) => plane.messages.show(request)),
    'POST /messages/:id/replay': on((plane, request) => plane.messages.replay(request)),
    'POST /messages/:id/discard': on((plane, request) => plane.messages.discard(request)),
  }
}
