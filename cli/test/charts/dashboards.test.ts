// The dashboards for Grafana: what is written is what the code says, and what it asks for exists.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMetrics } from '@shop/kernel/metrics'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { files, folder } from '../../../charts/observability/dashboards/build.ts'
import { burnRate, limits, promises } from '../../../charts/observability/dashboards/limits.ts'
import { createOrderMetrics } from '../../../services/order/metrics.ts'
import { createPaymentMetrics } from '../../../services/payment/metrics.ts'
import {
  type Dashboard,
  metricsOf,
  queriesOf,
  readDashboards,
  substitute,
} from '../fakes/dashboard-queries.ts'
import { charts, type KubernetesObject, render } from './helm.ts'

const values = {
  environment: 'local',
  namespace: 'shop',
  service: 'order|payment',
  __interval: '15s',
  __rate_interval: '1m',
  __range: '1h',
}
const dashboards = readDashboards()
const queries = dashboards.flatMap((dashboard) => queriesOf(dashboard, values))

/** By the job that has them. The names are those of RabbitMQ 4.0, of the exporters' versions in values.yaml, of cAdvisor. */
const ofOthers = {
  rabbitmq: [
    'rabbitmq_disk_space_available_bytes',
    'rabbitmq_disk_space_available_limit_bytes',
    'rabbitmq_global_messages_acknowledged_total',
    'rabbitmq_global_messages_delivered_total',
    'rabbitmq_global_messages_received_total',
    'rabbitmq_global_messages_redelivered_total',
    'rabbitmq_process_resident_memory_bytes',
    'rabbitmq_resident_memory_limit_bytes',
  ],
  'rabbitmq-queues': [
    'rabbitmq_detailed_queue_consumers',
    'rabbitmq_detailed_queue_messages_ready',
    'rabbitmq_detailed_queue_messages_unacked',
  ],
  postgres: [
    'pg_database_size_bytes',
    'pg_settings_max_connections',
    'pg_stat_database_numbackends',
    'pg_stat_database_xact_commit',
    'pg_stat_database_xact_rollback',
  ],
  node: [
    'node_cpu_seconds_total',
    'node_filesystem_avail_bytes',
    'node_filesystem_size_bytes',
    'node_memory_MemAvailable_bytes',
    'node_memory_MemTotal_bytes',
  ],
  cadvisor: ['container_cpu_usage_seconds_total', 'container_memory_working_set_bytes'],
  'kube-state-metrics': [
    'kube_deployment_spec_replicas',
    'kube_deployment_status_replicas_ready',
    'kube_pod_container_status_restarts_total',
    'kube_service_annotations',
    'kube_service_labels',
    'kube_statefulset_replicas',
    'kube_statefulset_status_replicas_ready',
  ],
}

/** As Prometheus names them: a histogram is three. */
async function metricsOfServices(): Promise<string[]> {
  const identity = { service: 's', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
  const { registry, of } = createMetrics(identity)
  createOrderMetrics(of('live'))
  createPaymentMetrics(of('live'))
  const found = await registry.getMetricsAsJSON()
  const endings = ['', '_bucket', '_count', '_sum']
  return found.flatMap(({ name }) => endings.map((ending) => `${name}${ending}`))
}

describe('the files', () => {
  it.each(files)('$name is what `npm run dashboards` writes', ({ name, text }) => {
    expect(readFileSync(join(folder, name), 'utf8')).toBe(text)
  })

  it('are all', () => {
    expect(dashboards.map(({ uid }) => uid).sort()).toEqual([
      'infrastructure',
      'messaging',
      'release',
      'shop',
    ])
  })

  it('have at most 14 panels each, which say what they show', () => {
    for (const { uid, panels } of dashboards) {
      const shown = panels.filter(({ targets }) => targets)
      expect(shown.length, uid).toBeLessThanOrEqual(14)
      for (const panel of shown)
        expect(panel, uid).toMatchObject({
          description: expect.stringMatching(/\.$/),
          datasource: { type: 'prometheus', uid: '$datasource' },
          fieldConfig: { defaults: { unit: expect.any(String) } },
        })
    }
  })

  it('fill each line of the grid', () => {
    for (const { uid, panels } of dashboards) {
      const lines = new Map<number, number>()
      for (const { gridPos } of panels as unknown as { gridPos: { y: number; w: number } }[])
        lines.set(gridPos.y, (lines.get(gridPos.y) ?? 0) + gridPos.w)
      expect([...lines.values()], uid).toEqual([...lines.keys()].map(() => 24))
    }
  })

  it('draw the limits that are the defaults of the chart', () => {
    const chart = parse(readFileSync(join(charts, 'observability/values.yaml'), 'utf8'))
    expect(chart).toMatchObject({ alerts: limits, slos: promises })
    const factors = chart.slos.windows.map(({ factor }: { factor: number }) => factor)
    expect(Math.min(...factors)).toBe(burnRate)
  })
})

describe('the queries', () => {
  it('ask for series that the services have', async () => {
    const known = new Set([...(await metricsOfServices()), ...Object.values(ofOthers).flat()])
    const asked = queries.flatMap(({ expr }) => metricsOf(expr))
    expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([])
  })

  it('ask for all of the others that stand in the list', () => {
    const asked = new Set(queries.flatMap(({ expr }) => metricsOf(expr)))
    const idle = Object.values(ofOthers).flatMap((names) => names.filter((one) => !asked.has(one)))
    expect(idle).toEqual([])
  })

  it('mark the releases on every dashboard', () => {
    const marked = queries.filter(({ place }) => place === 'Releases')
    expect(marked.map(({ dashboard }) => dashboard).sort()).toEqual(
      dashboards.map(({ uid }) => uid).sort(),
    )
  })
})

describe('queriesOf', () => {
  const dashboard: Dashboard = {
    uid: 'one',
    panels: [
      { title: 'A row' },
      {
        title: 'Rate',
        targets: [
          { expr: 'rate(a{e="$environment"}[$__rate_interval])' },
          { expr: 'b', instant: true },
        ],
      },
    ],
    annotations: { list: [{ name: 'Releases', target: { expr: 'c offset $__interval' } }] },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus' },
        {
          name: 'service',
          type: 'query',
          query: { query: 'label_values(d{e="$environment"}, service)' },
        },
      ],
    },
  }

  it('lists panels, annotations and variables', () => {
    expect(queriesOf(dashboard, values)).toEqual([
      { dashboard: 'one', place: 'Rate', expr: 'rate(a{e="local"}[1m])', isInstant: false },
      { dashboard: 'one', place: 'Rate', expr: 'b', isInstant: true },
      { dashboard: 'one', place: 'Releases', expr: 'c offset 15s', isInstant: false },
      {
        ...{ dashboard: 'one', place: '$service', isInstant: true },
        expr: 'count by (service) (d{e="local"})',
      },
    ])
  })

  it('refuses another kind of variable', () => {
    const list = [{ name: 'x', type: 'query', query: 'query_result(up)' }]
    expect(() => queriesOf({ ...dashboard, templating: { list } }, values)).toThrow(
      'not a query for the values of a label: query_result(up)',
    )
  })
})

