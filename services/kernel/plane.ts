// A plane: a database, a virtual host of the broker, an HTTP port, and a Service to follow. Each pod runs two planes, live
// and preview. They run the same code and share no data.
import { setTimeout } from 'node:timers/promises'
import { exchange } from '@shop/events/envelope'
import { kernelAccounting } from './accounting.ts'
import { createBus } from './bus.ts'
import { coalesce } from './coalesce.ts'
import { createConsumer } from './consumer.ts'
import { createDatabase, type Database } from './database.ts'
import { drainHttp, openConnections } from './drain.ts'
import { createGatekeeper } from './gate.ts'
import { createHttp, type HttpServer, sendProblem } from './http.ts'
import { inboxPruning, type Subscription } from './inbox.ts'
import type { KubernetesApi } from './kubernetes.ts'
import { startLogins } from './login.ts'
import { createMessages } from './messages.ts'
import type { Metrics } from './metrics.ts'
import { type Migration, missingMigrations } from './migrate.ts'
import type { CountOpenWork } from './open-work.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { parkedPruning, replayUnhandled } from './parking.ts'
import { type Checks, databaseAnswerMs, databasePath } from './readiness.ts'
import { createRelay } from './relay.ts'
import { followService } from './role.ts'
import { type ScheduledJob, startSchedule } from './schedule.ts'
import type { Tracer } from './spans.ts'
import type { Identity, Logger, PlaneName } from './telemetry.ts'
import { releaseWaiting } from './waiting.ts'

/** A line of the accounting, about one order. Several entries may have the same id. */
export interface AccountingEntry {
  id: string
  [field: string]: unknown
}

/** What a service gives to the kernel, for one plane. */
export interface Parts {
  routes(app: HttpServer): void
  subscriptions: Subscription[]
  jobs?: ScheduledJob[]
  /** Sums of the service's own tables, for the audit. */
  accounting(): Promise<Record<string, unknown>>
  /** The entries of the first `limit` ids that are greater than `after`, in ascending order of ids. */
  entries(after: string, limit: number): Promise<AccountingEntry[]>
  /** Left out: it finishes nothing later than it begins it. */
  openWork?: CountOpenWork
  close?(): Promise<void> | void
}

export interface PlaneKernel {
  plane: PlaneName
  database: Database
  outbox: Outbox
  logger: Logger
  metrics: Metrics
  newId: () => string
}

export interface PlaneDeps {
  plane: PlaneName
  identity: Identity
  logger: Logger
  metrics: Metrics
  tracer: Tracer
  api: KubernetesApi
  namespace: string
  /** The Service whose selector names the slot that this plane belongs to. */
  service: string
  databaseUrl: string
  amqpUrl: string
  port: number
  migrations: Migration[]
  /** How long parked messages are kept. */
  parkedDays: number
  now: () => Date
  newId: () => string
  compose(kernel: PlaneKernel): Parts
}

export type Plane = ReturnType<typeof createPlane>

/**
 * Connections to Postgres. No code waits for a second connection while it holds one, so the pool cannot deadlock.
 * Live: 5 for the messages and dead letters that are handled at once, 2 for HTTP and the relay, and 2 for readiness and
 * the gate. That is at most 9 per pod. A few stay open when idle, so that a pod can go on when the server has none left.
 * Preview: 3 and 1, so at most 4. Most of the time none is open.
 * 4 services have 2 slots of 2 pods, and 1 more pod each during a rollout: 20 × 13 = 260. The server allows 300, less
 * those that it keeps for superusers.
 * For a moment there may be more: every 30 s each plane tries a new login (20 × 2), and each pool that doubts the database
 * opens one more (20 × 4). When the server has no free connection, both fail, and neither says that the database is away or
 * a login refused.
 */
const sizes = {
  live: {
    pool: { max: 7, min: 2 },
    control: { max: 2, min: 1 },
    concurrency: { messages: 4, deadLetters: 1 },
    relay: {},
  },
  preview: {
    pool: { max: 3 },
    control: { max: 1 },
    concurrency: { messages: 2, deadLetters: 1 },
    relay: { pollMs: 5_000 },
  },
}
const migrationPollMs = 250
const flushMs = 2_000

