// What the services know of their work: collected, waited for, and summed up by a script.
import { describe, expect, it } from 'vitest'
import { orderLines, readBooks } from '../../src/release/accounting.ts'
import { audit } from '../../src/release/audit.ts'
import type { Cluster, Plane } from '../../src/release/ports.ts'
import { awaitQuiet } from '../../src/release/quiet.ts'
import type { ServiceState } from '../../src/release/state.ts'
import {
  aSlot,
  createFakeClock,
  createFakeProgress,
  createWorld,
  type World,
} from '../fakes/world.ts'

const names = ['order', 'payment']

function service(): ServiceState {
  return {
    slots: { blue: aSlot('blue', 'a'), green: aSlot('green', 'b') },
    stable: { target: { color: 'blue', revision: 'a' }, resourceVersion: '1' },
    preview: { target: { color: 'green', revision: 'b' }, resourceVersion: '1' },
  }
}

function aWorld(): World {
  return createWorld(names, { order: service(), payment: service() })
}

function portsOf(world: World, over: Partial<Cluster> = {}) {
  return {
    ...world,
    cluster: { ...world.cluster, ...over },
    progress: createFakeProgress(),
    clock: createFakeClock(),
    signal: new AbortController().signal,
  }
}

const sum = {
  balanced: true,
  orders: { accepted: 1, confirmed: 1, rejected: 0, cancelled: 0, open: 0 },
  captures: 1,
  refunds: 0,
  notifications: 1,
  stock: { initial: 5, reserved: 0, released: 0, sold: 1, available: 4 },
  outbox: 0,
  queued: 0,
  parked: 0,
  duplicatesRefused: 0,
  byEpoch: [{ service: 'order', epoch: 1, color: 'blue', handled: 2 }],
  violations: [],
}

const intent = { plane: 'live' as Plane, namespace: 'shop', quiet: true, script: 'audit.ts' }

describe('an audit', () => {
  it('hands the script what the services know, upstream first', async () => {
    const world = aWorld()
    world.books.order?.orders.push({ orderId: '1', status: 'confirmed' })
    world.books.payment?.orders.push({ orderId: '1', captures: 1 })
    world.outputs['audit.ts'] = `${JSON.stringify({ ...sum, also: 'this' })}\n`
    expect(await audit(portsOf(world), world.state, intent)).toEqual({ ...sum, also: 'this' })
    expect(Object.keys(world.files)).toEqual([
      'order.json',
      'order.orders.ndjson',
      'payment.json',
      'payment.orders.ndjson',
    ])
    expect(world.files['order.orders.ndjson']).toBe('{"orderId":"1","status":"confirmed"}\n')
    expect(JSON.parse(world.files['order.json'] ?? '')).toMatchObject({ queued: 0, inFlight: 0 })
    expect(world.scripts).toEqual([
      {
        file: 'audit.ts',
        env: {
          SHOPCTL_ACCOUNTING: '/scratch',
          SHOPCTL_PLANE: 'live',
          SHOPCTL_NAMESPACE: 'shop',
          SHOPCTL_QUIET: 'true',
        },
      },
    ])
  })

  const bad: [string, string, RegExp][] = [
    ['nothing', '', /printed no JSON document but:\nnothing/],
    ['text', 'one\ntwo', /no JSON document but:\none\ntwo/],
    ['another document', '{"balanced":"yes"}', /another document[\s\S]*balanced/],
  ]
  it.each(bad)(
    'of a script that prints %s fails with what it printed',
    async (_, text, message) => {
      const world = aWorld()
      world.outputs['audit.ts'] = text
      await expect(audit(portsOf(world), world.state, intent)).rejects.toMatchObject({
        code: 'bad-audit',
        exitCode: 1,
        message: expect.stringMatching(message),
      })
    },
  )

  it('of a script that fails shows its last lines', async () => {
    const world = aWorld()
    world.faults.smoke.add('audit.ts')
    await expect(audit(portsOf(world), world.state, intent)).rejects.toMatchObject({
      code: 'audit-failed',
      message: expect.stringContaining('expected 200, got 503'),
    })
  })

  it('is refused while a service has nothing that serves', async () => {
    const world = createWorld(names, { order: service() })
    await expect(audit(portsOf(world), world.state, intent)).rejects.toMatchObject({
      code: 'nothing-live',
      exitCode: 2,
      message: expect.stringContaining('payment'),
    })
  })

  it('names the service of which no pod answers', async () => {
    const world = aWorld()
    world.faults.mute.add('payment')
    await expect(audit(portsOf(world), world.state, intent)).rejects.toMatchObject({
      code: 'not-answered',
      message: expect.stringContaining('No pod of payment answers'),
    })
  })
})

