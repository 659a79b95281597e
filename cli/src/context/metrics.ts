// The Prometheus of an environment: a Service of its cluster, or an address.
import { sendOnce } from '../adapters/http.ts'
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { askService } from '../adapters/kubernetes/service-proxy.ts'
import { createPrometheus, type PrometheusOptions } from '../adapters/prometheus/prometheus.ts'
import { type Limit, noAnswer } from '../adapters/shell.ts'
import type { MetricsConfig } from '../config/monitoring.ts'
import { failed, interrupted, said } from '../errors.ts'
import type { Metrics } from '../release/ports/metrics.ts'
import { agentOf } from './agents.ts'

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
  { service, url, token: variable }: MetricsConfig,
  { api, limit, token, signal }: Omit<Options, 'env' | 'warn'>,
): PrometheusOptions['ask'] {
  const timeoutMs = limit.seconds * 1_000
  if (service) return (path) => askService(api, service, path, { signal, timeoutMs })
  const base = (url ?? '').replace(/\/$/, '')
  return async (path) => {
    if (variable && !token) throw unanswered(base, `the variable ${variable} is not set`)
    const late = AbortSignal.timeout(timeoutMs)
    const address = new URL(`${base}${path}`)
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    const request = { method: 'GET', headers, signal: AbortSignal.any([late, signal]) }
    try {
      const response = await sendOnce(address, request, await agentOf(address))
      return { status: response.status, text: await response.text() }
    } catch (error) {
      if (signal.aborted) throw interrupted()
      throw unanswered(base, late.aborted ? noAnswer(limit) : said(error))
    }
  }
}

function unanswered(base: string, why: string): Error {
  const message = `${base} cannot be asked: ${why}`
  return failed({ code: 'metrics-unanswered', message })
}
