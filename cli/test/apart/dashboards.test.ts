// The queries of the dashboards, read by Prometheus' own parser. Its own engine runs the one that marks releases.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createScratch } from '../../src/adapters/scratch.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { queriesOf, readDashboards } from '../fakes/dashboard-queries.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

const dashboards = readDashboards()

function allQueries(interval: string) {
  const values = {
    environment: 'local',
    namespace: 'shop',
    service: 'order',
    __interval: interval,
    __rate_interval: '1m',
    __range: '1h',
  }
  return dashboards.flatMap((dashboard) => queriesOf(dashboard, values))
}

/** Fails with what promtool prints. */
async function promtool(command: 'check' | 'test', document: object): Promise<string> {
  const program = join(await prometheusPrograms(), 'promtool')
  return createScratch().folder(async ({ path }) => {
    const file = join(path, 'input.yaml')
    await writeFile(file, JSON.stringify(document))
    const args = [command, 'rules', file]
    const { stdout, stderr, exitCode } = await createShell().run({ program, args })
    expect(exitCode, `${stdout}${stderr}`).toBe(0)
    return stdout
  })
}

it('understands each query', async () => {
  const queries = allQueries('15s')
  const rules = queries.map(({ expr }, index) => ({ record: `query:${index}`, expr }))
  expect(await promtool('check', { groups: [{ name: 'dashboards', rules }] })).toContain(
    `${rules.length} rules found`,
  )
})

/** Prometheus starts at 300 s and finds r-1. Then a switch, a restart of the exporter, a rollback of two services. */
const series = [
  { labels: 'kube_service_labels{namespace="shop",service="order"}', from: 300, to: 3_000 },
  { labels: release('r-1', 'order', 'one'), from: 300, to: 1_204 },
  { labels: release('r-2', 'order', 'one'), from: 1_204, to: 1_504 },
  { labels: release('r-2', 'order', 'two'), from: 1_924, to: 2_404 },
  { labels: release('r-3', 'order', 'two'), from: 2_404, to: 3_000 },
  { labels: release('r-3', 'payment', 'two'), from: 2_404, to: 3_000 },
  { labels: release('r-9', 'order', 'two').replace('shop', 'other'), from: 1_800, to: 3_000 },
]
const marks = [
  { id: 'r-2', service: 'order', at: 1_204 },
  { id: 'r-3', service: 'order', at: 2_404 },
  { id: 'r-3', service: 'payment', at: 2_404 },
]
const scrape = 4

function release(id: string, service: string, instance: string): string {
  const labels = { annotation_shopctl_dev_release: id, namespace: 'shop', service, instance }
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
  return `kube_service_annotations{${pairs.join(',')}}`
}

it.each([5, 7, 60, 300])(
  'marks each release once and within 5 s, in steps of %i s',
  async (step) => {
    const { expr } = allQueries(`${step}s`).find(({ place }) => place === 'Releases') ?? {}
    const times = Array.from({ length: Math.floor(3_000 / step) }, (_, index) => index * step)
    await promtool('test', {
      rule_files: [],
      tests: [
        {
          interval: `${scrape}s`,
          input_series: series.map(({ labels, from, to }) => ({
            series: labels,
            values: `_x${from / scrape} 1x${(to - from) / scrape - 1} stale`,
          })),
          promql_expr_test: times.map((time) => ({
            ...{ expr, eval_time: `${time}s` },
            exp_samples: marks
              .filter(({ at }) => time - step < at && at <= time)
              .map(({ id, service, at }) => ({
                labels: `{annotation_shopctl_dev_release="${id}",service="${service}"}`,
                value: Math.min(Math.ceil(at / 5) * 5, time) * 1_000,
              })),
          })),
        },
      ],
    })
  },
)
