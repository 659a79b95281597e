// Service processes whose database goes away, for all of them or for one alone, or comes back empty.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
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

/** The stable Service of several pods, which are asked in turn. */
async function startService() {
  const pods: Pod[] = []
  let turn = 0
  const server = createServer(async ({ url }, response) => {
    const pod = pods[turn++ % pods.length] as Pod
    const answer = await ask(pod, url ?? '').catch(() => ({ status: 502 }))
    response.writeHead(answer.status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, pods }
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
  'pods that lose the database together stay in their Service from the beginning: %s',
  async (fault) => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const [proxy, service] = await Promise.all([createProxy(slots.url, 5432), startService()])
    const env = { DATABASE_URL: proxy.url, STABLE_URL: service.url }
    for (const _ of [1, 2, 3]) service.pods.push(slots.start('blue', env))
    await Promise.all(service.pods.map(untilReady))
    // As the kubelet does: every second, and not all pods at the same time.
    const probe = async (pod: Pod, n: number) => {
      await sleep(n * 300)
      const answers: unknown[] = []
      for (const until = performance.now() + 12_000; performance.now() < until; ) {
        answers.push((await pod.manage('/readyz')).ready)
        await sleep(1_000)
      }
      return answers
    }
    const probing = service.pods.map(probe)
    await sleep(1_200)
    proxy[fault]()
    const answers = await Promise.all(probing)
    expect(answers.flat(), JSON.stringify(answers)).not.toContain(false)
  },
)

it.each(['live', 'preview'] as const)(
  'a pod says at once whether it reaches its database: %s',
  async (plane) => {
    const slots = await createSlots()
    await slots.migrate()
    slots.select('blue')
    const [name, url, port] = {
      live: ['DATABASE_URL', slots.url, 'port'] as const,
      preview: ['PREVIEW_DATABASE_URL', slots.previewUrl, 'previewPort'] as const,
    }[plane]
    const proxy = await createProxy(url, 5432)
    const pod = slots.start('blue', { [name]: proxy.url })
    await untilReady(pod)
    const question = { ...pod, port: pod[port] }
    expect(await ask(question, '/healthz/database')).toMatchObject({ status: 200 })
    proxy.stall()
    const { status, ms } = await ask(question, '/healthz/database')
    expect(status).toBe(503)
    expect(ms).toBeLessThan(900)
    proxy.restore()
    await eventually(async () =>
      expect(await ask(question, '/healthz/database')).toMatchObject({ status: 200 }),
    )
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
