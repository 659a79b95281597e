// The store of an environment's logs: a Service of its cluster, or an address.
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { askService } from '../adapters/kubernetes/service-proxy.ts'
import { createLoki } from '../adapters/logs/loki.ts'
import type { StoreOptions } from '../adapters/logs/store.ts'
import { createVictoriaLogs } from '../adapters/logs/victorialogs.ts'
import type { Limit } from '../adapters/shell.ts'
import type { LogStoreConfig } from '../config/log-store.ts'
import { failed } from '../errors.ts'
import type { LogStore } from '../release/ports/logs.ts'
import { askAddress } from './ask-address.ts'

const kinds = { victorialogs: createVictoriaLogs, loki: createLoki }

export interface LogStoreOptions {
  /** For an answer: a query may have to read much. */
  limit: Limit
  /** The value of the variable that `token` names. undefined: it is not set. */
  token: string | undefined
  now(): Date
}

export function createLogStore(
  { kind, service, url = '', token: variable, namespace }: LogStoreConfig & { namespace: string },
  api: KubernetesApi,
  { limit, token: value, now }: LogStoreOptions,
): LogStore {
  const timeoutMs = limit.seconds * 1_000
  if (service) {
    const name = `${service.namespace}/${service.name}:${service.port}`
    const ask: StoreOptions['ask'] = (path, signal) =>
      askService(api, service, path, { signal, timeoutMs })
    return kinds[kind]({ name, namespace, ask, now })
  }
  const base = url.replace(/\/$/, '')
  const token = variable === undefined ? null : { variable, value }
  const unanswered = (message: string): Error => failed({ code: 'log-store', message })
  const ask: StoreOptions['ask'] = (path, signal) =>
    askAddress(base, path, { token, limit, signal, unanswered })
  return kinds[kind]({ name: base, namespace, ask, now })
}
