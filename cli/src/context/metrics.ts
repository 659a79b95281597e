// The Prometheus of an environment.
import { createPrometheus, type PrometheusOptions } from '../adapters/prometheus/prometheus.ts'
import type { MetricsConfig } from '../config/monitoring.ts'
import { failed } from '../errors.ts'
import type { Metrics } from '../release/ports/metrics.ts'
import { type PlaceOptions, placeOf } from './ask-place.ts'

interface Options
  extends Pick<PrometheusOptions, 'env' | 'warn'>,
    Omit<PlaceOptions, 'unanswered'> {
  signal: AbortSignal
}

export function createMetrics(
  config: MetricsConfig,
  { env, warn, signal, ...options }: Options,
): Metrics {
  const unanswered = (name: string, why: string): Error =>
    failed({ code: 'metrics-unanswered', message: `${name} cannot be asked: ${why}` })
  const { ask } = placeOf(config, { ...options, unanswered })
  return createPrometheus({ ask: (path) => ask(path, signal), env, warn })
}