export function createPlane(deps: PlaneDeps) {
  const { plane, identity, metrics, tracer, now, newId } = deps
  const { pool, control: controlPool, concurrency, relay: relayOptions } = sizes[plane]
  const logger = deps.logger.child({ plane })
  const telemetry = { logger, metrics, tracer }
  const name = plane === 'live' ? identity.pod : `${identity.pod} ${plane}`
  const database = createDatabase({ url: deps.databaseUrl, name, logger, pool })
  // A separate pool, so that busy handlers neither delay the gate nor make the pod unready.
  const control = createDatabase({ url: deps.databaseUrl, name, logger, pool: controlPool })
  const bus = createBus({ url: deps.amqpUrl, name, exchange, logger })
  const relay = createRelay({ database, bus, ...telemetry, ...relayOptions })
  const source = `/${identity.service}`
  const outbox = createOutbox({ database, source, now, newId, tracer, relay })
  const parts = deps.compose({ plane, database, outbox, logger, metrics, newId })
  const messages = createMessages({ database, outbox, service: identity.service })

  metrics.stored.read(database)
  metrics.pool.read('work', database.connections)
  metrics.pool.read('control', control.connections)
  const { databaseUrl, amqpUrl } = deps
  const logins = startLogins({ databaseUrl, amqpUrl, name: `${name} login`, logger, metrics, now })

  let migrated = false
  let ending = false
  const reachesDatabase = coalesce(() =>
    missingMigrations(control, deps.migrations).then(
      () => true,
      () => false,
    ),
  )

  const onGateClosed = (): void => gatekeeper.refused()
  const consumer = createConsumer({
    bus,
    queue: identity.service,
    concurrency,
    subscriptions: parts.subscriptions,
    consumer: identity.service,
    outbox,
    now,
    ...telemetry,
    onGateClosed,
  })
  const applyRole = (): void => {
    if (!migrated) return
    const role = ending ? 'standby' : follower.role()
    gatekeeper.setRole(role)
    if (gatekeeper.fence()) return
    if (role === 'live') consumer.prepare()
    else consumer.set(null)
  }
  const follower = followService({
    api: deps.api,
    namespace: deps.namespace,
    service: deps.service,
    slot: identity,
    logger,
    now,
    onChange: applyRole,
  })
  const gatekeeper = createGatekeeper({
    database,
    control,
    slot: identity,
    readService: follower.read,
    logger,
    onChange: (fence) => consumer.set(fence),
  })
  const types = parts.subscriptions.map(({ type }) => type)
  const schedule = startSchedule({
    jobs: [
      inboxPruning,
      parkedPruning(deps.parkedDays),
      replayUnhandled(outbox, identity.service, types),
      releaseWaiting(outbox, identity.service, parts.subscriptions, logger),
      ...(parts.jobs ?? []),
    ],
    outbox,
    fence: gatekeeper.fence,
    ...telemetry,
    onGateClosed,
  })

  metrics.slot.read(() => ({
    live: follower.role() === 'unknown' ? null : follower.role() === 'live',
    consuming: gatekeeper.fence() !== null && consumer.active(),
    epoch: consumer.epoch(),
  }))

  const role = () => (gatekeeper.fence() ? 'live' : follower.role())
  const http = createHttp({
    identity,
    plane,
    ...telemetry,
    keepAlive: () => role() === 'live' && !ending,
  })
  http.after(() => {
    http.get(databasePath, { schema: { hide: true } }, async (_request, reply) => {
      const late = setTimeout(databaseAnswerMs, false, { ref: false })
      if (await Promise.race([reachesDatabase(), late])) return { status: 'ok' }
      return sendProblem(reply, { status: 503, detail: 'the database is away' })
    })
    parts.routes(http)
  })

  return {
    messages,

    /** Listens, and waits until the migrations are applied. Then takes its role from the Service. */
    async start(): Promise<void> {
      await http.listen({ host: '0.0.0.0', port: deps.port })
      await waitForMigrations(control, deps.migrations, logger)
      migrated = true
      applyRole()
    },

    async checks(): Promise<Checks> {
      const missing = await missingMigrations(control, deps.migrations).catch(() => null)
      const problem = logins.latest()?.problem
      return {
        database: missing !== null,
        started: migrated,
        migrations: (missing?.length ?? 0) === 0,
        broker: bus.connected(),
        blocked: bus.blocked(),
        // Says more than that a connection is missing.
        ...(problem && { login: problem }),
      }
    },

    /** Tries new logins to the database and the broker. */
    checkLogin: logins.check,

    async report() {
      // Read the gate first, because that may drop the fence.
      const gate = await gatekeeper.latest()
      const consuming = gatekeeper.fence() !== null && consumer.active()
      return {
        role: role(),
        epoch: consumer.epoch(),
        consuming,
        consumers: consuming ? 1 : 0,
        inFlight: consumer.inFlight(),
        handled: consumer.handled(),
        connections: await openConnections(http),
        since: follower.since().toISOString(),
        gate,
        login: logins.latest(),
      }
    },

    async accounting(): Promise<Record<string, unknown>> {
      const [kernel, own] = await Promise.all([
        kernelAccounting({ database, bus }, identity.service),
        parts.accounting(),
      ])
      return { plane, service: identity.service, ...kernel, own }
    },

    entries: parts.entries,

    openWork: parts.openWork,

    /** Finishes deliveries, jobs and requests, publishes events in the outbox if the broker is connected, and closes. */
    async close(): Promise<void> {
      ending = true
      if (migrated) applyRole()
      await Promise.all([consumer.close(), schedule.close(), drainHttp(http)])
      follower.close()
      logins.close()
      await relay.flush(flushMs)
      await relay.close()
      await parts.close?.()
      await bus.close()
      await Promise.all([database.close(), control.close()])
    },
  }
}

/** The migration Job may start later than the pod, and the database later than both. */
async function waitForMigrations(
  database: Database,
  expected: Migration[],
  logger: Logger,
): Promise<void> {
  let logged = ''
  for (;;) {
    const missing = await missingMigrations(database, expected).catch((error: Error) => error)
    const failed = missing instanceof Error
    if (!failed && missing.length === 0) return
    const waiting = failed ? missing.message : missing.join(', ')
    if (waiting !== logged) {
      if (failed) logger.warn({ err: missing }, 'waiting for the database')
      else logger.info({ missing }, 'waiting for migrations')
    }
    logged = waiting
    await setTimeout(migrationPollMs)
  }
}
