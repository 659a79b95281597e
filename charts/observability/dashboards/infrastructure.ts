// What the shop runs on: node, pods, Postgres, RabbitMQ.
import { finish, frame } from './frame.ts'
import { limits } from './limits.ts'
import { drawLines } from './panels.ts'
import { ofCluster, ours, perSecond } from './promql.ts'

// The sum of a pod has no name, unlike its containers and its sandbox.
const sums = ['pod!=""', 'container=""', 'name=""']
const databases = 'datname!~"template.*|postgres"'
const disks = 'fstype!~"tmpfs|ramfs|overlay|squashfs"'

export const infrastructure = finish(
  frame({
    uid: 'infrastructure',
    title: 'Infrastructure',
    about: 'What the shop runs on. The panels of the node show the whole cluster.',
  })
    .withPanel(
      drawLines({
        title: 'Processors of the node',
        about: 'The share that is in use.',
        unit: 'percentunit',
        width: 8,
        limit: { above: limits.nodeCpu },
        queries: [
          {
            expr: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))',
            name: '{{instance}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Memory of the node',
        about: 'The share that is not available to new processes.',
        unit: 'percentunit',
        width: 8,
        queries: [
          {
            expr: '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
            name: '{{instance}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Disks',
        about: 'The share that is free.',
        unit: 'percentunit',
        width: 8,
        limit: { below: limits.disk },
        queries: [
          {
            expr: `min by (instance, device) (node_filesystem_avail_bytes{${disks}} / node_filesystem_size_bytes{${disks}})`,
            name: '{{instance}} {{device}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Processors',
        about: 'How many each pod uses.',
        unit: 'short',
        width: 12,
        queries: [
          {
            expr: perSecond('pod', ofCluster('container_cpu_usage_seconds_total', ...sums)),
            name: '{{pod}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Memory',
        about: 'That the kernel cannot take away from each pod.',
        unit: 'bytes',
        width: 12,
        queries: [
          {
            expr: `sum by (pod) (${ofCluster('container_memory_working_set_bytes', ...sums)})`,
            name: '{{pod}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Restarts',
        about: 'Of the containers of each pod that exists, since it began.',
        unit: 'short',
        width: 8,
        queries: [
          {
            expr: `sum by (pod) (${ofCluster('kube_pod_container_status_restarts_total')})`,
            name: '{{pod}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Pods that are missing',
        about: 'That a Deployment or StatefulSet wants, and that are not ready.',
        unit: 'short',
        width: 8,
        limit: { above: 1 },
        queries: [
          {
            expr: `sum by (deployment) (${ofCluster('kube_deployment_spec_replicas')} - ${ofCluster('kube_deployment_status_replicas_ready')})`,
            name: '{{deployment}}',
          },
          {
            expr: `sum by (statefulset) (${ofCluster('kube_statefulset_replicas')} - ${ofCluster('kube_statefulset_status_replicas_ready')})`,
            name: '{{statefulset}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Event loop',
        about:
          'By how much 1 % of the timers of a pod were late: while a pod computes, it answers nobody.',
        unit: 's',
        width: 8,
        queries: [
          {
            // Node counts the interval of the timer too. The fastest one shows it.
            expr: `max by (service, color) (${ours('nodejs_eventloop_lag_p99_seconds')} - ${ours('nodejs_eventloop_lag_min_seconds')})`,
            name: '{{service}} {{color}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Connections of the services',
        about:
          'To their databases, in both planes and slots. Requests wait while all connections are used.',
        unit: 'short',
        width: 8,
        queries: [
          {
            expr: `sum by (service, state) (${ours('database_connections')})`,
            name: '{{service}} {{state}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Connections of Postgres',
        about: 'Open ones, and how many it accepts.',
        unit: 'short',
        width: 8,
        queries: [
          { expr: `sum(${ours('pg_stat_database_numbackends')})`, name: 'open' },
          { expr: `max(${ours('pg_settings_max_connections')})`, name: 'limit' },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Transactions of Postgres',
        about: 'Committed ones of each database, and those that all databases rolled back.',
        unit: 'ops',
        width: 8,
        queries: [
          {
            expr: perSecond('datname', ours('pg_stat_database_xact_commit', databases)),
            name: '{{datname}}',
          },
          {
            expr: `sum(rate(${ours('pg_stat_database_xact_rollback', databases)}[$__rate_interval]))`,
            name: 'rolled back',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Size of the databases',
        about: 'On the disk of Postgres.',
        unit: 'bytes',
        width: 8,
        queries: [
          {
            expr: `max by (datname) (${ours('pg_database_size_bytes', databases)})`,
            name: '{{datname}}',
          },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Memory of RabbitMQ',
        about: 'At the limit, it accepts no more messages until memory is free again.',
        unit: 'bytes',
        width: 8,
        queries: [
          {
            expr: `sum by (pod) (${ours('rabbitmq_process_resident_memory_bytes')})`,
            name: '{{pod}}',
          },
          { expr: `min(${ours('rabbitmq_resident_memory_limit_bytes')})`, name: 'limit' },
        ],
      }),
    )
    .withPanel(
      drawLines({
        title: 'Disk of RabbitMQ',
        about: 'Free bytes. Below the limit, it accepts no more messages.',
        unit: 'bytes',
        width: 8,
        queries: [
          {
            expr: `min by (pod) (${ours('rabbitmq_disk_space_available_bytes')})`,
            name: '{{pod}}',
          },
          { expr: `max(${ours('rabbitmq_disk_space_available_limit_bytes')})`, name: 'limit' },
        ],
      }),
    ),
)
