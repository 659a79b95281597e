// The alerts of services and messages: what raises each, its words, and what looks alike and raises nothing.
import {
  type AlertCase,
  counter,
  gauge,
  live,
  local,
  ofOrder,
  pod,
  requests,
  type Series,
  slot,
  standby,
  status,
} from './alert-scene.ts'

const endpoint = (name: string) =>
  `kube_endpoint_address{environment="local",namespace="shop",endpoint="${name}",ip="10.0.0.1",ready="true"}`
/** Requests per second that took up to `le`. */
function latency(labels: string, rates: Record<string, [number, number]>): Series {
  const buckets = Object.entries(rates).map(([le, [well, bad]]) => [
    `http_request_duration_seconds_bucket{${labels},route="/orders",le="${le}"}`,
    counter(well, bad),
  ])
  const [well, bad] = rates['+Inf'] ?? [0, 0]
  return { ...Object.fromEntries(buckets), [requests(labels, 202)]: counter(well, bad) }
}

const queue = (name: string, vhost = '/') =>
  `rabbitmq_detailed_queue_messages_ready{environment="local",vhost="${vhost}",queue="${name}"}`
const login = (name: string) => `new_login_ok{${live},pod="${name}",server="database"}`
const wanted =
  'kube_deployment_spec_replicas{environment="local",namespace="shop",deployment="order-green"}'
const available = wanted.replace('spec_replicas', 'status_replicas_available')
const statefulSet = (what: string) =>
  `kube_statefulset_${what}{environment="local",namespace="shop",statefulset="postgres"}`

const standbyConsumes = {
  alert: 'StandbyConsumes',
  severity: 'critical',
  labels: { ...local, service: 'order', color: 'blue', version: 'v1', release: 'r-42' },
  summary: 'The standby slot of order handles live messages',
  description:
    'order blue v1 consumes although its Service names another slot, or the gate a newer epoch. Last release: r-42.',
  command: `${status} --service order`,
  dashboard: `release${ofOrder}`,
} as const

const brokerDown = {
  alert: 'BrokerDown',
  severity: 'critical',
  labels: local,
  summary: 'RabbitMQ is down',
  description:
    'No node of RabbitMQ is ready, or nobody can log in. Orders are accepted, and their events wait in the outbox. Live: order green r-42;',
  command: status,
  dashboard: 'messaging?var-environment=local',
  endsAt: 1_305,
} as const

