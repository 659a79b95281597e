// Run by `shopctl smoke`. It places orders in the preview plane of the slots that will serve together.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/** An order, and its final state in each service. */
interface Scenario {
  name: string
  sku: string
  token: string
  order: string
  reservation: string
  payments: Fields[]
}

const scenarios: Scenario[] = [
  {
    name: 'a paid order',
    sku: 'mug',
    token: 'tok_ok',
    order: 'confirmed',
    reservation: 'sold',
    payments: [{ status: 'captured', captures: 1, refunds: 0 }],
  },
  {
    name: 'a declined order',
    sku: 'tee',
    token: 'tok_declined',
    order: 'cancelled',
    reservation: 'released',
    payments: [{ status: 'declined', captures: 0, refunds: 0 }],
  },
  {
    name: 'an order of an unknown SKU',
    sku: 'no-such-sku',
    token: 'tok_ok',
    order: 'rejected',
    reservation: 'rejected',
    payments: [],
  },
]

const patienceMs = 10_000
const requestTimeoutMs = 3_000
const pollMs = 100

const urls = readUrls()

/** Places an order and checks its final state in each service, all within `patienceMs`. */
async function check(scenario: Scenario): Promise<string> {
  const { name, sku, token } = scenario
  const until = performance.now() + patienceMs
  const email = `smoke-${randomUUID()}@example.com`
  const body = { items: [{ sku, quantity: 1 }], customer: { email }, payment: { token } }
  const headers = { 'content-type': 'application/json', 'idempotency-key': `smoke-${randomUUID()}` }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  // Repeated requests have the same key, so they place one order.
  const placed = await eventually(until, `${name} cannot be placed`, async () => {
    const { id } = (await ask('order', '/orders', 202, request)) as { id: string }
    return { done: id }
  })

  /** Waits until a service answers with the expected number of objects, which have the expected fields. */
  const expectIn = (service: string, path: string, expected: Fields[]) =>
    eventually(
      until,
      `${name} (${placed}): ${service} should answer ${JSON.stringify(expected)}`,
      async () => {
        const seen = [await ask(service, path, 200)].flat()
        const isAll = seen.length === expected.length
        return isAll && expected.every((fields, n) => has(seen[n], fields))
          ? { done: undefined }
          : { instead: seen }
      },
    )

  await expectIn('order', `/orders/${placed}`, [{ status: scenario.order }])
  const query = `?order=${placed}`
  await Promise.all([
    expectIn('inventory', `/reservations${query}`, [{ status: scenario.reservation }]),
    expectIn('payment', `/payments${query}`, scenario.payments),
    expectIn('notification', `/notifications${query}`, [{ outcome: scenario.order }]),
    expectIn('notification', `/mails${query}`, [{ to: email }]),
  ])
  return `${name} is ${scenario.order}, in all services`
}

type Fields = Record<string, string | number>

function has(seen: unknown, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) => (seen as Fields | null)?.[name] === value)
}

/** Sends a request to a service's preview plane. Throws when another plane answers, or with another status. */
async function ask(
  service: string,
  path: string,
  status: number,
  request: RequestInit = {},
): Promise<unknown> {
  const signal = AbortSignal.timeout(requestTimeoutMs)
  const response = await fetch(`${urls[service]}${path}`, { ...request, signal })
  const text = await response.text()
  const plane = response.headers.get('x-shop-plane')
  if (plane !== 'preview') {
    throw new WrongPlane(`${service}${path} was answered by the plane ${plane}, not by preview`)
  }
  if (response.status !== status) throw new Error(`${response.status} ${text.slice(0, 200)}`)
  return JSON.parse(text)
}

/** Ends the test at once, because the order may be a real one. */
class WrongPlane extends Error {}

/** Retries until `attempt` is done. After `until`, throws `otherwise` with the last answer. */
async function eventually<T>(
  until: number,
  otherwise: string,
  attempt: () => Promise<{ done: T } | { instead: unknown }>,
): Promise<T> {
  for (;;) {
    let last: string
    try {
      const outcome = await attempt()
      if ('done' in outcome) return outcome.done
      last = JSON.stringify(outcome.instead)
    } catch (error) {
      if (error instanceof WrongPlane) throw error
      const { message, cause } = error as Error
      last = cause instanceof Error ? cause.message : message
    }
    if (performance.now() >= until) {
      throw new Error(`${otherwise}; after ${patienceMs / 1000} s: ${last}`)
    }
    await sleep(pollMs)
  }
}

function readUrls(): Record<string, string> {
  const value = process.env.SHOPCTL_PREVIEW_URLS
  if (value) return JSON.parse(value)
  process.stderr.write('failed: SHOPCTL_PREVIEW_URLS is not set; shopctl smoke sets it\n')
  process.exit(1)
}

/** Checked before the first order, because an order at the wrong address would be a real one. */
async function checkAddress(service: string): Promise<string> {
  const until = performance.now() + patienceMs
  await eventually(until, `${service} does not answer`, async () => ({
    done: await ask(service, '/healthz', 200),
  }))
  return `${service} answers in the preview plane`
}

/** Waits for all, prints their results, and returns whether all have passed. */
async function report(running: Promise<string>[]): Promise<boolean> {
  const outcomes = await Promise.allSettled(running)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') process.stderr.write(`failed: ${outcome.reason.message}\n`)
    else process.stdout.write(`ok: ${outcome.value}\n`)
  }
  return outcomes.every(({ status }) => status === 'fulfilled')
}

const services = ['order', 'inventory', 'payment', 'notification']
const passed = (await report(services.map(checkAddress))) && (await report(scenarios.map(check)))
process.exitCode = passed ? 0 : 1
