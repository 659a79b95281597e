// Real Postgres and RabbitMQ for tests. Each test has its own schema, exchange and queues.
import { randomUUID, randomUUIDv7 } from 'node:crypto'
import { type Contract, draft, type Envelope } from '@shop/events/envelope'
import { type Bus, createBus, retryKey } from '@shop/kernel/bus'
import { createDatabase, type Database } from '@shop/kernel/database'
import { type Fence, GateClosed } from '@shop/kernel/gate'
import { createMetrics } from '@shop/kernel/metrics'
import { type Migration, migrate, readMigrations } from '@shop/kernel/migrate'
import { createOutbox, type Outbox } from '@shop/kernel/outbox'
import { createRelay, type Relay } from '@shop/kernel/relay'
import { untraced } from '@shop/kernel/spans'
import type { Identity } from '@shop/kernel/telemetry'
import { Client } from 'pg'
import { pino } from 'pino'
import { Connection } from 'rabbitmq-client'
import { onTestFinished } from 'vitest'

export const identity: Identity = {
  service: 'test',
  color: 'blue',
  version: 'v1',
  revision: 'r1',
  pod: 'test-0',
}
/** Shared: each counts for all tests. */
export const metrics = createMetrics(identity).of('live')
export const logger = pino({}, { write: () => {} })
export function newId() {
  return randomUUIDv7()
}
/** Less than any other id. */
export const nilId = '00000000-0000-0000-0000-000000000000'
export const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