describe('the books of a service', () => {
  it('come from the next pod when one has no database', async () => {
    const world = aWorld()
    const ask: Cluster['ask'] = async (pod, ...rest) =>
      pod.endsWith('-0')
        ? { status: 503, body: '{"detail":"no database"}' }
        : world.cluster.ask(pod, ...rest)
    const ports = portsOf(world, { ask })
    expect(await readBooks(ports, world.state, 'order', 'live')).toMatchObject({
      pod: 'order-blue-a-1',
    })
  })

  it('count what the pods of both slots hold, plane by plane', async () => {
    const world = aWorld()
    const role: Cluster['role'] = async (pod) => {
      const report = await world.cluster.role(pod)
      return (
        report && {
          ...report,
          inFlight: 1,
          preview: report.preview && { ...report.preview, inFlight: 2 },
        }
      )
    }
    const read = (plane: Plane) => readBooks(portsOf(world, { role }), world.state, 'order', plane)
    expect((await read('live')).account.inFlight).toBe(4)
    expect((await read('preview')).account.inFlight).toBe(8)
  })

  it('that are none are told of', async () => {
    const world = aWorld()
    if (world.books.order) world.books.order.account = { queued: 'many' }
    await expect(readBooks(portsOf(world), world.state, 'order', 'live')).rejects.toMatchObject({
      code: 'bad-accounting',
      message: expect.stringContaining('queued'),
    })
  })
})

describe('what a pod knows of orders', () => {
  /** Serves pages of at most `limit` lines, cut wherever they end. */
  const paged = (ids: readonly string[]) => {
    const asked: string[] = []
    const lines: Cluster['lines'] = async function* (_, path) {
      asked.push(path)
      const { searchParams } = new URL(path, 'http://pod')
      const after = searchParams.get('after') ?? ''
      const page = ids.filter((id) => id > after).slice(0, Number(searchParams.get('limit')))
      for (const orderId of page) yield JSON.stringify({ orderId })
    }
    return { asked, ports: portsOf(aWorld(), { lines }) }
  }
  const collect = async (ports: ReturnType<typeof paged>['ports']): Promise<string[]> => {
    const all: string[] = []
    for await (const line of orderLines(ports, 'pod', 'live')) all.push(JSON.parse(line).orderId)
    return all
  }
  const id = (n: number): string => String(n).padStart(6, '0')
  const ids = (count: number, each = 1): string[] =>
    Array.from({ length: count }, (_, index) => id(Math.floor(index / each)))

  it.each([
    ['no order', ids(0), 1],
    ['some', ids(3), 1],
    ['exactly a page', ids(5_000), 2],
    ['several pages', ids(12_000), 3],
    ['an order whose lines a page would cut', ids(9_000, 3), 2],
    ['one order of more lines than a page', ids(5_000, 5_000), 2],
  ])('comes whole: %s', async (_, all, pages) => {
    const { asked, ports } = paged(all)
    expect(await collect(ports)).toEqual(all)
    expect(asked).toHaveLength(pages)
  })

  it('has to be in order, so that pages come to an end', async () => {
    const { ports } = paged([id(2), id(1)])
    await expect(collect(ports)).rejects.toMatchObject({ code: 'bad-accounting' })
  })
})

describe('waiting for quiet', () => {
  const wait = (world: World, over: Partial<Cluster> = {}, timeoutMs = 5_000) =>
    awaitQuiet(portsOf(world, over), { plane: 'live', timeoutMs }, () => {})

  it('ends when nothing is under way and the books stay the same', async () => {
    const world = aWorld()
    let at = 0
    const ask: Cluster['ask'] = async (pod, method, path, signal) => {
      const { order } = world.books
      // When the books were read is no news.
      if (order) order.account = { ...order.account, at: ++at }
      return world.cluster.ask(pod, method, path, signal)
    }
    await wait(world, { ask })
    expect(at).toBeGreaterThan(1)
  })

  it.each([
    ['outbox', { outbox: { waiting: 3 } }, /order: 3 in its outbox/],
    ['queue', { queued: 2 }, /order: 2 queued/],
    ['dead letters', { dead: 1 }, /order: 1 dead/],
    ['retries', { retrying: 1, queued: 1 }, /order: 1 queued, 1 retrying/],
  ])('fails when the %s do not get empty in time', async (_, over, message) => {
    const world = aWorld()
    const { order } = world.books
    if (order) order.account = { ...order.account, ...over }
    await expect(wait(world)).rejects.toMatchObject({
      code: 'not-quiet',
      exitCode: 1,
      message: expect.stringMatching(message),
    })
  })

  it('goes on while open orders come to their ends, and while a look fails', async () => {
    const world = aWorld()
    let looks = 0
    const ask: Cluster['ask'] = async (pod, method, path, signal) => {
      looks += 1
      if (looks === 2) return { status: 503, body: '{"detail":"no database"}' }
      const { order } = world.books
      if (order) order.account = { ...order.account, own: { open: Math.max(0, 9 - looks) } }
      return world.cluster.ask(pod, method, path, signal)
    }
    await wait(world, { ask })
    expect(looks).toBeGreaterThan(10)
  })

  it('gives up on a silent pod only when the broker has taken back what it held', async () => {
    const world = aWorld()
    const role: Cluster['role'] = async (pod) =>
      pod === 'order-green-b-0' ? null : world.cluster.role(pod)
    await expect(wait(world, { role })).rejects.toThrow(/order-green-b-0 does not answer/)
    await wait(world, { role }, 20_000)
  })
})
