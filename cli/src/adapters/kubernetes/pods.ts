// The pods of a namespace: waits for them and asks them.
import type {
  CoreV1Event,
  V1Deployment,
  V1EndpointSlice,
  V1Job,
  V1JobList,
  V1Pod,
  V1PodList,
  V1StatefulSet,
} from '@kubernetes/client-node'
import type { ServiceConfig } from '../../config/schema.ts'
import { said } from '../../errors.ts'
import type { PodEnd, PodReport, Pods, Rollout, SlotId } from '../../release/ports/cluster.ts'
import { slotLabels, slotName, type Target } from '../../release/slot.ts'
import { parseJson } from '../json.ts'
import type { KubernetesApi } from './api.ts'
import { askPod } from './ask-pod.ts'
import {
  hasEnded,
  isActive,
  isOfDeployment,
  jobName,
  labels,
  named,
  podOf,
  queryOf,
  readyEndpoints,
  reportOf,
  selectorOf,
  serviceName,
} from './objects.ts'
import { openWorkOf } from './open-work.ts'
import { hasFailed, releaseOf, rolloutOf } from './rollout.ts'
import { awaitObjects, type KubernetesObject, type Path } from './watch.ts'

const answerMs = 1_000
/** A pod tries a login for 2 s. */
const loginMs = 4_000
/** Longer, since a pod may ask its own dependencies first. */
const readinessMs = 3_000

/** The kubelet's answer, with 200, where the container is gone. */
const forgotten = /^unable to retrieve container logs for \S+$/

/** The pod tries a login before it answers. */
function loginPath(role: string): string {
  return `${role}${role.includes('?') ? '&' : '?'}login=now`
}

