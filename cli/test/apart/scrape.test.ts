// What Prometheus itself reads of a pod: names, types and the traces behind the buckets.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createMetrics } from '../../../services/kernel/metrics.ts'
import { createOrderMetrics } from '../../../services/order/metrics.ts'
import { createPaymentMetrics } from '../../../services/payment/metrics.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

const identity = { service: 'order', color: 'blue', version: 'v1', revision: 'r1', pod: 'order-0' }
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

/** Every metric of the services, with a value. */
function observed(contentType?: Parameters<typeof createMetrics>[1]) {
  const { registry, of } = createMetrics(identity, contentType)
  const live = of('live')
  live.http.observe({ method: 'POST', route: '/orders', status: 202 }, 0.009, traceId)
  live.handler.startTimer({ type: 'order.placed.v2' })({ outcome: 'handled' }, traceId)
  live.published.inc({ outcome: 'confirmed' }, 3)
  live.publishDelay.observe(0.004)
  live.login.set('database', 1)
  live.slot.read(() => ({ live: true, consuming: true, epoch: 7 }))
  live.pool.read('work', () => ({ idle: 1, used: 2, waiting: 0 }))
  const stored = { outbox: 1, outboxAge: 2, parked: 3, retrying: 4, waiting: 5, waitingAge: 6 }
  live.stored.read({ query: async () => [stored] as never })
  const orders = createOrderMetrics(live)
  orders.placed()
  orders.decided('confirmed', 0.7, traceparent)
  const payment = { id: 'p', orderId: 'o', status: 'intended', reason: null } as const
  const amount = { value: 1_200, currency: 'EUR' }
  const captured = { status: 'captured', reason: null, events: [] } as const
  createPaymentMetrics(live).ended({ ...payment, amount }, { ...captured, events: [] })
  return registry
}

const pod = createServer(async (_request, response) => {
  const { contentType } = registry
  response.writeHead(200, { 'content-type': contentType }).end(await registry.metrics())
})
const registry = observed()
let programs: string
let folder: string
let prometheus: ChildProcess
let url: string

beforeAll(async () => {
  programs = await prometheusPrograms()
  folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
  pod.listen(0, '127.0.0.1')
  await once(pod, 'listening')
  const target = `127.0.0.1:${(pod.address() as AddressInfo).port}`
  const job = `{ job_name: shop, honor_labels: true, static_configs: [{ targets: ['${target}'] }] }`
  const config = `global: { scrape_interval: 1s }\nscrape_configs: [${job}]\n`
  await writeFile(join(folder, 'prometheus.yml'), config)
  const address = `127.0.0.1:${await freePort()}`
  url = `http://${address}`
  prometheus = spawn(join(programs, 'prometheus'), [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=${address}`,
    '--enable-feature=exemplar-storage',
    '--log.level=error',
  ])
  await vi.waitFor(async () => expect(await query('up')).toEqual([1]), 60_000)
})

afterAll(async () => {
  pod.close()
  pod.closeAllConnections()
  if (prometheus?.kill()) await once(prometheus, 'exit')
  await rm(folder, { recursive: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
  return ((await response.json()) as { data: T }).data
}

/** The values of the series. Empty while Prometheus starts. */
async function query(expression: string): Promise<number[]> {
  const found = ask<{ result: { value: [number, string] }[] }>('query', { query: expression })
  const { result } = await found.catch(() => ({ result: [] }))
  return result.map(({ value }) => Number(value[1]))
}

it.each([
  ['http_request_duration_seconds_count{method="POST",route="/orders",status="202"}', 1],
  ['http_request_duration_seconds_bucket{le="0.0075"}', 0],
  ['http_request_duration_seconds_bucket{le="0.01"}', 1],
  ['event_handler_duration_seconds_count{type="order.placed.v2",outcome="handled"}', 1],
  ['events_published_total{outcome="confirmed"}', 3],
  ['event_publish_delay_seconds_count', 1],
  ['new_login_ok{server="database"}', 1],
  ['slot_live', 1],
  ['slot_consuming', 1],
  ['gate_epoch', 7],
  ['database_connections{pool="work",state="used"}', 2],
  ['outbox_events', 1],
  ['outbox_oldest_event_age_seconds', 2],
  ['messages_parked', 3],
  ['messages_retrying', 4],
  ['messages_waiting', 5],
  ['messages_waiting_oldest_age_seconds', 6],
  ['orders_total{status="placed"}', 1],
  // The promise of an order that is confirmed within a second.
  ['order_confirmation_duration_seconds_bucket{le="0.5"}', 0],
  [
    'order_confirmation_duration_seconds_bucket{le="1"} or order_confirmation_duration_seconds_bucket{le="1.0"}',
    1,
  ],
  ['payments_total{status="captured"}', 1],
  ['payments_minor_units_total{currency="EUR"}', 1_200],
])('%s is %d, with the labels of the slot', async (series, value) => {
  expect(await query(series)).toEqual([value])
  const slot = '{plane="live",service="order",color="blue",version="v1",revision="r1"}'
  expect(
    await query(`(${series}) * on(plane, service, color, version, revision) group_left
    group by(plane, service, color, version, revision) (slot_live${slot})`),
  ).toEqual([value])
})

it('has the type that the name says, for each metric', async () => {
  const metadata = await ask<Record<string, { type: string; help: string }[]>>('metadata')
  const names = await ask<string[]>('label/__name__/values', { 'match[]': '{service="order"}' })
  expect(Object.keys(metadata).length).toBeGreaterThan(40)
  for (const [name, [first]] of Object.entries(metadata)) {
    expect(first?.type, name).toMatch(/^(counter|gauge|histogram)$/)
    expect(first?.help, name).not.toBe('')
  }
  const counters = names.filter((name) => name.endsWith('_total'))
  expect(counters).toContain('events_published_total')
  for (const name of names) expect(name).not.toMatch(/_total_total$/)
  // In OpenMetrics, the name of a counter has no ending, and its series have.
  for (const name of counters)
    expect(metadata[name.replace(/_total$/, '')]?.[0]?.type).toBe('counter')
})

it.each([
  'http_request_duration_seconds_bucket',
  'event_handler_duration_seconds_bucket',
  'order_confirmation_duration_seconds_bucket',
])('leads from %s to a trace', async (query) => {
  const times = { start: '0', end: String(Date.now() / 1_000 + 60) }
  const found = await ask<{ exemplars: { labels: object }[] }[]>('query_exemplars', {
    query,
    ...times,
  })
  expect(found.flatMap(({ exemplars }) => exemplars)).toEqual([
    expect.objectContaining({ labels: { trace_id: traceId } }),
  ])
})

it('has names and units by the conventions of Prometheus', async () => {
  const input = await observed(Registry.PROMETHEUS_CONTENT_TYPE).metrics()
  const program = join(programs, 'promtool')
  const check = (text: string) =>
    createShell().run({ program, args: ['check', 'metrics'], input: text })
  expect(await check(input)).toMatchObject({ exitCode: 0, output: '' })
  const misnamed = '# HELP waits - \n# TYPE waits counter\nwaits 1\n'
  expect((await check(misnamed)).exitCode).not.toBe(0)
})
