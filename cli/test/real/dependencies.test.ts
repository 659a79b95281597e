// What the charts of RabbitMQ and Postgres promise, on the real cluster and in a namespace of their own.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { Connection } from 'rabbitmq-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as contracts from '../../../services/events/contracts.ts'
import { retryKey } from '../../../services/kernel/bus.ts'
import { createDependencies, drain, services } from './dependencies.ts'
import { until } from './shop.ts'

const { addresses, passwords, run, ok, create, remove, install, connect, api, members, leaderOf } =
  createDependencies('parts')

beforeAll(async () => {
  await create()
  await Promise.all([install('rabbitmq'), install('postgres')])
})

afterAll(remove)

/** Publishes to the shop's exchange; resolves when the broker has taken it. */
async function publish(connection: Connection, routingKey: string, body: string): Promise<void> {
  const publisher = connection.createPublisher({ confirm: true, maxAttempts: 1 })
  try {
    const to = { exchange: 'shop.events', routingKey, durable: true }
    await publisher.send(to, body)
  } finally {
    await publisher.close().catch(() => {})
  }
}

describe.each([
  ['order', '', 'order_preview', '/preview'],
  ['order_preview', '/preview', 'order', ''],
])('at the broker %s', (user, vhost, _, otherVhost) => {
  it('publishes events and reads its own queues', async () => {
    const connection = connect(user, vhost)
    await publish(connection, 'retry.order', 'mine')
    expect(await drain(connection, 'order')).toEqual(['mine'])
    expect(await drain(connection, 'order.dead')).toEqual([])
    await connection.queueDeclare({ queue: 'order', passive: true })
  })

  it.each([
    ['declares no queue', (c: Connection) => c.queueDeclare({ queue: 'spare', durable: true })],
    [
      'declares no exchange',
      (c: Connection) => c.exchangeDeclare({ exchange: 'x', type: 'topic' }),
    ],
    ['deletes no queue', (c: Connection) => c.queueDelete({ queue: 'order' })],
    [
      'binds no exchange',
      (c: Connection) =>
        c.exchangeBind({ destination: 'shop.events', source: 'shop.dead', routingKey: '#' }),
    ],
    [
      'binds nothing',
      (c: Connection) =>
        c.queueBind({ queue: 'order', exchange: 'shop.events', routingKey: 'order.placed.v1' }),
    ],
    ["reads no other's queue", (c: Connection) => c.basicGet({ queue: 'payment' })],
    ["reads no other's dead letters", (c: Connection) => c.basicGet({ queue: 'payment.dead' })],
    ['empties no other queue', (c: Connection) => c.queuePurge({ queue: 'payment' })],
    [
      'writes past the exchange into no queue',
      (c: Connection) => c.createPublisher({ confirm: true }).send('payment', 'forged'),
    ],
    [
      'sends no dead letters',
      (c: Connection) =>
        c
          .createPublisher({ confirm: true })
          .send({ exchange: 'shop.dead', routingKey: 'payment' }, 'forged'),
    ],
  ])('%s', async (_, attempt) => {
    await expect(attempt(connect(user, vhost))).rejects.toThrow('ACCESS_REFUSED')
  })

  it('does not get into the other plane', async () => {
    const connection = connect(user, otherVhost, { acquireTimeout: 2_000 })
    const refusal = new Promise<Error>((resolve) => connection.on('error', resolve))
    expect(String(await refusal)).toMatch(/NOT_ALLOWED|access to vhost/)
  })
})

const users = ['', '_preview'].flatMap((suffix) => services.map((name) => [name, suffix] as const))

it.each(users)('at the broker %s%s publishes its own events only', async (service, suffix) => {
  const connection = connect(`${service}${suffix}`, suffix && '/preview')
  const keys = [...Object.values(contracts).map(({ type }) => type), ...services.map(retryKey)]
  const own = Object.values(contracts).filter(({ source }) => source === `/${service}`)
  const published: string[] = []
  for (const key of keys) {
    const refusal = await publish(connection, key, 'x').catch(String)
    if (refusal === undefined) published.push(key)
    else expect(refusal).toContain(`write access to topic '${key}'`)
  }
  expect(published).toEqual([...own.map(({ type }) => type), retryKey(service)])
  // Neither does a second key in a header get past this.
  const publisher = connection.createPublisher({ confirm: true, maxAttempts: 1 })
  const others = keys.filter((key) => !published.includes(key))
  const sly = { exchange: 'shop.events', routingKey: retryKey(service), headers: { CC: others } }
  await expect(publisher.send(sly, 'x')).rejects.toThrow('ACCESS_REFUSED')
  const vhost = suffix === '' ? '%2F' : 'preview'
  for (const queue of services) await api('DELETE', `queues/${vhost}/${queue}/contents`)
})