export const serviceCases: AlertCase[] = [
  {
    alert: 'ServiceDown',
    severity: 'critical',
    labels: { ...local, ...slot },
    summary: 'order is down',
    description: 'No pod of it is ready. The slot that served last: order green v2 (r-42).',
    command: `${status} --service order`,
    dashboard: `shop${ofOrder}`,
    bad: {
      [endpoint('order')]: gauge(1, 'stale'),
      // Its metrics are gone with its pods.
      [`slot_live{${live},pod="g"}`]: gauge(1, 'stale'),
      [endpoint('order').replace('true', 'false')]: gauge('_', 1),
    },
    harmless: {
      'a cluster whose endpoints nobody reads': { [endpoint('order')]: gauge('_') },
      'two answers about its release': {
        'kube_service_annotations{environment="local",namespace="shop",service="order",annotation_shopctl_dev_release="r-43"}':
          gauge(1),
      },
      'two slots that say that they are live': { [`slot_live{${standby},pod="b"}`]: gauge(1) },
      'a preview Service without pods': { [endpoint('order-preview')]: gauge(1, 'stale') },
      'a Service that was never live': {
        'kube_service_annotations{environment="local",namespace="shop",service="new"}': gauge(1),
        'kube_service_labels{environment="local",namespace="shop",service="new",label_shopctl_dev_pointer="stable"}':
          gauge(1),
      },
    },
  },
  {
    alert: 'ServiceDown',
    cause: 'without metrics of its own',
    severity: 'critical',
    labels: { ...local, service: 'legacy' },
    summary: 'legacy is down',
    description: 'No pod of it is ready. The slot that served last: legacy.',
    command: `${status} --service legacy`,
    dashboard: 'shop?var-environment=local&var-service=legacy',
    bad: {
      'kube_service_annotations{environment="local",namespace="shop",service="legacy",annotation_shopctl_dev_release="r-7"}':
        gauge(1),
      'kube_service_labels{environment="local",namespace="shop",service="legacy",label_shopctl_dev_pointer="stable"}':
        gauge(1),
      [endpoint('legacy')]: gauge(1, 'stale'),
    },
    harmless: {},
  },
  {
    alert: 'LatencyHigh',
    severity: 'warning',
    labels: { ...local, ...slot },
    summary: 'order answers slowly',
    description: 'p99 of order green v2 (r-42) is 995ms. The limit is 0.5s.',
    command: `${status} --service order`,
    dashboard: `release${ofOrder}`,
    bad: latency(live, { '0.5': [10, 0], '1': [10, 10], '+Inf': [10, 10] }),
    harmless: {
      'p99 at the limit': latency(live, { '0.25': [10, 0], '0.5': [10, 10], '+Inf': [10, 10] }),
      'a few slow requests': latency(live, {
        '0.5': [0.1, 0],
        '1': [0.1, 0.1],
        '+Inf': [0.1, 0.1],
      }),
      'the standby slot': latency(standby, { '0.5': [10, 0], '1': [10, 10], '+Inf': [10, 10] }),
    },
  },
  {
    ...standbyConsumes,
    bad: { [`slot_consuming{${standby},pod="b"}`]: gauge(0, 1) },
    harmless: {
      'the preview plane': {
        [`slot_consuming{${standby.replace('"live"', '"preview"')},pod="b"}`]: gauge(1),
      },
      'a live pod that started while the API server was away': {
        [`slot_live{${live},pod="g"}`]: gauge(1, 'stale'),
      },
    },
  },
  {
    ...standbyConsumes,
    cause: 'cut off from the API server',
    bad: {
      [`slot_live{${standby},pod="b"}`]: gauge(1, 1, 0),
      [`slot_consuming{${standby},pod="b"}`]: gauge(1, 1, 0),
      [`gate_epoch{${standby},pod="b"}`]: gauge(7, 7, 'stale'),
      [`gate_epoch{${live},pod="g"}`]: gauge('_', 8, 8),
    },
    harmless: {
      'pods in one epoch': {
        [`slot_consuming{${live},pod="g2"}`]: gauge(1),
        [`gate_epoch{${live},pod="g"}`]: gauge(8),
        [`gate_epoch{${live},pod="g2"}`]: gauge(8),
      },
      'the epoch of another plane or environment': {
        [`gate_epoch{${live},pod="g"}`]: gauge(8),
        [`gate_epoch{${live.replace('"live"', '"preview"')},pod="g"}`]: gauge(9),
        [`gate_epoch{${live.replace('local', 'test')},pod="g"}`]: gauge(9),
      },
    },
  },
  {
    alert: 'TwoColorsConsume',
    severity: 'critical',
    labels: { ...local, ...slot },
    summary: 'Two slots of order handle live messages',
    description:
      'Both colors of order consume its queue. The gate lets only one of them commit. Live: order green v2 (r-42).',
    command: `${status} --service order`,
    dashboard: `release${ofOrder}`,
    bad: { [`slot_consuming{${standby},pod="b"}`]: gauge(0, 1) },
    harmless: {
      'two pods of one color': { [`slot_consuming{${live},pod="g2"}`]: gauge(1) },
      'the other color of another environment': {
        [`slot_consuming{${standby.replace('local', 'test')},pod="b"}`]: gauge(1),
      },
    },
  },
  {
    alert: 'ReplicasMissing',
    severity: 'warning',
    labels: { ...local, ...slot, deployment: 'order-green' },
    summary: 'order-green lacks pods',
    description: 'Pods that it lacks: 1 of order green v2 (r-42).',
    command: status,
    dashboard: `infrastructure${ofOrder}`,
    bad: { [wanted]: gauge(2), [available]: gauge(2, 1) },
    harmless: {
      'a namespace where shopctl releases nothing': {
        [wanted.replaceAll('local', 'kube-system')]: gauge(2),
        [available.replaceAll('local', 'kube-system')]: gauge(1),
      },
      'a deployment that was scaled to zero': { [wanted]: gauge(2, 0), [available]: gauge(2, 0) },
    },
  },
  {
    alert: 'ReplicasMissing',
    cause: 'of a StatefulSet',
    severity: 'warning',
    labels: { ...local, service: 'postgres', statefulset: 'postgres' },
    summary: 'postgres lacks pods',
    description: 'Pods that it lacks: 1 of postgres.',
    command: status,
    dashboard: 'infrastructure?var-environment=local&var-service=postgres',
    bad: {
      [statefulSet('replicas')]: gauge(1),
      [statefulSet('status_replicas_ready')]: gauge(1, 0),
    },
    harmless: {},
  },
  {
    alert: 'RestartsOften',
    severity: 'warning',
    labels: { ...local, ...slot, pod: 'order-green-7c9-x2k4p', container: 'order' },
    summary: 'The container order restarts again and again',
    description: 'order of the pod order-green-7c9-x2k4p restarted 5 times within 10 minutes.',
    command: status,
    dashboard: `infrastructure${ofOrder}`,
    bad: {
      [`kube_pod_container_status_restarts_total{${pod},container="order"}`]: counter(0, 1 / 60),
    },
    endsAt: 1_305,
    harmless: {
      'one restart': {
        [`kube_pod_container_status_restarts_total{${pod},container="order"}`]: counter(0, 1 / 300),
      },
    },
  },
  {
    ...brokerDown,
    bad: {
      'kube_statefulset_status_replicas_ready{environment="local",namespace="shop",statefulset="rabbitmq"}':
        gauge(1, 0),
    },
    harmless: {
      'one node of three': {
        'kube_statefulset_status_replicas_ready{environment="local",namespace="shop",statefulset="rabbitmq"}':
          gauge(3, 2),
      },
      'one pod that cannot log in': {
        [`new_login_ok{${live},pod="g1",server="broker"}`]: gauge(1, 0),
        [`new_login_ok{${live},pod="g2",server="broker"}`]: gauge(1),
      },
    },
  },
  {
    ...brokerDown,
    cause: 'outside of the cluster',
    bad: { [`new_login_ok{${live},pod="g",server="broker"}`]: gauge(1, 0) },
    harmless: {},
  },
  {
    alert: 'DatabaseDown',
    severity: 'critical',
    labels: { ...local, ...slot },
    summary: 'The database of order is away',
    description: 'No pod can log in to the database of order. Live: order green v2 (r-42).',
    command: `${status} --service order`,
    dashboard: `shop${ofOrder}`,
    bad: {
      [login('g1')]: gauge(1, 0),
      [login('g2')]: gauge(1, 0),
    },
    endsAt: 1_305,
    harmless: {
      'one pod that cannot log in': { [login('g1')]: gauge(1, 0), [login('g2')]: gauge(1) },
      'the broker': { [login('g1').replace('database', 'broker')]: gauge(1, 0) },
      'the preview plane': { [login('g1').replace('"live"', '"preview"')]: gauge(1, 0) },
    },
  },
  {
    alert: 'QueueOverloaded',
    severity: 'warning',
    labels: { ...local, ...slot, queue: 'order' },
    summary: 'Messages pile up in the queue order',
    description:
      'Messages that are ready in it: 1001. The limit is 1000. Live: order green v2 (r-42).',
    command: `${status} --service order`,
    dashboard: `messaging${ofOrder}`,
    bad: { [queue('order')]: gauge(0, 1_001) },
    harmless: {
      'as many messages as the limit': { [queue('order')]: gauge(0, 1_000) },
      'the preview plane': { [queue('order', 'preview')]: gauge(0, 5_000) },
    },
  },
  {
    alert: 'OutboxStuck',
    severity: 'critical',
    labels: { ...local, ...slot },
    summary: 'Events of order are not published',
    description:
      'The oldest event in the outbox of order has been due for 31s. Live: order green v2 (r-42).',
    command: `${status} --service order`,
    dashboard: `messaging${ofOrder}`,
    bad: { [`outbox_oldest_event_age_seconds{${live}}`]: gauge(0, 31) },
    harmless: {
      'events that wait as long as the limit': {
        [`outbox_oldest_event_age_seconds{${live}}`]: gauge(0, 30),
      },
    },
  },
  {
    alert: 'MessagesParked',
    severity: 'warning',
    labels: { ...local, ...slot },
    summary: 'Messages of order wait for a person',
    description: 'Parked messages: 2. Live: order green v2 (r-42).',
    command: 'shopctl messages list --env local --service order',
    dashboard: `messaging${ofOrder}`,
    bad: { [`messages_parked{${live}}`]: gauge(0, 2) },
    harmless: { 'messages that are tried again': { [`messages_retrying{${live}}`]: gauge(0, 2) } },
  },
]