describe('substitute', () => {
  it.each([
    ['a[$__range]', 'a[1h]'],
    ['a{s=~"($service)([.]dead)?"}', 'a{s=~"(order|payment)([.]dead)?"}'],
    ['a', 'a'],
  ])('%s', (expr, expected) => {
    expect(substitute(expr, values)).toBe(expected)
  })

  it('refuses a variable without a value', () => {
    expect(() => substitute('a{b="$unknown"}', values)).toThrow('$unknown has no value')
  })
})

describe('metricsOf', () => {
  it.each([
    ['sum by (le, some_label) (rate(a_total{some_label="b_c"}[1m]))', ['a_total']],
    ['1 - b_bytes / a_bytes', ['a_bytes', 'b_bytes']],
    ['min_over_time(a_b[5m]) unless on (some_label) c_d offset 5s', ['a_b', 'c_d']],
    ['histogram_quantile(0.5, sum by (le) (rate(a_bucket[1m])))', ['a_bucket']],
  ])('%s', (expr, expected) => {
    expect(metricsOf(expr)).toEqual(expected)
  })
})

describe('the chart', () => {
  const rendered = (values: object): Promise<KubernetesObject[]> =>
    render({ chart: 'observability', release: 'observability', values })

  it.each([true, false])('ships each dashboard (operator: %s)', async (operator) => {
    const objects = (await rendered({ operator })).filter(
      ({ metadata }) => metadata.labels?.grafana_dashboard === '1',
    )
    const shipped = objects.flatMap(({ data }) => Object.entries(data as Record<string, string>))
    expect(Object.fromEntries(shipped)).toEqual(
      Object.fromEntries(files.map(({ name, text }) => [name, text])),
    )
    for (const [, text] of shipped) expect(text.length).toBeLessThan(2 ** 20)
  })

  const prometheus = {
    name: 'Prometheus of the shop',
    uid: 'shop-prometheus',
    type: 'prometheus',
    access: 'proxy',
    url: 'http://prometheus.shop:9090',
    jsonData: { httpMethod: 'POST', timeInterval: '15s' },
  }
  const loki = {
    name: 'Logs of the shop',
    uid: 'shop-logs',
    type: 'loki',
    access: 'proxy',
    url: 'http://loki:3100',
  }
  // Grafana makes one $ of two.
  const url = 'https://traces.example/trace/$$' + '{__value.raw}'
  const traces = 'https://traces.example/trace'
  const endpoint = 'http://loki:3100/otlp/v1/logs'

  it.each([
    ['its Prometheus', {}, [prometheus]],
    ['no Prometheus of an operator', { operator: true }, []],
    ['Loki', { operator: true, logs: { endpoint } }, [loki]],
    ['no store that is no Loki', { operator: true, logs: { store: true, endpoint } }, []],
    [
      'traces',
      { logs: { endpoint }, traces },
      [
        {
          ...prometheus,
          jsonData: {
            ...prometheus.jsonData,
            exemplarTraceIdDestinations: [{ name: 'trace_id', url, urlDisplayLabel: 'Trace' }],
          },
        },
        {
          ...loki,
          jsonData: {
            derivedFields: [{ name: 'Trace', matcherType: 'label', matcherRegex: 'trace_id', url }],
          },
        },
      ],
    ],
  ])('tells Grafana of %s', async (_, values, expected) => {
    const objects = (await rendered(values)).filter(
      ({ metadata }) => metadata.labels?.grafana_datasource === '1',
    )
    const texts = objects.flatMap(({ data }) => Object.values(data as Record<string, string>))
    expect(texts.flatMap((text) => parse(text).datasources)).toEqual(expected)
  })
})
