// `metrics` and `grafana` in shopctl.yaml: what they may say, and where a mistake is.
import { expect, it } from 'vitest'
import { environmentWith, mistakeIn } from './environment.ts'

it('an environment has neither unless it says so', () => {
  const environment = environmentWith('protected: true')
  expect([environment.metrics, environment.grafana]).toEqual([undefined, undefined])
})

it.each<[string, object]>([
  [
    '{ service: observability/prometheus:9090 }',
    { service: { namespace: 'observability', name: 'prometheus', port: 9090 } },
  ],
  [
    '{ url: https://mimir.example.com/prometheus }',
    { url: 'https://mimir.example.com/prometheus' },
  ],
  ['{ url: http://127.0.0.1:9090 }', { url: 'http://127.0.0.1:9090' }],
  [
    '{ url: https://prometheus.example.com, token: PROMETHEUS_TOKEN }',
    { url: 'https://prometheus.example.com', token: 'PROMETHEUS_TOKEN' },
  ],
])('Prometheus may be %s', (value, expected) => {
  expect(environmentWith(`metrics: ${value}`).metrics).toEqual(expected)
})

const either = 'metrics: expected either `service` or `url`'
const address =
  'metrics.url: expected an address that begins with https://, without user, query and fragment'
const service =
  'metrics.service: expected a Service: <namespace>/<name>:<port>, such as monitoring/prometheus:9090'

it.each<[string, string]>([
  ['{}', either],
  ['{ service: a/b:1, url: https://a }', either],
  ['{ service: prometheus:9090 }', service],
  ['{ service: observability/prometheus }', service],
  ['{ service: observability/prometheus:0 }', service],
  ['{ service: Observability/prometheus:9090 }', service],
  ['{ service: a/../../pods:1 }', service],
  ['{ service: a/b:99999 }', 'metrics.service: expected a port up to 65535'],
  ['{ url: prometheus.example.com }', address],
  ['{ url: http://prometheus.example.com }', address],
  ['{ url: https://me:verysecret@prometheus.example.com }', address],
  ['{ url: https://prometheus.example.com?token=verysecret }', address],
  [
    '{ url: https://a, token: eyJhbGciOi.verysecret }',
    'metrics.token: expected the name of an environment variable, not its value',
  ],
  [
    '{ service: a/b:1, token: TOKEN }',
    'metrics.token: expected none: a Service is asked with the rights that you have in the cluster',
  ],
  ['{ service: a/b:1, namespace: c }', 'metrics.namespace: there is no such setting'],
  ['prometheus', 'metrics: expected a map, not text'],
])('metrics: %s is a mistake', (value, expected) => {
  const message = mistakeIn(`metrics: ${value}`)
  expect(message).toMatch(/^shopctl\.yaml:25:\d+: /)
  expect(message.replace(/^\S+ environments\.local\./, '')).toBe(expected)
  expect(message).not.toContain('verysecret')
})

it.each<[string, string]>([
  ['{ url: https://g.example.com }', 'grafana.token: expected text; it is missing'],
  ['{ token: TOKEN }', 'grafana.url: expected text; it is missing'],
  ['{ url: ftp://g, token: TOKEN }', address.replace('metrics', 'grafana')],
])('grafana: %s is a mistake', (value, expected) => {
  expect(mistakeIn(`grafana: ${value}`).replace(/^\S+ environments\.local\./, '')).toBe(expected)
})

it('Grafana has an address and the variable of a token', () => {
  const grafana = { url: 'https://g.example.com/grafana', token: 'GRAFANA_TOKEN' }
  expect(environmentWith(`grafana: { url: ${grafana.url}, token: GRAFANA_TOKEN }`).grafana).toEqual(
    grafana,
  )
})
