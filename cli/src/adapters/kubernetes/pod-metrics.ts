// The metrics of pods, on their management port.
import type { ServiceConfig } from '../../config/schema.ts'
import type { PodMetrics } from '../../release/ports/pod-metrics.ts'
import type { KubernetesApi } from './api.ts'
import { askPod } from './ask-pod.ts'
import { readingOf } from './metrics-text.ts'

/** A pod that is slower counts as unread: a watch looks each second. */
const answerMs = 1_500

export function createPodMetrics(
  api: KubernetesApi,
  namespace: string,
  services: Readonly<Record<string, ServiceConfig>>,
): PodMetrics {
  return {
    isNamed: (service) => services[service]?.management?.metrics !== undefined,
    async read(service, pod) {
      const { port, metrics: path } = services[service]?.management ?? {}
      if (port === undefined || path === undefined) return null
      const answer = await askPod(api, { namespace, pod, port, path, timeoutMs: answerMs })
      return answer?.status === 200 ? readingOf(answer.body) : null
    },
  }
}
