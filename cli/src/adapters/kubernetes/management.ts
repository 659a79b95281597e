// The management port of pods.
import { text } from 'node:stream/consumers'
import type { ServiceConfig } from '../../config/schema.ts'
import { failed, interrupted, said } from '../../errors.ts'
import type { Management } from '../../release/ports/cluster.ts'
import { type Limit, noAnswer } from '../shell.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { askPod, isFromCluster } from './ask-pod.ts'
import { podPath } from './objects.ts'

/** `limit` is for an answer: a service may have to sum over whole tables. */
export function createManagement(
  api: KubernetesApi,
  namespace: string,
  services: Readonly<Record<string, ServiceConfig>>,
  limit: Limit,
): Management {
  const answerMs = limit.seconds * 1000
  const portOf = (service: string): number => services[service]?.management?.port ?? 0
  return {
    path: (service, what) => services[service]?.management?.[what] ?? null,
    ask(service, pod, method, path, signal) {
      const port = portOf(service)
      const retry = method === 'GET'
      const request = { namespace, pod, port, method, path, timeoutMs: answerMs, signal, retry }
      return askPod(api, request)
    },
    async *lines(service, pod, path, signal) {
      const target = podPath(namespace, pod, portOf(service), path)
      const request = {
        method: 'GET',
        path: target,
        timeoutMs: answerMs,
        signal,
        retry: 'read' as const,
      }
      const response = await api.open(request)
      const status = response.statusCode ?? 0
      if (status !== 200) {
        const body = await text(response)
        const error = api.errorOf(status, 'GET', target, body)
        if (isFromCluster(body) && isDenied(error)) throw error
        throw unread(namespace, pod, path, `${status} ${body.slice(0, 300)}`)
      }
      response.setEncoding('utf8')
      response.setTimeout(answerMs, () =>
        response.destroy(new Error(`the answer is incomplete, ${noAnswer(limit)}`)),
      )
      let rest = ''
      try {
        for await (const chunk of response) {
          const found = `${rest}${chunk}`.split('\n')
          rest = found.pop() ?? ''
          for (const line of found) if (line.trim() !== '') yield line
        }
      } catch (cause) {
        if (signal.aborted) throw interrupted()
        throw unread(namespace, pod, path, said(cause))
      }
      if (rest.trim() !== '') yield rest
    },
  }
}

function unread(namespace: string, pod: string, path: string, why: string): Error {
  return failed({
    code: 'not-answered',
    message: `${pod} did not answer GET ${path.split('?')[0]}: ${why}`,
    hint: `Run \`kubectl -n ${namespace} logs ${pod}\`, or run the command again.`,
  })
}
