// Waits for what runs in a namespace, and asks pods through the API server's proxy.

import { text } from 'node:stream/consumers'
import type {
  V1Deployment,
  V1EndpointSlice,
  V1Job,
  V1Pod,
  V1PodList,
} from '@kubernetes/client-node'
import type { Role, Workloads } from '../../release/ports.ts'
import type { KubernetesApi } from './api.ts'
import {
  hasFailed,
  isGoing,
  managementPath,
  queryOf,
  readyEndpoints,
  roleOf,
  rolloutOf,
  selectorOf,
  slotName,
} from './objects.ts'
import { awaitObjects } from './watch.ts'

/** A pod that does not answer in this time is silent. */
const answerMs = 1_000
/** Whether it is ready, a pod may first have to find out. */
const readinessMs = 3_000

function named(name: string): string {
  return `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`
}

export function createWorkloads(api: KubernetesApi, namespace: string): Workloads {
  const core = `/api/v1/namespaces/${namespace}`
  const pods = `${core}/pods`
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`

  const ask = async (pod: string, path: string, timeoutMs = answerMs): Promise<string> => {
    const response = await api.open({
      method: 'GET',
      path: managementPath(namespace, pod, path),
      timeoutMs,
    })
    return text(response)
  }
  return {
    awaitRollout(target, judge, options) {
      const paths = [
        `${deployments}?${named(slotName(target.service, target.color))}`,
        `${pods}?${queryOf(selectorOf(target.service, target))}`,
        `${jobs}?${named(target.job)}`,
        `${pods}?${queryOf({ 'batch.kubernetes.io/job-name': target.job })}`,
      ]
      return awaitObjects(
        api,
        paths,
        ([found = [], running = [], migrations = [], jobPods = []]) =>
          judge(
            rolloutOf(
              found as V1Deployment[],
              running as V1Pod[],
              migrations as V1Job[],
              jobPods as V1Pod[],
            ),
          ),
        options,
      )
    },
    awaitEndpoints(service, judge, options) {
      const path = `${slices}?${queryOf({ 'kubernetes.io/service-name': service })}`
      return awaitObjects(
        api,
        [path],
        ([found = []]) => judge(readyEndpoints(found as V1EndpointSlice[])),
        options,
      )
    },
    async pods(service, target) {
      const list = await api.get<V1PodList>(`${pods}?${queryOf(selectorOf(service, target))}`)
      return (list?.items ?? [])
        .filter((pod) => !isGoing(pod))
        .map((pod) => pod.metadata?.name ?? '')
    },
    async role(pod) {
      try {
        return roleOf(JSON.parse(await ask(pod, '/role')) as Partial<Role> | null)
      } catch {
        return null
      }
    },
    readiness: async (pod) => (await ask(pod, '/readyz', readinessMs)).trim().slice(0, 300),
    async logs(pod, container, { lines, previous }) {
      const query = `container=${container}&tailLines=${lines}&previous=${previous}`
      const response = await api.open({ method: 'GET', path: `${pods}/${pod}/log?${query}` })
      const content = await text(response)
      return response.statusCode === 200 ? content.trimEnd() : ''
    },
    async clearFailedJob(name, signal) {
      const job = await api.get<V1Job>(`${jobs}/${name}`)
      if (!job || !hasFailed(job)) return
      // In the foreground, so that the name is free again when the chart looks.
      await api.send('DELETE', `${jobs}/${name}`, { propagationPolicy: 'Foreground' })
      const gone = ([found = []]: unknown[][]): true | null => (found.length === 0 ? true : null)
      await awaitObjects(api, [`${jobs}?${named(name)}`], gone, { timeoutMs: 14_000, signal })
    },
  }
}
