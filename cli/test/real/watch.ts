// Versions of order that pass their smoke test, and what a watch makes of them while customers order.
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Operation } from '../../src/release/record.ts'
import {
  copyTree,
  edgeUrl,
  ensureLive,
  releaseHolds,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  until,
} from './shop.ts'
import { underLoad } from './under-load.ts'

/** So long there are customers before the switch, in seconds: enough to compare with. */
const usualBefore = 20
const order = ['--service', 'order']

export interface Version {
  name: string
  /** For each request of a customer: through the edge. A smoke test comes by the other plane. */
  forCustomers: string
  /** For each message, once it has had customers. */
  forMessages?: string
  /** For each order of a customer, before its events are stored. */
  forOrders?: string
  /** Seconds with customers before the switch, where the usual is too little. */
  before?: number
  /** The gates of which one has to find it. Empty: it is a good one. */
  gates: readonly string[]
}

function failing(share: number): Version {
  return {
    name: `fails for ${share * 100} % of the requests`,
    forCustomers: `if (Math.random() < ${share}) throw new Error('bad')`,
    gates: ['errors', 'probe'],
  }
}

function outage(seconds: number): Version {
  return {
    name: `has one outage of ${seconds} s`,
    forCustomers: `
      const since = Date.now() - (globalThis.since ??= Date.now())
      if (since > 15_000 && since < ${15_000 + seconds * 1_000}) throw new Error('away')`,
    gates: [],
  }
}

export const everyDay = [failing(0.5)]

export const all: Version[] = [
  ...[failing(0.01), failing(0.05), ...everyDay, outage(1), outage(3)],
  {
    // All answers are well, and so are all handlers. In the end the orders are finished, so that they balance.
    name: 'accepts orders, and holds up one of five',
    forCustomers: '',
    forOrders: `
      if (Math.random() < 0.2) {
        setTimeout(() => {
          deps.outbox.commitUnfenced(request.traceparent, async () => ({ result: null, events }))
        }, 45_000)
        return { result: true, events: [] }
      }`,
    // Only orders of 30 s before the watch begins are known to be finished in time.
    before: 60,
    gates: ['unfinished'],
  },
  {
    name: 'is slow for one request of five',
    forCustomers: 'if (Math.random() < 0.2) await new Promise((done) => setTimeout(done, 1_500))',
    gates: ['slow'],
  },
  {
    name: 'fails for each second message',
    forCustomers: '',
    forMessages: `if (Math.random() < 0.5) throw new Error('bad')`,
    gates: ['handlers'],
  },
  {
    name: 'crashes after a minute',
    forCustomers: 'globalThis.bad ??= setTimeout(() => process.exit(1), 60_000)',
    gates: ['pods', 'errors', 'probe'],
  },
  {
    name: 'answers nothing any more',
    forCustomers: 'await new Promise(() => {})',
    gates: ['errors', 'probe', 'slow'],
  },
  {
    name: 'leaks until it is killed',
    forCustomers: `
      globalThis.bad ??= setInterval(() => (globalThis.leak ??= []).push(Buffer.alloc(8_000_000, 1)), 100)`,
    gates: ['pods', 'errors', 'probe'],
  },
]

/** What the live pods have counted in other tests, faults and all, is no measure. */
export async function releaseAnew(): Promise<void> {
  await ensureLive()
  const tree = await copyTree()
  try {
    await tree.append('services/order/main.ts', `\n// ${randomUUID()}\n`)
    await shopctlOk(['release', ...order], { cwd: tree.dir })
  } finally {
    await tree.remove()
  }
}

/** Deploys this version of order, and tests it. */
async function putOnStandby({ forCustomers, forMessages, forOrders }: Version): Promise<void> {
  const tree = await copyTree()
  const { host } = new URL(edgeUrl)
  try {
    const begin = '{ placedVersion, ...deps }: RouteDeps): void {'
    await tree.edit(
      'services/order/routes.ts',
      begin,
      `${begin}
      app.addHook('preHandler', async (request) => {
        if (request.headers.host !== '${host}') return
        globalThis.hasCustomers = true
        ${forCustomers}
      })`,
    )
    const store = 'return { result: true, events }'
    if (forOrders)
      await tree.edit(
        'services/order/routes.ts',
        store,
        `if (request.headers.host === '${host}') { ${forOrders} }
        ${store}`,
      )
    const handle = 'handle: async (tx, { data }, { loaded }) =>'
    if (forMessages)
      await tree.edit(
        'services/order/handlers.ts',
        `${handle} settle(tx, data.orderId, loaded, toUpdate(data)),`,
        `${handle} {
          if (globalThis.hasCustomers) { ${forMessages} }
          return settle(tx, data.orderId, loaded, toUpdate(data))
        },`,
      )
    for (const verb of ['build', 'push', 'deploy', 'smoke'])
      await shopctlOk([verb, ...order], { cwd: tree.dir })
  } finally {
    await tree.remove()
  }
}

/** Expects what a watch of `span` has to make of it with so many orders per second, and that the orders balance. */
export async function watchVersion(
  version: Version,
  { span, rate }: { span: string; rate: number },
): Promise<void> {
  await releaseHolds()
  await putOnStandby(version)
  const { services: first } = await status()
  const { before = usualBefore } = version
  const isGood = version.gates.length === 0
  const outcome = await underLoad({ rate, allowFailures: true }, async (load) => {
    await until('there is enough to compare with', () => load.progress().requests > before * rate)
    const { exitCode, stdout, stderr } = await shopctl(['switch', ...order, '--watch', span])
    expect(exitCode, `${stdout}\n${stderr}`).toBe(isGood ? 0 : 1)
  })
  const { services: after } = await status()
  const { operations } = await shopctlJson<{ operations: Operation[] }>([
    ...['history', ...order, '--verb', 'switch,rollback', '--limit', '2'],
  ])
  const [last, previous] = operations
  const report = JSON.stringify([last, previous], null, 2)
  if (isGood) {
    expect(after.order?.active).not.toBe(first.order?.active)
    expect(last, report).toMatchObject({ verb: 'switch', watch: { outcome: 'passed' } })
    await shopctlOk(['rollback'])
    return
  }
  expect(after.order?.active, report).toBe(first.order?.active)
  expect(last, report).toMatchObject({ verb: 'rollback', outcome: 'done' })
  expect(previous, report).toMatchObject({ verb: 'switch', watch: { outcome: 'breached' } })
  const found = previous?.watch?.gates.filter(({ outcome }) => outcome === 'breach') ?? []
  expect(version.gates, report).toContain(found[0]?.gate)
  const tookMs = Date.parse(last?.startedAt ?? '') - Date.parse(previous?.endedAt ?? '')
  console.info(
    `${version.name}: found by ${found.map(({ gate }) => gate)}, rolled back ${tookMs} ms after the switch; ` +
      `${outcome.failures} of ${outcome.load.requests} requests failed`,
  )
}
