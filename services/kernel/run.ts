// Composition of a service from its parts, its start, and its graceful end.
import { randomUUIDv7 } from 'node:crypto'
import { once } from 'node:events'
import { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { exchange } from '@shop/events/envelope'
import type { z } from 'zod'
import { createBus } from './bus.ts'
import { type CommonConfig, readConfig } from './config.ts'
import { createConsumer } from './consumer.ts'
import { createDatabase, type Database } from './database.ts'
import { createHttp, type HttpServer } from './http.ts'
import type { Subscription } from './inbox.ts'
import { type Answer, createManagement } from './management.ts'
import { type Migration, missingMigrations, readMigrations } from './migrate.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { createRelay } from './relay.ts'
import { followService } from './role.ts'
import { createLogger, createMetrics, type Identity, type Logger } from './telemetry.ts'

/** What the kernel gives to a service. */
export interface Kernel<Config> {
  config: CommonConfig & Config
  identity: Identity
  database: Database
  outbox: Outbox
  logger: Logger
  newId: () => string
}

/** What a service gives to the kernel. */
export interface Parts {
  routes(app: HttpServer): void
  subscriptions: Subscription[]
  /** Counts of the service's own tables, for the audit. */
  accounting(): Promise<unknown>
  close?(): Promise<void> | void
}

export interface Definition<Shape extends z.ZodRawShape> {
  /** Settings of this service alone. */
  config: z.ZodObject<Shape>
  /** The folder of SQL files beside the program. */
  migrations: URL
  compose(kernel: Kernel<z.infer<z.ZodObject<Shape>>>): Parts
}

const migrationPollMs = 250
/** Less than the kubelet waits for an answer, so that the answer says what is missing. */
const databaseAnswersMs = 1_500
/** Until kube-proxy everywhere has heard that this pod is ending, requests keep coming. */
const endpointsConvergeMs = 2_000
/** After that, keep-alive clients have been told to leave, or are idle. */
const connectionsLeaveMs = 3_000
const lastRequestMs = 1_000
const flushMs = 2_000
/** Below the pod's grace period, so that we end by ourselves. */
const shutdownLimitMs = 25_000

/** Runs a service until SIGTERM or SIGINT. Wrong configuration ends the process with one line. */
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
  const now = () => new Date()
  const newId = () => randomUUIDv7()
  const migrations = await readMigrations(definition.migrations)

  const database = createDatabase({ url: config.DATABASE_URL, name: identity.pod, logger })
  const bus = createBus({ url: config.AMQP_URL, name: identity.pod, exchange, logger })
  const relay = createRelay({ database, bus, logger, metrics, pod: identity.pod })
  const source = `/${identity.service}`
  const outbox = createOutbox({ database, source, now, newId, onCommitted: relay.wake })
  const parts = definition.compose({ config, identity, database, outbox, logger, newId })
  const consumer = createConsumer({
    bus,
    queue: identity.service,
    subscriptions: parts.subscriptions,
    inbox: { consumer: identity.service, outbox },
    logger,
    metrics,
  })

  let migrated = false
  let ending = false
  let wasReady = false
  const isLive = () => follower.role() === 'live'
  const follow = () => {
    metrics.live.set(isLive() ? 1 : 0)
    consumer.set(isLive() && migrated && !ending)
  }
  const follower = followService({
    api: {
      host: config.KUBERNETES_SERVICE_HOST,
      port: config.KUBERNETES_SERVICE_PORT,
      serviceAccountDir: config.SERVICE_ACCOUNT_DIR,
    },
    namespace: config.POD_NAMESPACE,
    service: config.STABLE_SERVICE,
    slot: { color: identity.color, revision: identity.revision },
    logger,
    now,
    onChange: follow,
  })

  const http = createHttp({ identity, logger, metrics, keepAlive: () => isLive() && !ending })
  http.after(() => parts.routes(http))

  async function readiness(): Promise<Answer> {
    if (ending) return { status: 503, body: { ready: false, reason: 'ending' } }
    const answers = await Promise.race([
      database.query('SELECT 1').then(
        () => true,
        () => false,
      ),
      setTimeout(databaseAnswersMs, false, { ref: false }),
    ])
    // Only a start needs the broker: later the outbox keeps the events, and while the broker is away a live pod has to
    // go on taking orders, and a standby has to stay good enough for a rollback.
    const checks = { database: answers, migrations: migrated, broker: bus.connected() }
    const ready = answers && migrated && (checks.broker || wasReady)
    wasReady ||= ready
    return { status: ready ? 200 : 503, body: { ready, ...checks } }
  }

  const management = createManagement({
    '/livez': () => ({ status: 200, body: { live: true } }),
    '/readyz': readiness,
    '/role': () => ({
      status: 200,
      body: {
        service: identity.service,
        color: identity.color,
        revision: identity.revision,
        version: identity.version,
        role: follower.role(),
        consuming: consumer.active(),
        consumers: consumer.active() ? 1 : 0,
        inFlight: consumer.inFlight(),
        since: follower.since().toISOString(),
      },
    }),
    '/metrics': async () => ({ status: 200, text: await metrics.registry.metrics() }),
    '/accounting': async () => ({ status: 200, body: await parts.accounting() }),
  })

  async function shutdown(signal: string): Promise<void> {
    logger.info({ signal }, 'ending')
    ending = true
    setTimeout(shutdownLimitMs, undefined, { ref: false }).then(() => {
      logger.error('could not end in time')
      process.exit(1)
    })
    await Promise.all([consumer.close(), drain(http)])
    follower.close()
    await relay.flush(flushMs)
    await relay.close()
    await parts.close?.()
    await bus.close()
    await database.close()
    management.close()
    logger.info('ended')
    process.exit(0)
  }

  function onSignal(signal: string): void {
    if (ending) process.exit(1)
    shutdown(signal).catch((error) => {
      logger.error({ err: error }, 'did not end cleanly')
      process.exit(1)
    })
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  management.listen(config.MANAGEMENT_PORT, '0.0.0.0')
  await once(management, 'listening')
  await http.listen({ host: '0.0.0.0', port: config.PORT })
  await waitForMigrations(database, migrations, logger)
  migrated = true
  follow()
  logger.info({ startedMs: Math.round(performance.now()) }, 'started')
}

/** The Job may come later than the pod, and the database later than both. */
async function waitForMigrations(
  database: Database,
  expected: Migration[],
  logger: Logger,
): Promise<void> {
  let told = ''
  for (;;) {
    const waiting = await missingMigrations(database, expected).then(
      (missing) => (missing.length === 0 ? '' : `migrations: ${missing.join(', ')}`),
      (error: Error) => `the database: ${error.message}`,
    )
    if (waiting === '') return
    if (waiting !== told) logger.info(`waiting for ${waiting}`)
    told = waiting
    await setTimeout(migrationPollMs)
  }
}

/** Goes on answering, with `Connection: close`, until clients have gone or had time to go. */
async function drain(http: HttpServer): Promise<void> {
  await setTimeout(endpointsConvergeMs)
  await withoutConnections(http, connectionsLeaveMs)
  // Only stops listening: http's own close would also reset a connection whose request is on its way.
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
