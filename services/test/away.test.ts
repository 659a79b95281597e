// Service processes whose database goes away, for all of them or for one alone, or comes back empty.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { newId } from './infrastructure.ts'
import { createProxy } from './proxy.ts'
import { createSlots, eventually, type Pod, untilConsuming, untilReady } from './slots.ts'

/** The stable Service, as a pod asks it for its peers. */
async function startPeer() {
  let hasDatabase = true
  const server = createServer((_, response) => response.writeHead(hasDatabase ? 200 : 503).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (has: boolean) => {
      hasDatabase = has
    },
  }
}

async function startPod() {
  const slots = await createSlots()
  await slots.migrate()
  slots.select('blue')
  const [proxy, peer] = await Promise.all([createProxy(slots.url, 5432), startPeer()])
  const pod = slots.start('blue', { DATABASE_URL: proxy.url, STABLE_URL: peer.url })
  await untilReady(pod)
  await untilConsuming(pod, true)
  return { slots, proxy, peer, pod }
}

async function ask(pod: Pod, path: string) {
  const from = performance.now()
  const { status, headers } = await fetch(`http://127.0.0.1:${pod.port}${path}`)
  return { status, retryAfter: headers.get('retry-after'), ms: performance.now() - from }
}

const untilNotReady = (pod: Pod) =>
  eventually(async () => expect(await pod.manage('/readyz')).toMatchObject({ ready: false }))

it.each(['cut', 'stall'] as const)(
  'a pod whose database is away for all stays in its Service and answers 503 at once: %s',
  async (fault) => {
    const { slots, proxy, peer, pod } = await startPod()
    peer.set(false)
    proxy[fault]()
    const order = `/notifications?order=${newId()}`
    await eventually(async () => expect(await ask(pod, order)).toMatchObject({ status: 503 }))
    await eventually(async () => expect((await ask(pod, order)).ms).toBeLessThan(1_000))
    for (let n = 0; n < 20; n += 1) {
      const { ms, ...answer } = await ask(pod, order)
      expect(answer).toEqual({ status: 503, retryAfter: '1' })
      expect(ms).toBeLessThan(1_000)
      expect(await pod.manage('/readyz')).toMatchObject({ ready: true, database: false })
    }
    expect(await ask(pod, '/healthz')).toMatchObject({ status: 200 })
    expect(await ask(pod, '/healthz/database')).toMatchObject({ status: 503 })
    proxy.restore()
    await slots.publish(5)
    await eventually(
      async () => expect(await ask(pod, order)).toMatchObject({ status: 200 }),
      5_000,
    )
    await eventually(async () =>
      expect(await pod.manage('/readyz')).toMatchObject({ ready: true, database: true }),
    )
    expect(await ask(pod, '/healthz/database')).toMatchObject({ status: 200 })
    await eventually(() => expect(slots.mail.mails).toHaveLength(5))
  },
)

it.each(['cut', 'stall'] as const)(
  'a pod whose database is away for itself alone leaves its Service, and comes back: %s',
  async (fault) => {
    const { proxy, pod } = await startPod()
    proxy[fault]()
    await untilNotReady(pod)
    proxy.restore()
    await untilReady(pod)
  },
)

it('a pod whose database comes back empty says so, and goes on when it is migrated', async () => {
  const { slots, pod } = await startPod()
  const client = new Client(slots.url)
  await client.connect()
  const { rows } = await client.query('SELECT current_schema() AS name')
  await client.query(`DROP SCHEMA ${rows[0].name} CASCADE; CREATE SCHEMA ${rows[0].name}`)
  await client.end()
  await eventually(async () =>
    expect(await pod.manage('/readyz')).toMatchObject({
      ready: false,
      database: true,
      migrations: false,
    }),
  )
  expect(await ask(pod, `/notifications?order=${newId()}`)).toMatchObject({ status: 503 })
  await slots.publish(5)
  await slots.migrate()
  await untilReady(pod)
  await eventually(() => expect(slots.mail.mails).toHaveLength(5))
  await untilConsuming(pod, true)
})
