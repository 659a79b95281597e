// The alerts of the cluster and of the promises: what raises each, its words, and what looks alike and raises nothing.
import {
  type AlertCase,
  counter,
  gauge,
  live,
  local,
  ofOrder,
  requests,
  type Series,
  slot,
  standby,
  status,
  times,
} from './alert-scene.ts'

const orders = (orderStatus: string) => `orders_total{${live},status="${orderStatus}"}`
const inTime = `order_confirmation_duration_seconds_bucket{${live},le="1"}`
const cpu = (pod: string, more = '') =>
  `container_cpu_usage_seconds_total{environment="local",namespace="shop",pod="${pod}"${more}}`
const greenPod = cpu('order-green-7c9-x2k4p', ',service="order",color="green"')
const idle =
  'node_cpu_seconds_total{environment="observability",instance="node-1",cpu="0",mode="idle"}'
const disk = (what: string, fstype = 'ext4') =>
  `node_filesystem_${what}_bytes{instance="node-1",device="/dev/vda",mountpoint="/",fstype="${fstype}"}`
const volume = (what: string) =>
  `kubelet_volume_stats_${what}_bytes{environment="local",namespace="shop",persistentvolumeclaim="data-postgres-0"}`
const ttl =
  'kubelet_certificate_manager_server_ttl_seconds{environment="observability",instance="node-1"}'
const expires =
  'certmanager_certificate_expiration_timestamp_seconds{environment="local",name="edge",namespace="shop"}'
const shopTarget = (pod: string) =>
  `up{job="shop",environment="local",service="order",color="green",pod="${pod}"}`
const annotation = (release: string) =>
  `kube_service_annotations{environment="local",namespace="shop",service="order",annotation_shopctl_dev_release="${release}"}`
/** Requests to the API server, by the days for which the client's certificate is valid. */
const clients = (...rates: [number, number][]): Series =>
  Object.fromEntries(
    rates.map(([well, bad], index) => [
      `apiserver_client_certificate_expiration_seconds_bucket{environment="cluster",le="${[0, 604_800, '+Inf'][index]}"}`,
      counter(well, bad),
    ]),
  )
const gib = 2 ** 30
const day = 86_400

const cluster = { environment: 'cluster' }

