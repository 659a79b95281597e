import { execFile } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as inventory from '@shop/inventory/routes'
import { createHttp, type HttpServer } from '@shop/kernel/http'
import { untraced } from '@shop/kernel/spans'
import * as notification from '@shop/notification/routes'
import { createOrderMetrics } from '@shop/order/metrics'
import * as order from '@shop/order/routes'
import * as payment from '@shop/payment/routes'
import { describe, expect, it, onTestFinished } from 'vitest'
import { identity, logger, metrics, newId, openOutbox } from './infrastructure.ts'
import { createShop, type ServiceName, type Shop, slot } from './shop.ts'

const script = fileURLToPath(new URL('../shop/smoke.ts', import.meta.url))
const run = promisify(execFile)

/** Runs the script like shopctl. */
async function smoke(urls: Record<string, string>): Promise<{ code: number; output: string }> {
  const env = { ...process.env, SHOPCTL_PREVIEW_URLS: JSON.stringify(urls) }
  try {
    const { stdout } = await run(process.execPath, [script], { env })
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

/** The shop's preview plane over HTTP, on loopback. */
async function serve(shop: Shop, plane: 'live' | 'preview' = 'preview') {
  const { databases, provider } = shop
  const outbox = openOutbox(databases.order)
  const routes: Record<ServiceName, (app: HttpServer) => void> = {
    order: (app) =>
      order.routes(app, {
        ...{ database: databases.order, outbox, newId, slot, placedVersion: 'v2' },
        ...{ metrics: createOrderMetrics(metrics), logger },
      }),
    inventory: (app) => inventory.routes(app, { database: databases.inventory }),
    payment: (app) => payment.routes(app, { database: databases.payment, provider }),
    notification: (app) =>
      notification.routes(app, { database: databases.notification, plane: 'preview' }),
  }
  const urls: Record<string, string> = {}
  for (const [name, add] of Object.entries(routes)) {
    const app = createHttp({
      identity,
      plane,
      logger,
      metrics,
      tracer: untraced,
      keepAlive: () => true,
    })
    app.after(() => add(app))
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    urls[name] = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  }
  return urls
}

/** Delivers pending messages until the end of the test. */
function keepDelivering(shop: Shop): void {
  let open = true
  async function loop(): Promise<void> {
    while (open) {
      await shop.collect()
      for (const delivery of shop.pending.splice(0)) {
        await shop.deliver(delivery).catch(() => shop.pending.push(delivery))
      }
      await sleep(20)
    }
  }
  const ended = loop()
  onTestFinished(() => {
    open = false
    return ended
  })
}

describe('the smoke test of the whole shop', () => {
  it('passes when all works, and leaves nothing open', async () => {
    const shop = await createShop()
    keepDelivering(shop)
    const { code, output } = await smoke(await serve(shop))
    expect(output.split('\n').filter((line) => !line.includes('answers'))).toEqual([
      'ok: a paid order is confirmed, in all services',
      'ok: a declined order is cancelled, in all services',
      'ok: an order of an unknown SKU is rejected, in all services',
      '',
    ])
    expect(code).toBe(0)
    expect((await shop.stock()).map(({ reserved }) => reserved)).toEqual([0, 0, 0, 0])
  })

  it('fails within its time limit, and names the service that has not acted', async () => {
    const shop = await createShop({
      mailer: (sink) => ({ ...sink, send: async () => {} }),
    })
    keepDelivering(shop)
    const { code, output } = await smoke(await serve(shop))
    expect(code).toBe(1)
    expect(output).toMatch(
      /failed: a paid order \(\S+\): notification should answer \[\{"to":"smoke-.*; after 10 s: \[\]/,
    )
  })

  it('places no order when another plane answers', async () => {
    const shop = await createShop()
    const { code, output } = await smoke(await serve(shop, 'live'))
    expect(code).toBe(1)
    expect(output).toContain('order/healthz was answered by the plane live, not by preview')
    expect(await shop.databases.order.query('SELECT id FROM orders')).toEqual([])
  })

  it('names the service that does not answer', async () => {
    const urls = { ...(await serve(await createShop())), payment: 'http://127.0.0.1:65533' }
    const { code, output } = await smoke(urls)
    expect(code).toBe(1)
    expect(output).toMatch(/failed: payment does not answer; after 10 s: /)
  })
})
