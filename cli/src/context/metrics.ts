// The Prometheus of an environment: a Service of its cluster, or an address.
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { askService } from '../adapters/kubernetes/service-proxy.ts'
import { createPrometheus, type PrometheusOptions } from '../adapters/prometheus/prometheus.ts'
import type { Limit } from '../adapters/shell.ts'
import type { MetricsConfig } from '../config/monitoring.ts'
import { failed } from '../errors.ts'
import type { Metrics } from '../release/ports/metrics.ts'
import { askAddress } from './ask-address.ts'

interface Options extends Pick<PrometheusOptions, 'env' | 'warn'> {
  api: KubernetesApi
  limit: Limit
  /** The value of the variable that `token` names. undefined: it is not set. */
  token: string | undefined
  signal: AbortSignal
}

export function createMetrics(config: MetricsConfig, { env, warn, ...options }: Options): Metrics {
  return createPrometheus({ ask: askerOf(config, options), env, warn })
}

function askerOf(
  { service, url = '', token: variable }: MetricsConfig,
  { api, limit, token: value, signal }: Omit<Options, 'env' | 'warn'>,
): PrometheusOptions['ask'] {
  const timeoutMs = limit.seconds * 1_000
  if (service) return (path) => askService(api, service, path, { signal, timeoutMs })
  const base = url.replace(/\/$/, '')
  const token = variable === undefined ? null : { variable, value }
  const unanswered = (why: string): Error =>
    failed({ code: 'metrics-unanswered', message: `${base} cannot be asked: ${why}` })
  return (path) => askAddress(base, path, { token, limit, signal, unanswered })
}
