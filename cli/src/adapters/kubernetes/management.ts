// The management port of pods.
import { text } from 'node:stream/consumers'
import type { ServiceConfig } from '../../config/schema.ts'
import { failed, interrupted, refused, said } from '../../errors.ts'
import type { Management } from '../../release/ports/cluster.ts'
import { type Limit, noAnswer } from '../shell.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { askPod, isFromCluster } from './ask-pod.ts'
import { podPath } from './objects.ts'
import { type OperatorTokens, operatorName } from './operator-tokens.ts'

/** Not `Authorization`, which the API server's proxy removes. */
const tokenHeader = 'x-shopctl-token'
/** For the log of the pod, percent-encoded. */
const byHeader = 'x-shopctl-by'

/** `by` is who asks. `limit` is for an answer: a service may have to sum over whole tables. */
export function createManagement(
  api: KubernetesApi,
  namespace: string,
  services: Readonly<Record<string, ServiceConfig>>,
  { tokens, by, limit }: { tokens: OperatorTokens; by: string; limit: Limit },
): Management {
  const answerMs = limit.seconds * 1000
  const portOf = (service: string): number => services[service]?.management?.port ?? 0
  const headersFor = async (service: string): Promise<Record<string, string>> => {
    const token = await tokens(service)
    return { [byHeader]: encodeURIComponent(by), ...(token !== null && { [tokenHeader]: token }) }
  }
  return {
    path: (service, what) => services[service]?.management?.[what] ?? null,
    async ask(service, pod, method, path, signal) {
      const port = portOf(service)
      const headers = await headersFor(service)
      const retry = method === 'GET'
      const request = { namespace, pod, port, method, path, headers, signal, retry }
      const answer = await askPod(api, { ...request, timeoutMs: answerMs })
      if (answer && isRefused(answer.status)) throw notLetIn(service, pod, headers, answer.body)
      return answer
    },
    async *lines(service, pod, path, signal) {
      const target = podPath(namespace, pod, portOf(service), path)
      const headers = await headersFor(service)
      const request = {
        method: 'GET',
        path: target,
        headers,
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
        if (isRefused(status)) throw notLetIn(service, pod, headers, body)
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
          yield* found.filter((line) => line.trim() !== '')
        }
      } catch (cause) {
        if (signal.aborted) throw interrupted()
        throw unread(namespace, pod, path, said(cause))
      }
      if (rest.trim() !== '') yield rest
    },
  }
}

function isRefused(status: number): boolean {
  return status === 401 || status === 403
}

function notLetIn(
  service: string,
  pod: string,
  headers: Record<string, string>,
  body: string,
): Error {
  const account = `ServiceAccount ${operatorName(service)}`
  const hasToken = tokenHeader in headers
  const what = hasToken ? `the token of the ${account}` : 'a request without a token'
  return refused({
    code: 'not-allowed',
    message: `${pod} does not accept ${what}: ${body.slice(0, 300)}`,
    hint: hasToken
      ? `Run \`kubectl logs ${pod}\` to see what it reviews, then run the command again.`
      : `There is no ${account}. Run \`shopctl deploy --service ${service}\`, which creates it.`,
  })
}

function unread(namespace: string, pod: string, path: string, why: string): Error {
  return failed({
    code: 'not-answered',
    message: `${pod} did not answer GET ${path.split('?')[0]}: ${why}`,
    hint: `Run \`kubectl -n ${namespace} logs ${pod}\`, or run the command again.`,
  })
}
