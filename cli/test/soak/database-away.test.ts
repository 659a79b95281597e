// The database goes away for all pods or for one, stays read-only after a failover, or comes back empty.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutOffFrom } from '../real/chaos.ts'
import { psql } from '../real/database.ts'
import {
  clusterIp,
  edgeUrl,
  ensureLive,
  freshEnvironment,
  kubectlOk,
  shopctl,
  shopctlOk,
  status,
  until,
} from '../real/shop.ts'

interface Answer {
  status: number
  retryAfter: string | null
  ms: number
}

/** Places an order, on a connection of its own. Status 0: there was no answer. */
async function place(): Promise<Answer> {
  const from = performance.now()
  try {
    const response = await fetch(`${edgeUrl}/orders`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
        connection: 'close',
      },
      body: JSON.stringify({
        items: [{ sku: 'mug', quantity: 1 }],
        customer: { email: 'ada@example.com' },
        payment: { token: 'tok_ok' },
      }),
    })
    await response.arrayBuffer()
    const retryAfter = response.headers.get('retry-after')
    return { status: response.status, retryAfter, ms: performance.now() - from }
  } catch {
    return { status: 0, retryAfter: null, ms: performance.now() - from }
  }
}

/** Places 20 orders per second until `body` has ended. */
async function placing(body: () => Promise<void>): Promise<Answer[]> {
  const answers: Promise<Answer>[] = []
  const timer = setInterval(() => answers.push(place()), 50)
  await body().finally(() => clearInterval(timer))
  return Promise.all(answers)
}

function byStatus(answers: readonly Answer[]): Record<number, number> {
  const sums: Record<number, number> = {}
  for (const { status: code } of answers) sums[code] = (sums[code] ?? 0) + 1
  return sums
}

async function livePods(): Promise<{ name: string; uid: string; ready: boolean }[]> {
  const color = (await status()).services.order?.active
  const selector = `app.kubernetes.io/name=order,shopctl.dev/color=${color}`
  const list = JSON.parse(await kubectlOk('get', 'pods', '--selector', selector, '--output=json'))
  return list.items.map((pod: PodObject) => ({
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    ready: pod.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
  }))
}

interface PodObject {
  metadata: { name: string; uid: string }
  status: { conditions: { type: string; status: string }[] }
}

const isAccepted = async () => (await place()).status === 202

describe('the database', { timeout: 300_000 }, () => {
  beforeAll(ensureLive, 300_000)

  test('away for all: the pods stay in their Service, and answer 503 at once', async () => {
    await until('orders are accepted', isAccepted)
    const answers = await placing(async () => {
      await kubectlOk('scale', 'statefulset/postgres', '--replicas=0')
      await kubectlOk('wait', '--for=delete', 'pod/postgres-0', '--timeout=60s')
      await sleep(20_000)
      expect((await livePods()).every(({ ready }) => ready)).toBe(true)
      await kubectlOk('scale', 'statefulset/postgres', '--replicas=1')
      await until('orders are accepted again', isAccepted, 90_000)
    })
    const sums = byStatus(answers)
    expect(Object.keys(sums).sort(), JSON.stringify(sums)).toEqual(['202', '503'])
    const refused = answers.filter((answer) => answer.status === 503)
    expect(refused.every(({ retryAfter }) => retryAfter === '1')).toBe(true)
    // Only those that came before it was known have waited.
    const slow = refused.filter(({ ms }) => ms > 2_000)
    expect(slow.length / refused.length, `${slow.length} of ${refused.length}`).toBeLessThan(0.2)
  })

  test('away for one pod: it leaves its Service, and comes back with the database', async () => {
    await until('all pods are ready', async () => (await livePods()).every(({ ready }) => ready))
    const [one] = await livePods()
    const isReady = async () => (await livePods()).find(({ name }) => name === one?.name)?.ready
    const heal = await cutOffFrom(one?.uid ?? '', [await clusterIp('postgres')])
    try {
      await until('it is not ready', async () => (await isReady()) === false)
      expect((await livePods()).filter(({ ready }) => ready)).not.toHaveLength(0)
      await sleep(1_000)
      const answers = await placing(() => sleep(3_000))
      expect(Object.keys(byStatus(answers))).toEqual(['202'])
    } finally {
      await heal()
    }
    await until('it is ready', async () => (await isReady()) === true)
  })

  test('read-only after a failover: 503 meanwhile, and well as soon as it can be written', async () => {
    const setting = 'default_transaction_read_only'
    let resetAt = 0
    const answers = await placing(async () => {
      await psql('postgres', `ALTER DATABASE "order" SET ${setting} = on`)
      await psql(
        'postgres',
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'order'`,
      )
      await sleep(20_000)
      await psql('postgres', `ALTER DATABASE "order" RESET ${setting}`)
      resetAt = performance.now()
      await until('orders are accepted again', isAccepted, 5_000)
      await sleep(2_000)
    })
    expect(performance.now() - resetAt).toBeLessThan(15_000)
    expect(Object.keys(byStatus(answers)).sort()).toEqual(['202', '503'])
    // All pods have recovered.
    expect(Object.keys(byStatus(answers.slice(-10)))).toEqual(['202'])
  })

  describe('that comes back empty', () => {
    // Its orders are gone, so no audit balances any more.
    afterAll(freshEnvironment, 180_000)

    // The second time, the standby slot has the wanted version already.
    test.each(['once', 'twice'])('status says so, and a deploy migrates it, %s', async () => {
      await psql('postgres', 'DROP DATABASE "order" WITH (FORCE)')
      await psql('postgres', 'CREATE DATABASE "order" OWNER "order"')
      await until('no live pod is ready', async () =>
        (await livePods()).every(({ ready }) => !ready),
      )
      const { stdout } = await shopctl(['status'])
      expect(stdout.replace(/\s+/g, ' ')).toMatch(
        /its database lacks migrations\. .*`shopctl deploy --service order` applies them/,
      )
      await shopctlOk(['deploy', '--service', 'order'])
      await until('the live pods are ready', async () =>
        (await livePods()).every(({ ready }) => ready),
      )
      await until('orders are accepted', isAccepted)
      expect((await status()).services.order?.epoch).toBeGreaterThan(0)
    })
  })
})