it.each(users)('at the broker %s%s is nobody for the management API', async (service, suffix) => {
  const name = `${service}${suffix}`
  const credentials = Buffer.from(`${name}:${passwords[name]}`).toString('base64')
  const { status } = await fetch(`http://${addresses.rabbitmq}:15672/api/whoami`, {
    headers: { authorization: `Basic ${credentials}` },
  })
  expect(status).toBe(401)
})

it.each([
  ['order', 'order_preview'],
  ['order_preview', 'order'],
])('at the database %s reaches its own and not %s', async (user, other) => {
  const open = async (name: string): Promise<string> => {
    const at = `${addresses.postgres}:5432`
    const client = new Client(`postgresql://${user}:${passwords[user]}@${at}/${name}`)
    await client.connect()
    const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name')
    await client.end()
    return rows[0]?.name ?? ''
  }
  expect(await open(user)).toBe(user)
  await expect(open(other)).rejects.toThrow('no pg_hba.conf entry')
  await expect(open('postgres')).rejects.toThrow('no pg_hba.conf entry')
})

describe('the topology', () => {
  it('keeps a rejected message for its service, and one given back for ever', async () => {
    const connection = connect('payment')
    await publish(connection, 'retry.payment', 'poison')
    for (let delivery = 0; delivery < 30; delivery++) {
      const channel = await connection.acquire()
      const message = await channel.basicGet({ queue: 'payment', noAck: false })
      expect(String(message?.body)).toBe('poison')
      channel.basicNack({ deliveryTag: message?.deliveryTag ?? 0, requeue: delivery < 29 })
      await channel.close()
    }
    await until('it is a dead letter', async () => {
      const dead = await drain(connection, 'payment.dead')
      return dead.length === 1 && dead[0] === 'poison'
    })
  })

  it('is put back by an upgrade, and rights and policies added by hand go; bindings and messages stay', async () => {
    const connection = connect('notification')
    await publish(connection, 'retry.notification', 'kept')
    const bindings = 'bindings/%2F/e/shop.events/q/notification'
    await api('DELETE', `${bindings}/order.confirmed.v1`)
    await api('POST', bindings, { routing_key: 'order.placed.v1' })
    const topics = { exchange: 'shop.events', write: '.*', read: '.*' }
    await api('PUT', 'topic-permissions/%2F/notification', topics)
    await api('PUT', 'topic-permissions/%2F/order', { ...topics, exchange: 'shop.dead' })
    await api('PUT', 'permissions/%2F/order_preview', { configure: '', write: '.*', read: '.*' })
    await api('PUT', 'policies/%2F/short', {
      pattern: '^notification$',
      priority: 9,
      definition: { 'max-length': 1 },
      'apply-to': 'queues',
    })

    await install('rabbitmq')
    const found = await api<{ routing_key: string }[]>('GET', bindings)
    expect(found.map(({ routing_key }) => routing_key).sort()).toEqual([
      'order.cancelled.v1',
      'order.confirmed.v1',
      'order.placed.v1',
      'order.rejected.v1',
      'retry.notification',
    ])
    const permissions = await api<{ user: string }[]>('GET', 'vhosts/%2F/permissions')
    expect(permissions.map(({ user }) => user).sort()).toEqual(['admin', ...services].sort())
    const keys = await api<{ user: string; exchange: string; write: string }[]>(
      'GET',
      'vhosts/%2F/topic-permissions',
    )
    expect(keys.map(({ user, exchange }) => `${user} ${exchange}`).sort()).toEqual(
      services.map((service) => `${service} shop.events`).sort(),
    )
    expect(keys.find(({ user }) => user === 'notification')?.write).toBe('^(retry\\.notification)$')
    const policies = await api<{ name: string }[]>('GET', 'policies/%2F')
    expect(policies.map(({ name }) => name).sort()).toEqual(['dead', ...services].sort())
    expect(await drain(connection, 'notification')).toEqual(['kept'])
  })

  it('is not declared over a queue that has other arguments: the upgrade fails and says so', async () => {
    await api('DELETE', 'queues/preview/inventory.dead')
    await api('PUT', 'queues/preview/inventory.dead', {
      durable: true,
      arguments: { 'x-queue-type': 'classic' },
    })
    await expect(install('rabbitmq')).rejects.toThrow('rabbitmq-topology')
    const log = await ok('kubectl', ['logs', 'job/rabbitmq-topology'])
    expect(log).toContain('these are different in the broker:\nqueues: ')
    expect(log).toContain('"name":"inventory.dead"')
    for (const secret of Object.values(passwords)) expect(log).not.toContain(secret)
    await api('DELETE', 'queues/preview/inventory.dead')
    await install('rabbitmq')
  })
})

