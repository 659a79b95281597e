// Where the collector of the chart sends logs, what it may read, and what it must not.
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { type KubernetesObject, names, pick, render } from './helm.ts'

function install(logs: object): Promise<KubernetesObject[]> {
  return render({ chart: 'observability', release: 'observability', values: { logs } })
}

function configOf(objects: readonly KubernetesObject[]) {
  const { data } = pick(objects, 'ConfigMap', 'log-collector')
  return parse((data as { 'collector.yaml': string })['collector.yaml'])
}

it.each<[object, string | null]>([
  [{}, null],
  [{ store: true }, 'http://logs:9428/insert/opentelemetry'],
  [{ endpoint: 'http://loki:3100/otlp' }, 'http://loki:3100/otlp'],
  [{ store: true, endpoint: 'https://logs.example/otlp' }, 'https://logs.example/otlp'],
])('with %j, logs are sent to %s', async (logs, endpoint) => {
  const objects = await install(logs)
  const found = names(objects)
  expect(found.includes('DaemonSet/log-collector')).toBe(endpoint !== null)
  expect(found.includes('StatefulSet/logs')).toBe('store' in logs)
  if (endpoint) expect(configOf(objects).exporters.otlp_http.endpoint).toBe(endpoint)
})

it('keeps all that it needs after a restart on the node', async () => {
  const { receivers, exporters, extensions, service } = configOf(await install({ store: true }))
  expect(extensions.file_storage.directory).toBe('/state')
  expect(service.extensions).toContain('file_storage')
  expect(receivers.file_log).toMatchObject({
    ...{ storage: 'file_storage', start_at: 'beginning' },
    retry_on_failure: { enabled: true, max_elapsed_time: '0s' },
  })
  expect(exporters.otlp_http).toMatchObject({
    retry_on_failure: { enabled: true, max_elapsed_time: '0s' },
    sending_queue: { storage: 'file_storage', block_on_overflow: true },
  })
})

it('does not read its own lines', async () => {
  const { exclude } = configOf(await install({ store: true })).receivers.file_log
  expect(exclude).toContain('/pods/shop_log-collector-*/*/*')
})

it('may read pods and files of the node, and write its own folder only', async () => {
  const objects = await install({ store: true, pods: '/logs/pods', state: '/data/collector' })
  const role = objects.find(
    ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.endsWith('-log-collector'),
  )
  expect(role?.rules).toEqual([
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  ])
  const { spec } = pick(objects, 'DaemonSet', 'log-collector')
  const pod = (spec as { template: { spec: Record<string, unknown> } }).template.spec
  expect(pod).not.toHaveProperty('hostNetwork')
  expect(pod.volumes).toContainEqual({
    name: 'pods',
    hostPath: { path: '/logs/pods', type: 'Directory' },
  })
  expect(pod.volumes).toContainEqual({
    name: 'state',
    hostPath: { path: '/data/collector', type: 'DirectoryOrCreate' },
  })
  const [container] = pod.containers as [{ volumeMounts: object[]; securityContext: object }]
  expect(container.volumeMounts).toContainEqual({
    name: 'pods',
    mountPath: '/pods',
    readOnly: true,
  })
  expect(container.securityContext).toEqual({
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ['ALL'] },
  })
})

it.each([
  [{ pods: 'relative' }, /pods/],
  [{ retention: 'long' }, /retention/],
  [{ retentionSize: '3' }, /retentionSize/],
  [{ endpoint: 'loki:3100' }, /endpoint/],
  [{ extra: true }, /extra/],
])('refuses %j', async (logs, expected) => {
  await expect(install(logs)).rejects.toThrow(expected)
})