export const clusterCases: AlertCase[] = [
  {
    alert: 'PodCpuHigh',
    severity: 'warning',
    labels: { ...local, ...slot, pod: 'order-green-7c9-x2k4p' },
    summary: 'order green uses much processor time',
    description:
      'The pod order-green-7c9-x2k4p of order green v2 (r-42) uses 0.95 processors; the limit is 0.9.',
    command: `${status} --service order`,
    dashboard: `infrastructure${ofOrder}`,
    bad: { [greenPod]: counter(0.1, 0.95) },
    harmless: {
      'less than the limit': { [greenPod]: counter(0.1, 0.85) },
      'a pod that is no slot': { [cpu('postgres-0')]: counter(0.1, 1.5) },
    },
  },
  {
    alert: 'NodeCpuHigh',
    severity: 'warning',
    labels: { ...cluster, instance: 'node-1' },
    summary: 'The processors of node-1 are busy',
    description:
      '95% of the processors are in use; the limit is 90%. The pods that use most: shop/postgres-0 0.50 shop/order-green-7c9-x2k4p 0.25.',
    command: status,
    dashboard: 'infrastructure',
    bad: {
      [idle]: counter(0.5, 0.05),
      [cpu('postgres-0')]: counter(0.1, 0.5),
      [greenPod]: counter(0.1, 0.25),
    },
    harmless: { 'less than the limit': { [idle]: counter(0.5, 0.15) } },
  },
  {
    alert: 'DiskFull',
    severity: 'critical',
    labels: { ...cluster, instance: 'node-1', device: '/dev/vda' },
    summary: 'The disk /dev/vda is nearly full',
    description: '9% of it is free on node-1.',
    command: status,
    dashboard: 'infrastructure',
    bad: { [disk('size')]: gauge(100 * gib), [disk('avail')]: gauge(50 * gib, 9 * gib) },
    harmless: {
      'a tenth of a large disk': {
        [disk('size')]: gauge(1_000 * gib),
        [disk('avail')]: gauge(500 * gib, 90 * gib),
      },
      'a disk in memory': {
        [disk('size', 'tmpfs')]: gauge(gib),
        [disk('avail', 'tmpfs')]: gauge(gib, 0),
      },
    },
  },
  {
    alert: 'DiskFull',
    cause: 'of a volume',
    severity: 'critical',
    labels: { ...local, persistentvolumeclaim: 'data-postgres-0' },
    summary: 'The disk data-postgres-0 is nearly full',
    description: '5% of it is free.',
    command: status,
    dashboard: 'infrastructure?var-environment=local',
    bad: { [volume('capacity')]: gauge(100), [volume('available')]: gauge(50, 5) },
    harmless: {
      'enough space': { [volume('capacity')]: gauge(100), [volume('available')]: gauge(10) },
    },
  },
  {
    alert: 'CertificateExpires',
    severity: 'warning',
    labels: { ...cluster, instance: 'node-1', name: 'kubelet node-1' },
    summary: 'The certificate kubelet node-1 runs out',
    description: 'It is valid for at most 13d 0h 0m 0s. It should have been renewed by now.',
    command: status,
    dashboard: 'infrastructure',
    bad: { [ttl]: gauge(300 * day, 13 * day) },
    harmless: {
      'two weeks': { [ttl]: gauge(14 * day) },
      'a kubelet that renews none': { [ttl]: gauge('Inf') },
    },
  },
  {
    alert: 'CertificateExpires',
    cause: 'of cert-manager',
    severity: 'warning',
    labels: { ...local, name: 'edge' },
    summary: 'The certificate edge runs out',
    description: 'It is valid for at most 10d 0h 0m 0s. It should have been renewed by now.',
    command: status,
    dashboard: 'infrastructure?var-environment=local',
    bad: { [expires]: gauge(90 * day, 10 * day + times.bad) },
    harmless: { 'a month': { [expires]: gauge(30 * day) } },
  },
  {
    alert: 'CertificateExpires',
    cause: 'of a client of the API server',
    severity: 'warning',
    labels: { ...cluster, name: 'of a client of the API server' },
    summary: 'The certificate of a client of the API server runs out',
    description: 'It is valid for at most 7d 0h 0m 0s. It should have been renewed by now.',
    command: status,
    dashboard: 'infrastructure',
    // One of 500 requests.
    bad: clients([0, 0], [0, 0.02], [10, 10]),
    endsAt: 1_305,
    harmless: {
      'longer than a week': clients([0, 0], [0, 0], [10, 10]),
      'certificates that have ended': clients([0, 0.1], [0, 0.1], [10, 10]),
    },
  },
  {
    alert: 'TargetDown',
    severity: 'warning',
    labels: { ...local, ...slot, job: 'shop' },
    summary: 'Prometheus gets no metrics of shop order green',
    description: 'Targets of the job shop that do not answer: 1.',
    command: status,
    dashboard: `infrastructure${ofOrder}`,
    bad: { [shopTarget('g')]: gauge(1, 0), [shopTarget('h')]: gauge(1) },
    harmless: { 'a pod that was deleted': { [shopTarget('g')]: gauge(1, 'stale') } },
  },
  {
    alert: 'TargetDown',
    cause: 'without the state of the cluster',
    severity: 'warning',
    labels: { ...cluster, job: 'kube-state-metrics' },
    summary: 'Prometheus gets no metrics of kube-state-metrics',
    description: 'Targets of the job kube-state-metrics that do not answer: 1.',
    command: status,
    dashboard: 'infrastructure',
    bad: { 'up{job="kube-state-metrics",environment="observability"}': gauge(1, 'stale') },
    harmless: {},
  },
  {
    alert: 'OrdersFail',
    severity: 'critical',
    labels: { ...local, ...slot, window: '2m' },
    summary: 'Orders are not accepted',
    description:
      '5% of the orders of the last 2m failed in order green v2 (r-42). The budget burns at least 14.4 times too fast. Live: order green r-42;',
    command: `${status} --service order`,
    dashboard: `shop${ofOrder}`,
    bad: { [requests(live, 202)]: counter(20, 19), [requests(live, 500)]: counter(0, 1) },
    harmless: {
      'as many as the budget allows': {
        [requests(live, 202)]: counter(1_000, 999),
        [requests(live, 500)]: counter(0, 1),
      },
      'a few at once, which the longer window forgives': {
        [requests(live, 202)]: counter(20),
        [requests(live, 500)]: '0x25 15x60',
      },
      'one of a few orders': {
        [requests(live, 202)]: counter(1 / 30, 1 / 60),
        [requests(live, 500)]: counter(0, 1 / 60),
      },
      'bad requests of customers': {
        [requests(live, 202)]: counter(20, 10),
        [requests(live, 400)]: counter(0, 10),
      },
      'the slot that served before a rollback': {
        [requests(live, 202)]: counter(20),
        [requests(standby, 500)]: counter(0, 5),
      },
    },
  },
  {
    alert: 'OrdersLate',
    severity: 'critical',
    labels: { ...local, ...slot, window: '2m' },
    summary: 'Orders are confirmed too late',
    description:
      '20% of the orders of the last 2m were not confirmed within 1 s. The budget burns at least 14.4 times too fast. Live: order green r-42;',
    command: status,
    dashboard: `shop${ofOrder}`,
    bad: { [orders('placed')]: counter(10), [inTime]: counter(10, 8) },
    harmless: {
      'orders that are rejected': {
        [orders('placed')]: counter(10),
        [orders('rejected')]: counter(0, 4),
        [inTime]: counter(10, 6),
      },
      'one of a few orders': {
        [orders('placed')]: counter(1 / 30),
        [inTime]: counter(1 / 30, 1 / 60),
      },
      'no orders': { [orders('placed')]: counter(0), [inTime]: counter(0) },
    },
  },
  {
    alert: 'OrdersLate',
    cause: 'never',
    severity: 'critical',
    labels: { ...local, ...slot, window: '2m' },
    summary: 'Orders are confirmed too late',
    description:
      '100% of the orders of the last 2m were not confirmed within 1 s. The budget burns at least 14.4 times too fast. Live: order green r-42;',
    command: status,
    dashboard: `shop${ofOrder}`,
    bad: { [orders('placed')]: counter(0, 10) },
    harmless: {},
  },
  {
    alert: 'SwitchRunning',
    severity: 'none',
    labels: { ...local, ...slot, release: 'r-43' },
    summary: 'order was switched',
    description: 'r-43 moved order within the last minute.',
    command: 'shopctl history --env local',
    dashboard: `release${ofOrder}`,
    bad: { [annotation('r-42')]: gauge(1, 'stale'), [annotation('r-43')]: gauge('_', 1, 'stale') },
    firesAt: 150,
    harmless: {
      'a release that was not seen for a while': {
        [annotation('r-42')]: '1x17 stale _x6 1x63',
      },
    },
  },
]
