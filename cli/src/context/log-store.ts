// The store of an environment's logs: a Service of its cluster, or an address.
import { sendOnce } from '../adapters/http.ts'
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { askService } from '../adapters/kubernetes/service-proxy.ts'
import { createLoki } from '../adapters/logs/loki.ts'
import type { StoreOptions } from '../adapters/logs/store.ts'
import { createVictoriaLogs } from '../adapters/logs/victorialogs.ts'
import { type Limit, noAnswer } from '../adapters/shell.ts'
import type { LogStoreConfig } from '../config/log-store.ts'
import { failed, interrupted, said } from '../errors.ts'
import type { LogStore } from '../release/ports/logs.ts'
import { agentOf } from './agents.ts'

const kinds = { victorialogs: createVictoriaLogs, loki: createLoki }

export interface LogStoreOptions {
  /** For an answer: a query may have to read much. */
  limit: Limit
  now(): Date
}

export function createLogStore(
  { kind, service, url = '', namespace }: LogStoreConfig & { namespace: string },
  api: KubernetesApi,
  { limit, now }: LogStoreOptions,
): LogStore {
  const timeoutMs = limit.seconds * 1_000
  if (service) {
    const name = `${service.namespace}/${service.name}:${service.port}`
    const ask: StoreOptions['ask'] = (path, signal) =>
      askService(api, service, path, { signal, timeoutMs })
    return kinds[kind]({ name, namespace, ask, now })
  }
  const base = url.replace(/\/$/, '')
  const ask: StoreOptions['ask'] = async (path, signal) => {
    const late = AbortSignal.timeout(timeoutMs)
    const address = new URL(`${base}${path}`)
    const request = { method: 'GET', headers: {}, signal: AbortSignal.any([late, signal]) }
    try {
      const response = await sendOnce(address, request, await agentOf(address))
      return { status: response.status, text: await response.text() }
    } catch (error) {
      if (signal.aborted) throw interrupted()
      const message = late.aborted ? noAnswer(limit) : said(error)
      throw failed({ code: 'log-store', message })
    }
  }
  return kinds[kind]({ name: base, namespace, ask, now })
}
