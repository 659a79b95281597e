// Simulated customers with keep-alive connections. Each places an order and reads it, again and again until stopped.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'

/** One HTTP exchange. `status` is 0 when there was no answer, and `error` says why. */
export interface Exchange {
  at: number
  method: 'GET' | 'POST'
  status: number
  color: string
  version: string
  error?: string
}

export interface Order {
  id: string
  status: 'placed' | 'reserved' | 'confirmed' | 'rejected' | 'cancelled'
  /** The slot that settled the order. */
  settledBy: { color: string; version: string } | null
}

export interface Shoppers {
  readonly exchanges: readonly Exchange[]
  /** The ids of the orders that were accepted with 202. */
  readonly placed: readonly string[]
  /** Stops after each customer's current exchange. */
  stop(): Promise<void>
}

const final = new Set(['confirmed', 'rejected', 'cancelled'])

/** `url` is the base of the order API. Each of `clients` sends about one request per `pauseMs`. */
export function startShoppers(url: string, { clients = 8, pauseMs = 100 } = {}): Shoppers {
  const exchanges: Exchange[] = []
  const placed: string[] = []
  let open = true

  const exchange = async (
    client: Client,
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<Partial<Order>> => {
    try {
      const answer = await client.request({
        method,
        path,
        ...(body && {
          headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
          body: JSON.stringify(body),
        }),
      })
      const text = await answer.body.text()
      exchanges.push({
        at: Date.now(),
        method,
        status: answer.statusCode,
        color: String(answer.headers['x-shop-color']),
        version: String(answer.headers['x-shop-version']),
      })
      return answer.statusCode < 300 ? (JSON.parse(text) as Order) : {}
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      exchanges.push({
        at: Date.now(),
        method,
        status: 0,
        color: 'none',
        version: 'none',
        error: why,
      })
      return {}
    }
  }

  const customer = async (n: number): Promise<void> => {
    const client = new Client(url, {
      connectTimeout: 5_000,
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
    })
    await sleep((pauseMs * n) / clients)
    while (open) {
      const order = await exchange(client, 'POST', '/orders', {
        items: [{ sku: 'mug', quantity: 1 }],
        customer: { email: `shopper-${n}@example.com` },
        payment: { token: 'tok_ok' },
      })
      if (order.id) placed.push(order.id)
      await sleep(pauseMs)
      if (order.id) await exchange(client, 'GET', `/orders/${order.id}`)
      await sleep(pauseMs)
    }
    await client.close()
  }

  const customers = Array.from({ length: clients }, (_, n) => customer(n))
  return {
    exchanges,
    placed,
    async stop() {
      open = false
      await Promise.all(customers)
    },
  }
}

/** Reads orders until all are settled, or for `timeoutMs`. Resolves with their last state. */
export async function settle(
  url: string,
  ids: readonly string[],
  timeoutMs = 30_000,
): Promise<Order[]> {
  const client = new Client(url, { pipelining: 1 })
  const orders = new Map<string, Order>()
  const deadline = Date.now() + timeoutMs
  let waiting = [...ids]
  while (waiting.length > 0 && Date.now() < deadline) {
    for (const id of waiting) {
      const answer = await client.request({ method: 'GET', path: `/orders/${id}` })
      const order = (await answer.body.json()) as Order
      if (answer.statusCode === 200) orders.set(id, order)
    }
    waiting = waiting.filter((id) => !final.has(orders.get(id)?.status ?? ''))
    if (waiting.length > 0) await sleep(200)
  }
  await client.close()
  return [...orders.values()]
}