export function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: these tests need the real thing`)
  return value
}

/** Creates a schema until the end of the test, and returns a URL whose search path is that schema. */
export async function createSchema(): Promise<string> {
  const base = setting('SHOP_TEST_DATABASE_URL')
  const schema = `test_${randomUUID().replaceAll('-', '')}`
  await execute(base, `CREATE SCHEMA ${schema}`)
  onTestFinished(() => execute(base, `DROP SCHEMA ${schema} CASCADE`))
  const url = new URL(base)
  url.searchParams.set('options', `-c search_path=${schema}`)
  return url.href
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

export function migrationsOf(service: string): Promise<Migration[]> {
  const folders = ['kernel', service].map(
    (owner) => new URL(`../${owner}/migrations/`, import.meta.url),
  )
  return readMigrations(folders)
}

/** The tables of a service in a new schema. */
export async function createServiceDatabase(service: string): Promise<Database> {
  const url = await createSchema()
  await migrate(url, await migrationsOf(service))
  return openDatabase(url)
}

/** An event of a contract, as it is delivered. */
export function arrived<Data>(of: Contract<Data>, subject: string, data: Data): Envelope {
  return {
    specversion: '1.0',
    id: newId(),
    source: of.source ?? '/test',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    traceparent: trace,
    ...draft(of, subject, data),
  }
}

export function openDatabase(url: string): Database {
  const database = createDatabase({ url, name: 'test', logger })
  onTestFinished(() => database.close())
  return database
}

export interface Message {
  messageId: string | undefined
  attempt: number
  body: string
}

export interface Topology {
  exchange: string
  /** Declares a service's queues until the end of the test, bound to these event types and to its retries. */
  queue(...types: string[]): Promise<string>
  /** Does the same with a given name. */
  declare(queue: string, ...types: string[]): Promise<void>
  bind(queue: string, type: string): Promise<void>
  unbind(queue: string, type: string): Promise<void>
  /** The URL of a new user, who may publish with matching routing keys only. */
  user(write: string): Promise<string>
  /** Publishes events to the queues that are bound to their types. */
  publish(events: Envelope[]): Promise<void>
  /** Publishes any body, by default to the queue named `routingKey`. */
  send(envelope: Sending, body: Buffer | string): Promise<void>
  /** Removes and returns the messages in a queue. */
  drain(queue: string): Promise<Message[]>
}

export type Sending = {
  exchange?: string
  routingKey: string
  headers?: Record<string, unknown>
  messageId?: string
  /** Milliseconds until it expires. */
  expiration?: string
  contentType?: string
}

/** Declares an exchange until the end of the test: a new one, or a given one in another virtual host. */
export async function createTopology(
  url = setting('SHOP_TEST_AMQP_URL'),
  exchange = `test.${randomUUID()}`,
): Promise<Topology> {
  const connection = new Connection(url)
  connection.on('error', () => {})
  const graveyard = `${exchange}.dead`
  const queues: string[] = []
  for (const one of [exchange, graveyard]) {
    await connection.exchangeDeclare({ exchange: one, type: 'topic', durable: true })
  }
  onTestFinished(async () => {
    for (const queue of queues) await connection.queueDelete({ queue })
    for (const one of [exchange, graveyard]) await connection.exchangeDelete({ exchange: one })
    await connection.close()
  })

  async function declareQuorum(queue: string, settings: Record<string, unknown>): Promise<void> {
    queues.push(queue)
    const quorum = { 'x-queue-type': 'quorum' as const, 'x-delivery-limit': -1 }
    await connection.queueDeclare({ queue, durable: true, arguments: { ...quorum, ...settings } })
  }

  const topology: Topology = {
    exchange,
    async queue(...types) {
      const queue = `test.${randomUUID()}`
      await topology.declare(queue, ...types)
      return queue
    },
    async declare(queue, ...types) {
      const dead = `${queue}.dead`
      await declareQuorum(queue, {
        'x-dead-letter-exchange': graveyard,
        'x-dead-letter-routing-key': queue,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      })
      await declareQuorum(dead, {})
      await connection.queueBind({ queue: dead, exchange: graveyard, routingKey: queue })
      for (const type of [...types, retryKey(queue)]) await topology.bind(queue, type)
    },
    bind: (queue, routingKey) => connection.queueBind({ queue, exchange, routingKey }),
    unbind: (queue, routingKey) => connection.queueUnbind({ queue, exchange, routingKey }),
    user: (write) => createUser(new URL(url), exchange, write),
    async publish(events) {
      const publisher = connection.createPublisher({ confirm: true })
      await Promise.all(
        events.map((event) =>
          publisher.send({ exchange, routingKey: event.type, messageId: event.id }, event),
        ),
      )
      await publisher.close()
    },
    async send(envelope, body) {
      const publisher = connection.createPublisher({ confirm: true })
      await publisher.send({ durable: true, mandatory: true, ...envelope }, Buffer.from(body))
      await publisher.close()
    },
    async drain(queue) {
      const all = []
      for (;;) {
        const message = await connection.basicGet({ queue, noAck: true })
        if (!message) return all
        const { messageId, headers, body } = message
        all.push({ messageId, attempt: Number(headers?.['x-attempt'] ?? 0), body: String(body) })
      }
    },
  }
  return topology
}

async function createUser(url: URL, exchange: string, write: string): Promise<string> {
  const name = `test-${randomUUID()}`
  const manage = async (method: string, path: string, body?: object): Promise<void> => {
    const credentials = Buffer.from(`${url.username}:${url.password}`).toString('base64')
    const response = await fetch(`http://${url.hostname}:15672/api/${path}`, {
      method,
      headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
  }
  onTestFinished(() => manage('DELETE', `users/${name}`))
  await manage('PUT', `users/${name}`, { password: name, tags: '' })
  await manage('PUT', `permissions/%2F/${name}`, { configure: '^$', write: '.*', read: '.*' })
  await manage('PUT', `topic-permissions/%2F/${name}`, { exchange, write, read: '.*' })
  return Object.assign(new URL(url), { username: name, password: name }).href
}

/** A fence without a gate, which the test closes. */
export function openFence(
  database: Database,
  { epoch = 1, color = identity.color, revision = identity.revision } = {},
): Fence & { close(): void } {
  let open = true
  const pass = (): void => {
    if (!open) throw new GateClosed('closed by the test')
  }
  return {
    epoch,
    color,
    revision,
    async query(text, values) {
      pass()
      return database.query(text, values)
    },
    async transaction(work) {
      return database.transaction((tx) => {
        pass()
        return work(tx)
      })
    },
    close() {
      open = false
    },
  }
}

export function openBus(exchange: string, url = setting('SHOP_TEST_AMQP_URL')): Bus {
  const bus = createBus({ url, name: 'test', exchange, logger })
  onTestFinished(() => bus.close())
  return bus
}

export function openRelay(database: Database, bus: Bus): Relay {
  const relay = createRelay({ database, bus, logger, metrics, tracer: untraced })
  onTestFinished(() => relay.close())
  return relay
}

export function openOutbox(database: Database, relay?: Relay): Outbox {
  const deps = { database, source: '/test', now: () => new Date(), newId, tracer: untraced }
  return createOutbox(relay ? { ...deps, relay } : deps)
}