export function createPods(
  api: KubernetesApi,
  namespace: string,
  services: Readonly<Record<string, ServiceConfig>>,
): Pods {
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
  const sets = `/apis/apps/v1/namespaces/${namespace}/statefulsets`
  const events = `/api/v1/namespaces/${namespace}/events`
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`

  const active = async (service: string, target: Target): Promise<V1Pod[]> => {
    const list = await api.get<V1PodList>(`${pods}?${queryOf(selectorOf(service, target))}`)
    return (list?.items ?? []).filter(isActive)
  }
  const running = async (service: string, target: Target): Promise<V1Pod[]> =>
    (await active(service, target)).filter(({ status }) => status?.phase === 'Running')

  const rolloutPaths = ({ service, color, revision }: SlotId): Path[] => {
    const job = jobName(service, color)
    const { [labels.revision]: _, ...anyRevision } = slotLabels(service, { color, revision })
    return [
      `${deployments}?${named(slotName(service, color))}`,
      `${pods}?${queryOf(anyRevision)}`,
      `${jobs}?${named(job)}`,
      `${pods}?${queryOf({ 'batch.kubernetes.io/job-name': job })}`,
      { path: events, optional: true },
    ]
  }

  /** The objects as they are now. `unread`: why what is optional could not be read. */
  const look = async (paths: readonly Path[]): Promise<{ lists: object[][]; unread?: string }> => {
    const unread: string[] = []
    const lists = await Promise.all(
      paths.map(async (each) => {
        const reading = api.get<Items>(typeof each === 'string' ? each : each.path)
        if (typeof each === 'string') return (await reading)?.items ?? []
        try {
          return (await reading)?.items ?? []
        } catch (error) {
          unread.push(said(error))
          return []
        }
      }),
    )
    return { lists, ...(unread[0] !== undefined && { unread: unread[0] }) }
  }

  return {
    async list(service, target) {
      return (await running(service, target)).filter(isOfDeployment).map(podName)
    },
    selected: async (service, target) => (await running(service, target)).map(podName),
    async states(service, target) {
      return (await active(service, target)).filter(isOfDeployment).map((pod) => podOf(pod))
    },
    reports: (service) => services[service]?.management?.role !== undefined,
    async report(service, pod, ask) {
      const { port, role } = services[service]?.management ?? {}
      if (port === undefined || role === undefined) return null
      const timeoutMs = ask ? loginMs : answerMs
      const path = ask ? loginPath(role) : role
      const answer = await askPod(api, { namespace, pod, port, path, timeoutMs })
      if (answer?.status !== 200) return null
      try {
        return reportOf(JSON.parse(answer.body) as Partial<PodReport>)
      } catch {
        return null
      }
    },
    tellsOpenWork: (service) => services[service]?.management?.open !== undefined,
    async openWork(service, pod, { ago, late }) {
      const { port, open } = services[service]?.management ?? {}
      if (port === undefined || open === undefined) return null
      const path = `${open}?ago=${ago.toFixed(3)}&late=${late}`
      const answer = await askPod(api, { namespace, pod, port, path, timeoutMs: answerMs })
      return answer?.status === 200 ? openWorkOf(parseJson(answer.body)) : null
    },
    async rollout(slot) {
      const { lists, ...unread } = await look(rolloutPaths(slot))
      return { ...rolloutFrom(slot, lists), ...unread }
    },
    async dependency(name) {
      const paths = [sets, deployments, jobs, pods, { path: events, optional: true }]
      const { lists, ...unread } = await look(paths)
      return { ...releaseFrom(name, lists), ...unread }
    },
    async awaitRelease(name, judge, options) {
      // Helm deletes the Job of a hook that failed only when it makes the next one.
      const before = await api.get<V1JobList>(jobs).catch(() => null)
      const failed = (before?.items ?? []).filter(hasFailed)
      const ended = new Set(failed.map(({ metadata }) => metadata?.uid))
      const paths = [sets, deployments, jobs, pods, events].map((path) => ({
        path,
        optional: true,
      }))
      const judgeParts = ([found = [], others = [], made = [], ...rest]: KubernetesObject[][]) => {
        const current = (made as V1Job[]).filter(({ metadata }) => !ended.has(metadata?.uid))
        return judge(releaseFrom(name, [found, others, current, ...rest]))
      }
      return awaitObjects(api, paths, judgeParts, options)
    },
    awaitRollout: (slot, judge, options) =>
      awaitObjects(api, rolloutPaths(slot), (found) => judge(rolloutFrom(slot, found)), options),
    awaitEndpoints(service, which, judge, options) {
      const name = serviceName(service, which)
      const path = `${slices}?${queryOf({ 'kubernetes.io/service-name': name })}`
      return awaitObjects(
        api,
        [path],
        ([found = []]) => judge(readyEndpoints(found as V1EndpointSlice[])),
        options,
      )
    },
    async awaitEnd({ service, color, revision }, names, options) {
      const codes = new Map<string, number>()
      const path = `${pods}?${queryOf(selectorOf(service, { color, revision }))}`
      const left = (found: readonly V1Pod[]): string[] =>
        names.filter((name) => found.some((pod) => podName(pod) === name && !hasEnded(pod)))
      await awaitObjects(
        api,
        [path],
        ([found = []]) => {
          for (const pod of found as V1Pod[]) {
            const code = exitCodeOf(pod)
            if (code !== null) codes.set(podName(pod), code)
          }
          return left(found as V1Pod[]).length === 0 ? true : null
        },
        options,
      )
      return names.map((pod): PodEnd => ({ pod, exitCode: codes.get(pod) ?? null }))
    },
    async readiness(service, pod) {
      const { port, readiness } = services[service]?.management ?? {}
      if (port === undefined || readiness === undefined) return 'not ready'
      const request = { namespace, pod, port, path: readiness, timeoutMs: readinessMs }
      const answer = await askPod(api, request)
      return answer ? answer.body.trim().slice(0, 300) : 'no answer'
    },
    async logs(pod, container, { lines, previous }) {
      const query = `container=${container}&tailLines=${lines}&previous=${previous}`
      const path = `${pods}/${pod}/log?${query}`
      const { status, body } = await api.ask({ method: 'GET', path, retry: 'read' })
      if (status === 401 || status === 403) throw api.errorOf(status, 'GET', path, body)
      // It has written nothing yet, or the kubelet has deleted it.
      return status === 200 && !forgotten.test(body) ? body.trimEnd() : ''
    },
  }
}

interface Items {
  items: object[]
}

/** From the lists of `rolloutPaths`. */
function rolloutFrom(
  { revision }: SlotId,
  [deployments, pods, jobs, jobPods, events]: KubernetesObject[][],
): Rollout {
  return rolloutOf(revision, {
    deployments: (deployments ?? []) as V1Deployment[],
    pods: (pods ?? []) as V1Pod[],
    jobs: (jobs ?? []) as V1Job[],
    jobPods: (jobPods ?? []) as V1Pod[],
    events: (events ?? []) as CoreV1Event[],
  })
}

/** From the StatefulSets, Deployments, Jobs, pods and events of a namespace. */
function releaseFrom(
  name: string,
  [sets, deployments, jobs, pods, events]: KubernetesObject[][],
): Rollout {
  return releaseOf(name, {
    sets: (sets ?? []) as V1StatefulSet[],
    deployments: (deployments ?? []) as V1Deployment[],
    jobs: (jobs ?? []) as V1Job[],
    pods: (pods ?? []) as V1Pod[],
    events: (events ?? []) as CoreV1Event[],
  })
}

function podName({ metadata }: V1Pod): string {
  return metadata?.name ?? ''
}

/** Of the first container that failed, else 0. null while a container runs. */
function exitCodeOf(pod: V1Pod): number | null {
  const states = pod.status?.containerStatuses?.map(({ state }) => state?.terminated) ?? []
  if (states.length === 0 || states.some((state) => !state)) return null
  return states.find((state) => state?.exitCode !== 0)?.exitCode ?? 0
}
