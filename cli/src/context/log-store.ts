// The store of an environment's logs.
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { createLoki } from '../adapters/logs/loki.ts'
import { createVictoriaLogs } from '../adapters/logs/victorialogs.ts'
import type { LogStoreConfig } from '../config/log-store.ts'
import { failed } from '../errors.ts'
import type { LogStore } from '../release/ports/logs.ts'
import { type PlaceOptions, placeOf } from './ask-place.ts'

const kinds = { victorialogs: createVictoriaLogs, loki: createLoki }

export interface LogStoreOptions extends Pick<PlaceOptions, 'limit' | 'token'> {
  now(): Date
}

export function createLogStore(
  { kind, namespace, ...config }: LogStoreConfig & { namespace: string },
  api: KubernetesApi,
  { now, ...options }: LogStoreOptions,
): LogStore {
  const unanswered = (_: string, message: string): Error => failed({ code: 'log-store', message })
  const place = placeOf(config, { api, ...options, unanswered })
  return kinds[kind]({ ...place, namespace, now })
}