describe('with 3 nodes', () => {
  const status = async (pod: string): Promise<{ restarts: number; ready: boolean }> => {
    const path = '{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'
    const text = await ok('kubectl', ['get', 'pod', pod, `--output=jsonpath=${path}`])
    const [restarts, ready] = text.split(' ')
    return { restarts: Number(restarts), ready: ready === 'true' }
  }
  /** SIGKILL to the server itself, unannounced; the returned function waits until it is back. */
  const kill = async (pod: string): Promise<() => Promise<void>> => {
    const { restarts } = await status(pod)
    const script =
      'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" != beam.smp ] || kill -9 "$(basename $p)"; done'
    // Fails as a rule, since the container takes this shell along.
    await run('kubectl', ['exec', pod, '--container=rabbitmq', '--', 'sh', '-c', script])
    return () =>
      until(
        `${pod} is back`,
        async () => {
          const now = await status(pod)
          return now.ready && now.restarts > restarts
        },
        120_000,
      )
  }

  it('grows out of one with its messages, and every queue has a member on each', async () => {
    await publish(connect('notification'), 'retry.notification', 'older')
    await install('rabbitmq', '--set=nodes=3')
    expect(await members()).toEqual(Array.from({ length: 16 }, () => 3))
    expect(await drain(connect('notification'), 'notification')).toEqual(['older'])
  })

  it('loses no confirmed message with a node, and goes on taking more', async () => {
    const publisher = connect('notification', '', { retryLow: 50, retryHigh: 200 }).createPublisher(
      {
        confirm: true,
        maxAttempts: 1,
      },
    )
    const confirmed: string[] = []
    let publishing = true
    const loop = async (): Promise<void> => {
      const to = { exchange: 'shop.events', routingKey: 'retry.notification', durable: true }
      for (let id = 0; publishing; id++) {
        // What is not confirmed may or may not be there.
        const sent = publisher.send(to, `message ${id}`).then(() => confirmed.push(`message ${id}`))
        await sent.catch(() => {})
        await sleep(20)
      }
    }
    const looping = loop()
    await sleep(2_000)
    const isBack = await kill(await leaderOf('notification'))
    const before = confirmed.length
    await until('50 more are confirmed', () => confirmed.length >= before + 50, 30_000)
    publishing = false
    await looping
    await publisher.close()
    const received = new Set(await drain(connect('notification'), 'notification'))
    expect(confirmed.filter((body) => !received.has(body))).toEqual([])
    await isBack()
    await until('all members are back', async () => (await members()).every((n) => n === 3))
  })

  it('starts again after all were killed at once', async () => {
    await publish(connect('notification'), 'retry.notification', 'survivor')
    const back = await Promise.all(['rabbitmq-0', 'rabbitmq-1', 'rabbitmq-2'].map(kill))
    await Promise.all(back.map((isBack) => isBack()))
    expect(await drain(connect('notification'), 'notification')).toEqual(['survivor'])
  })

  it('does not shrink', async () => {
    await expect(install('rabbitmq')).rejects.toThrow('a cluster cannot shrink by this value')
  })
})
