// The targets and labels of the chart's Prometheus, with a real one. Its API server and its targets are fakes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { type KubernetesObject, pick, render } from '../charts/helm.ts'
import { until } from '../real/shop.ts'
import { own, startWithTargets } from './observability-targets.ts'
import { prometheusPrograms } from './prometheus-programs.ts'
import { type Prometheus, stopServers } from './prometheus-scene.ts'

const environments = [
  { name: 'local', namespace: 'shop' },
  { name: 'test', namespace: 'shop-test' },
]
let programs: string
let objects: KubernetesObject[]
let prometheus: Prometheus

interface Series {
  metric: Record<string, string>
}

async function query(expression: string): Promise<Series['metric'][]> {
  const found = await prometheus.get(`query?query=${encodeURIComponent(expression)}`)
  return (found as { result: Series[] }).result.map(({ metric }) => metric)
}

beforeAll(async () => {
  programs = await prometheusPrograms()
  objects = await render({
    ...{ chart: 'observability', release: 'observability' },
    values: { environments, scrape: '1s', evaluation: '1s', logs: { store: true } },
  })
  prometheus = await startWithTargets(programs, objects)
  await until('each target was read', async () => {
    const { activeTargets } = (await prometheus.get('targets')) as {
      activeTargets: { health: string }[]
    }
    return activeTargets.length > 0 && activeTargets.every(({ health }) => health !== 'unknown')
  })
})
afterAll(async () => {
  await prometheus?.stop()
  await stopServers()
})

it('finds each target once, and they all answer', async () => {
  const up = await query('up == 1')
  expect(await query('up == 0')).toEqual([])
  expect(up.map(({ job }) => job).sort()).toEqual([
    'alertmanager',
    'apiserver',
    'cadvisor',
    'cert-manager',
    'kube-state-metrics',
    'kubelet',
    'log-collector',
    'logs',
    'node',
    'postgres',
    'prometheus',
    'rabbitmq',
    'rabbitmq-queues',
    // Both slots of one environment, and one of two others. The pod that ended is none.
    ...['shop', 'shop', 'shop', 'shop'],
  ])
})

const instance = expect.stringMatching(/^127\.0\.0\.1:/)
const inShop = { environment: 'local', namespace: 'shop' }

describe('the labels', () => {
  it.each([
    [
      'of a slot are those of its pod',
      'slot_live{namespace="shop",color="green"}',
      {
        ...{ ...inShop, instance, job: 'shop', plane: 'live', version: 'v1', revision: 'abc' },
        ...{ service: 'order', color: 'green', pod: 'order-green-7d4-x1' },
      },
    ],
    [
      'of a target that is down are the same, but for the version',
      'up{job="shop",namespace="shop-test"}',
      {
        ...{ environment: 'test', namespace: 'shop-test', instance, job: 'shop', revision: 'abc' },
        ...{ service: 'order', color: 'blue', pod: 'order-blue-7d4-x1' },
      },
    ],
    [
      'of a queue have its name',
      'rabbitmq_detailed_queue_messages_ready',
      {
        ...inShop,
        instance,
        job: 'rabbitmq-queues',
        pod: 'rabbitmq-0',
        vhost: '/',
        queue: 'order',
      },
    ],
    [
      'of the CPU time are those of the pod and its slot',
      'container_cpu_usage_seconds_total{pod=~"order.+"} == 3',
      {
        cpu: 'total',
        ...{ ...inShop, instance: 'node-1', job: 'cadvisor', pod: 'order-green-7d4-x1' },
        ...{ service: 'order', color: 'green' },
      },
    ],
    [
      'of a pod without a slot are those of the pod',
      'container_cpu_usage_seconds_total{pod!~"order.+"}',
      { ...inShop, instance: 'node-1', job: 'cadvisor', pod: 'postgres-0', cpu: 'total' },
    ],
    [
      'of an object say nothing of the pod that reports it',
      'kube_service_annotations',
      {
        ...{ ...inShop, instance: 'kube-state-metrics', job: 'kube-state-metrics' },
        ...{ service: 'order', annotation_shopctl_dev_release: 'r-41' },
      },
    ],
    [
      'of a volume are those of its namespace',
      'kubelet_volume_stats_available_bytes',
      {
        ...{ environment: 'test', namespace: 'shop-test', instance: 'node-1', job: 'kubelet' },
        persistentvolumeclaim: 'data',
      },
    ],
    [
      'of a certificate are those of its own namespace',
      'certmanager_certificate_expiration_timestamp_seconds',
      {
        ...{ environment: 'test', namespace: 'shop-test', name: 'edge' },
        ...{ instance, job: 'cert-manager', pod: 'cert-manager-5f-x1' },
      },
    ],
    [
      'of a node are those of the cluster',
      'node_load1',
      {
        ...{ environment: 'cluster', instance: 'node-1', job: 'node' },
        ...{ namespace: own, pod: 'node-exporter-0' },
      },
    ],
  ])('%s', async (_, expression, labels) => {
    const found = await query(expression)
    expect(found.map(({ __name__, ...rest }) => rest)).toEqual([labels])
  })

  it.each([
    ['slot_live{namespace="other"}', 'other'],
    ['kube_pod_info', 'other'],
    ['kube_node_info', 'cluster'],
    ['kubelet_running_pods', 'cluster'],
    ['apiserver_request_total', 'cluster'],
  ])('of %s name the environment %s', async (expression, environment) => {
    expect(await query(expression)).toEqual([expect.objectContaining({ environment })])
  })
})

it.each([
  ['erlang_vm_allocators', 'rabbitmq_connections'],
  ['pg_settings_work_mem_bytes', 'pg_settings_max_connections'],
  ['kubelet_http_requests_total', 'kubelet_running_pods'],
  ['container_tasks_state', 'container_cpu_usage_seconds_total'],
  ['apiserver_request_duration_seconds_bucket', 'apiserver_request_total'],
  ['go_threads', 'prometheus_tsdb_head_series'],
])('does not keep %s, but %s', async (dropped, kept) => {
  expect(await query(dropped)).toEqual([])
  expect(await query(kept)).not.toEqual([])
})

it('gives the rules what they need to know of a release', async () => {
  const found = () => query('service:live_slot:info{environment="local",release!=""}')
  await until('the rules were evaluated', async () => (await found()).length > 0)
  expect(await found()).toEqual([
    expect.objectContaining({ service: 'order', color: 'blue', release: 'r-41' }),
  ])
})

it('passes promtool as it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'))
  try {
    const file = join(folder, 'prometheus.yml')
    const data = pick(objects, 'ConfigMap', 'prometheus').data as Record<string, string>
    writeFileSync(file, data['prometheus.yml'] ?? '')
    const args = ['check', 'config', '--lint-fatal', '--syntax-only', file]
    const output = await createShell().check({ program: join(programs, 'promtool'), args })
    expect(output).toContain('SUCCESS')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
