// Targets of each kind for the Prometheus of charts/observability, and the objects by which it finds them.
import { join } from 'node:path'
import type { KubernetesObject } from '../charts/helm.ts'
import { type Prometheus, serve, serveObjects, startPrometheus } from './prometheus-scene.ts'

// The release is in the namespace `shop`, where the tests render all charts.
export const own = 'shop'

interface Pod {
  name: string
  namespace: string
  app: string
  port: { name: string; containerPort: number }
  labels?: Record<string, string>
  phase?: string
}

function podOf({ name, namespace, app, port, labels = {}, phase = 'Running' }: Pod) {
  return {
    metadata: {
      ...{ name, namespace, uid: `${namespace}/${name}` },
      labels: { 'app.kubernetes.io/name': app, ...labels },
    },
    spec: { nodeName: 'node-1', containers: [{ name: app, ports: [port] }] },
    status: { phase, podIP: '127.0.0.1', hostIP: '127.0.0.1', conditions: [] },
  }
}

function metrics(pages: Record<string, string>): Promise<number> {
  return serve((path) => pages[path] ?? null)
}

async function slotPod(namespace: string, color: string, phase = 'Running') {
  const labels = `service="order",color="${color}",version="v1",revision="abc"`
  const suffix = phase === 'Running' ? 'x1' : 'x0'
  const text = `slot_live{plane="live",${labels}} ${Number(color === 'blue')}\n`
  return podOf({
    ...{ name: `order-${color}-7d4-${suffix}`, namespace, app: 'order', phase },
    port: { name: 'management', containerPort: await metrics({ '/metrics': text }) },
    labels: { 'shopctl.dev/color': color, 'shopctl.dev/revision': 'abc' },
  })
}

async function brokerPod() {
  const containerPort = await serve((path, query) => {
    if (path === '/metrics') return 'rabbitmq_connections 4\nerlang_vm_allocators{alloc="temp"} 1\n'
    const families = query.getAll('family').join()
    if (path !== '/metrics/detailed' || families !== 'queue_coarse_metrics,queue_consumer_count')
      return null
    return 'rabbitmq_detailed_queue_messages_ready{vhost="/",queue="order"} 3\n'
  })
  const port = { name: 'prometheus', containerPort }
  return podOf({ name: 'rabbitmq-0', namespace: 'shop', app: 'rabbitmq', port })
}

async function certManagerPod() {
  const about = 'name="edge",namespace="shop-test"'
  const text =
    `certmanager_certificate_expiration_timestamp_seconds{${about}} 1\n` +
    `certmanager_certificate_ready_status{${about},condition="True"} 1\n`
  return podOf({
    ...{ name: 'cert-manager-5f-x1', namespace: 'cert-manager', app: 'cert-manager' },
    port: { name: 'http-metrics', containerPort: await metrics({ '/metrics': text }) },
  })
}

// The sandbox of a pod, its container and their sum, as containerd shows them. Then a pod of a runtime that the kubelet knows
// less of: its container has no labels.
const cadvisor = [
  ['shop', 'order-green-7d4-x1', '', 's1', 1],
  ['shop', 'order-green-7d4-x1', 'order', 'c1', 2],
  ['shop', 'order-green-7d4-x1', '', '', 3],
  ['', '', '', '', 4],
  ['shop', 'postgres-0', '', '', 5],
].flatMap(([namespace, pod, container, name, value]) => {
  const labels = `namespace="${namespace}",pod="${pod}",container="${container}",name="${name}"`
  return ['container_cpu_usage_seconds_total', 'container_tasks_state'].map(
    (series) => `${series}{${labels},id="/${value}",cpu="total"} ${value}\n`,
  )
})

const kubelet = {
  '/metrics/cadvisor': cadvisor.join(''),
  '/metrics':
    'kubelet_running_pods 3\nkubelet_http_requests_total 4\n' +
    'kubelet_volume_stats_available_bytes{namespace="shop-test",persistentvolumeclaim="data"} 1\n',
}
const apiServerMetrics =
  'apiserver_request_total 1\napiserver_request_duration_seconds_bucket{le="1"} 1\n'
const state = [
  'kube_service_labels{namespace="shop",service="order",label_shopctl_dev_pointer="stable"} 1',
  'kube_service_annotations{namespace="shop",service="order",annotation_shopctl_dev_release="r-41"} 1',
  'kube_pod_info{namespace="other",pod="web-0"} 1',
  'kube_node_info{node="node-1"} 1',
  '',
].join('\n')

/** The pods of the chart: their ports, and a series of each that is kept. */
const ownPods: Record<string, [port: number, text: string]> = {
  prometheus: [9090, 'prometheus_tsdb_head_series 1\ngo_threads 1\n'],
  alertmanager: [9093, 'alertmanager_alerts 1\ngo_threads 1\n'],
  'node-exporter': [9100, 'node_load1 0.5\n'],
  'kube-state-metrics': [8080, state],
  'log-collector': [8888, 'otelcol_process_uptime 1\n'],
  logs: [9428, 'vl_rows_ingested_total 1\ngo_threads 1\n'],
}

/** Prometheus of the chart, with targets for each of its jobs. */
export async function startWithTargets(
  programs: string,
  objects: readonly KubernetesObject[],
): Promise<Prometheus> {
  const ports: Record<string, [number, number]> = {}
  const pods = [
    await slotPod('shop', 'blue'),
    await slotPod('shop', 'green'),
    await slotPod('shop-test', 'blue'),
    await slotPod('other', 'blue'),
    await slotPod('shop', 'green', 'Succeeded'),
    await brokerPod(),
    await certManagerPod(),
    podOf({
      ...{ name: 'postgres-exporter-1', namespace: 'shop', app: 'postgres-exporter' },
      port: {
        name: 'metrics',
        containerPort: await metrics({
          '/metrics': 'pg_settings_max_connections 300\npg_settings_work_mem_bytes 1\n',
        }),
      },
    }),
  ]
  for (const [app, [port, text]] of Object.entries(ownPods)) {
    const containerPort = await metrics({ '/metrics': text })
    ports[app] = [port, containerPort]
    const labels = { 'app.kubernetes.io/part-of': 'observability' }
    const at = { name: 'http', containerPort }
    pods.push(podOf({ name: `${app}-0`, namespace: own, app, port: at, labels }))
  }
  const node = {
    metadata: { name: 'node-1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: await metrics(kubelet) } },
    },
  }
  const of = { namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } }
  const slice = {
    metadata: { name: 'kubernetes', ...of },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [
      { name: 'https', protocol: 'TCP', port: await metrics({ '/metrics': apiServerMetrics }) },
    ],
  }
  const apiServer = await serveObjects({
    pods,
    nodes: [node],
    endpointslices: [slice],
    services: [{ metadata: { name: 'kubernetes', namespace: 'default' } }],
  })
  return startPrometheus({ program: join(programs, 'prometheus'), objects, apiServer, ports })
}
