// The real Prometheus keeps the contract of Metrics, and its mistakes are named.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPrometheus } from '../../src/adapters/prometheus/prometheus.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { metricsContract } from '../fakes/metrics-contract.ts'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

const environment = 'local'
const green = { environment, service: 'order', color: 'green', version: 'v-b' }
const blue = { ...green, color: 'blue', version: 'v-a' }
const others = { ...green, environment: 'test' }

function record(name: string, expr: string, labels: Record<string, string>) {
  return { record: `slot:${name}`, expr, labels }
}

/** As a pod of the live plane has it. */
function gauge(name: string, value: number, labels: Record<string, string>) {
  return { record: name, expr: `vector(${value})`, labels: { plane: 'live', ...labels } }
}

function alert(name: string, labels: Record<string, string>, annotations = {}, expr = 'vector(1)') {
  return { alert: name, expr, labels, annotations }
}

/** Fires in the first seconds only. Prometheus begins to scrape after five. */
const over = 'max(prometheus_rule_group_iterations_total) < 15'

/** Rules that have what the contract expects, and what it must not find. The text is JSON, which is YAML too. */
const rules = [
  record('http_requests:rate1m', 'vector(20)', green),
  record('http_errors:rate1m', 'vector(5)', green),
  record('http_request_duration_seconds:p99_1m', 'vector(0.25)', green),
  record('http_requests:rate1m', 'vector(0)', blue),
  // As the quantile of no requests.
  record('http_request_duration_seconds:p99_1m', 'vector(0) / 0', blue),
  record('http_requests:rate1m', 'vector(7)', others),
  gauge('slot_consuming', 1, { ...green, pod: 'a' }),
  gauge('slot_consuming', 1, { ...green, pod: 'b' }),
  gauge('slot_consuming', 0, blue),
  gauge('slot_consuming', 5, others),
  gauge('slot_consuming', 6, { ...green, service: 'payment' }),
  gauge('gate_epoch', 8, green),
  gauge('rabbitmq_detailed_queue_messages_ready', 37, { environment, queue: 'order', vhost: '/' }),
  gauge('rabbitmq_detailed_queue_messages_ready', 9, {
    ...{ environment, queue: 'order.dead', vhost: '/' },
  }),
  gauge('messages_waiting_oldest_age_seconds', 1.5, green),
  gauge('messages_waiting_oldest_age_seconds', 0.5, blue),
  // Its annotations have the labels of the series.
  alert(
    'SlotFails',
    { severity: 'critical', release: 'r-2' },
    {
      summary: '{{ $labels.service }} {{ $labels.color }} fails',
      command: 'shopctl rollback --env {{ $labels.environment }}',
    },
    `slot:http_errors:rate1m{environment="${environment}"} > 0`,
  ),
  alert('CpuHigh', { environment, severity: 'warning' }, { summary: 'The processors are busy' }),
  alert(
    'DiskFull',
    { environment: 'cluster', severity: 'critical' },
    { summary: 'The disk of node-1 is full' },
  ),
  alert('Watchdog', { environment, severity: 'none' }),
  alert('SlotFails', { ...others, severity: 'critical' }),
  alert('Well', { environment, severity: 'critical' }, {}, 'vector(1) > 1'),
  { ...alert('Soon', { environment, severity: 'critical' }), for: '1h' },
  { ...alert('Over', { environment, severity: 'critical' }, {}, over), keep_firing_for: '1h' },
]

const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
const stop = new AbortController()
let serving: Promise<unknown> = Promise.resolve()
let base = ''

async function get(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${base}${path}`)
  return { status: response.status, text: await response.text() }
}

beforeAll(async () => {
  const programs = await prometheusPrograms()
  const server = createServer()
  const address = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  base = `http://${address}`
  mkdirSync(join(folder, 'data'))
  const groups = [{ name: 'slots', interval: '1s', rules }]
  writeFileSync(join(folder, 'rules.yaml'), JSON.stringify({ groups }))
  const own = { job_name: 'own', static_configs: [{ targets: [address], labels: { environment } }] }
  const config = {
    ...{ global: { scrape_interval: '1s' }, rule_files: ['rules.yaml'] },
    scrape_configs: [own],
  }
  writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(config))
  const args = [
    `--config.file=${join(folder, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
    '--query.max-samples=3000',
  ]
  serving = createShell()
    .run({ program: join(programs, 'prometheus'), args, signal: stop.signal })
    .catch(() => {})
  await until('its rules are evaluated', async () => {
    const { text } = await get('/api/v1/alerts').catch(() => ({ text: '' }))
    return ['CpuHigh', 'Soon', 'keepFiringSince'].every((word) => text.includes(word))
  })
}, 300_000)

afterAll(async () => {
  stop.abort()
  await serving
  rmSync(folder, { recursive: true })
})

function metricsOf(env: string, path: (path: string) => string = (path) => path) {
  const warnings: string[] = []
  const warn = (problem: string) => void warnings.push(problem)
  return { metrics: createPrometheus({ ask: (asked) => get(path(asked)), env, warn }), warnings }
}

describe('a real Prometheus', () => {
  metricsContract(async () => metricsOf(environment).metrics)

  it('sees an environment from its first target on', async () => {
    await until('it reads its target', async () => {
      const { metrics, warnings } = metricsOf(environment)
      await metrics.checkCoverage()
      return warnings.length === 0
    })
    const { metrics, warnings } = metricsOf('production')
    await metrics.checkCoverage()
    expect(warnings).toEqual([expect.stringContaining('environment="production"')])
  })

  it('knows only what is wrong with the cluster of an environment without series', async () => {
    const { metrics, warnings } = metricsOf('production')
    expect(await metrics.firing()).toMatchObject([{ name: 'DiskFull' }])
    expect(await metrics.slots()).toEqual([])
    expect(warnings).toEqual([])
  })

  it.each<[string, string, RegExp]>([
    ['a query that it cannot read', '/api/v1/query?query={', /failed: bad_data: .*parse error/],
    [
      'a query that is too large',
      `/api/v1/query?${new URLSearchParams({ query: 'count_over_time(vector(1)[1h:1s])' })}`,
      /failed: execution: query processing would load too many samples/,
    ],
    [
      'an answer of another kind',
      `/api/v1/query?query=1`,
      /failed: it answered what no Prometheus answers/,
    ],
    ['another path', '/api/v2/query', /failed: it answered 404/],
  ])('names %s', async (_, path, expected) => {
    const { metrics, warnings } = metricsOf(environment, () => path)
    expect(await metrics.slots()).toBeNull()
    expect(warnings).toEqual([expect.stringMatching(expected)])
  })
})
