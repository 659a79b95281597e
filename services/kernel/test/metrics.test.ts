// What Prometheus gets from a pod.
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../metrics.ts'

const identity = { service: 'order', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
const slot = 'service="order",color="blue",version="v",revision="r"'
const none = { outbox: 0, outboxAge: 0, parked: 0, retrying: 0, waiting: 0, waitingAge: 0 }

/** Each line of it that begins with `name`, without the labels of the slot. */
async function shown(
  name: string,
  use: (of: (plane: 'live' | 'preview') => Metrics) => void,
): Promise<string[]> {
  const { registry, of } = createMetrics(identity, Registry.PROMETHEUS_CONTENT_TYPE)
  use(of)
  const lines = (await registry.metrics()).split('\n')
  return lines
    .filter((line) => line.startsWith(name))
    .map((line) => line.replace(`,${slot}`, '').replace(name, ''))
}

describe('the metrics of a pod', () => {
  it('have a label for its planes, in one document', async () => {
    const lines = await shown('events_published_total', (of) => {
      of('live').published.inc({ outcome: 'confirmed' }, 2)
      of('preview').published.inc({ outcome: 'confirmed' }, 1)
    })
    expect(lines).toEqual([
      '{plane="live",outcome="confirmed"} 2',
      '{plane="preview",outcome="confirmed"} 1',
    ])
  })

  it('name the slot, and nothing that grows without bound', async () => {
    const { registry, of } = createMetrics(identity)
    of('live').handler.startTimer({ type: 'a' })({ outcome: 'handled' })
    const text = await registry.metrics()
    expect(text).toMatch(new RegExp(`event_handler_duration_seconds_count{.*${slot}.*} 1`))
    expect(text).not.toMatch(/pod=/)
  })

  it('count each order once in a bucket around 10 ms', async () => {
    const lines = await shown('order_confirmation_duration_seconds_bucket', (of) => {
      of('live')
        .histogram({ name: 'order_confirmation_duration_seconds', help: '-' })
        .observe(0.009)
    })
    expect(lines.slice(0, 3)).toEqual([
      '{le="0.005",plane="live"} 0',
      '{le="0.0075",plane="live"} 0',
      '{le="0.01",plane="live"} 1',
    ])
  })

  it('are the same for both planes where a service has its own', async () => {
    const own = { name: 'orders_total', help: '-', labels: ['status'] }
    const lines = await shown('orders_total', (of) => {
      of('live').counter(own).inc({ status: 'placed' })
      of('preview').counter(own).inc({ status: 'placed' }, 3)
    })
    expect(lines).toEqual([
      '{plane="live",status="placed"} 1',
      '{plane="preview",status="placed"} 3',
    ])
  })

  it('have no counter that is none', async () => {
    const lines = await shown('nodejs_active', () => {})
    expect(lines.filter((line) => line.includes('_total'))).toEqual([])
  })
})

describe('the slot', () => {
  it('has an epoch only while it handles messages', async () => {
    let epoch: number | null = 7
    const { registry, of } = createMetrics(identity)
    of('live').slot.read(() => ({ live: true, consuming: epoch !== null, epoch }))
    const first = await registry.metrics()
    expect(first).toContain(`slot_live{plane="live",${slot}} 1`)
    expect(first).toContain(`slot_consuming{plane="live",${slot}} 1`)
    expect(first).toContain(`gate_epoch{plane="live",${slot}} 7`)
    epoch = null
    const then = await registry.metrics()
    expect(then).toContain(`slot_consuming{plane="live",${slot}} 0`)
    expect(then).not.toContain('gate_epoch{')
  })

  it('does not say that it is on standby before the API server has answered', async () => {
    const use = (of: (plane: 'live') => Metrics): void =>
      of('live').slot.read(() => ({ live: null, consuming: true, epoch: 7 }))
    expect(await shown('slot_live', use)).toEqual([])
    expect(await shown('slot_consuming', use)).toEqual(['{plane="live"} 1'])
  })
})

describe('what is stored', () => {
  it('is asked for once for all its metrics', async () => {
    let asked = 0
    const lines = await shown('outbox_', (of) =>
      of('live').stored.read({
        query: async () => {
          asked += 1
          return [{ ...none, outbox: 3, outboxAge: 1.5 }] as never
        },
      }),
    )
    expect(lines).toEqual(['events{plane="live"} 3', 'oldest_event_age_seconds{plane="live"} 1.5'])
    expect(asked).toBe(1)
  })

  it.each<[string, () => Promise<never>]>([
    ['away', () => Promise.reject(new Error('away'))],
    ['silent', () => new Promise(() => {})],
  ])('is left out while the database is %s, and the others are not', async (_, query) => {
    const use = (of: (plane: 'live') => Metrics): void => {
      of('live').stored.read({ query })
      of('live').login.set('database', 0)
    }
    expect(await shown('messages_parked', use)).toEqual([])
    expect(await shown('new_login_ok', use)).toEqual(['{plane="live",server="database"} 0'])
  })
})

it('lead from a bucket to a request', async () => {
  const { registry, of } = createMetrics(identity)
  const labels = { method: 'GET', route: '/orders/:id', status: 200 }
  of('live').http.observe(labels, 0.009, '4bf92f3577b34da6a3ce929d0e0e4736')
  const text = await registry.metrics()
  expect(text).toMatch(/le="0.01".* # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.009 /)
  expect(text.endsWith('# EOF\n')).toBe(true)
})
