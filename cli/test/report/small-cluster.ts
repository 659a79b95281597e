// A project on an API server that knows one operation, and behind it a Prometheus that knows some of its figures.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Operation } from '../../src/release/record.ts'
import { writeKubeconfig } from '../fakes/api-server.ts'
import { configText } from '../fakes/config.ts'

export interface SmallCluster {
  /** For the environment of a command that runs in the folder. */
  env: Record<string, string>
  /** The queries that Prometheus got. */
  queries: string[]
  isPrometheusAway: boolean
  close(): void
}

/** Writes shopctl.yaml and a kubeconfig into the folder. */
export async function startSmallCluster(
  folder: string,
  operation: Operation,
): Promise<SmallCluster> {
  const queries: string[] = []
  const cluster = { env: {}, queries, isPrometheusAway: false, close: () => void server.close() }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    const query = searchParams.get('query')
    if (query !== null) queries.push(query)
    const body = query === null ? listOf(pathname, operation) : answerTo(query, searchParams)
    const isAway = query !== null && cluster.isPrometheusAway
    const found = body ? 200 : 404
    response.writeHead(isAway ? 503 : found, { 'content-type': 'application/json' })
    response.end(
      isAway ? 'busy' : JSON.stringify(body ?? { kind: 'Status', code: 404, message: 'not found' }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const named = 'cluster: { context: a, registry: "127.0.0.1:1" }'
  const metrics = '    metrics: { service: "monitoring/prometheus:9090" }\n'
  const text = configText
    .replace('cluster: embedded', named)
    .replace('    secrets:', `${metrics}$&`)
  writeFileSync(join(folder, 'shopctl.yaml'), text)
  const KUBECONFIG = writeKubeconfig(folder, { server: `http://127.0.0.1:${port}` })
  return Object.assign(cluster, { env: { KUBECONFIG } })
}

/** Nothing is there but the journal. null: it is no list. */
function listOf(path: string, operation: Operation): object | null {
  const metadata = { resourceVersion: '1' }
  if (path.endsWith('/configmaps')) {
    const labels = { 'shopctl.dev/journal': 'record' }
    const record = { metadata: { name: 'a', labels }, data: { record: JSON.stringify(operation) } }
    return { metadata, items: [record] }
  }
  return /\/[a-z]+s$/.test(path) ? { metadata, items: [] } : null
}

/** 30 requests/s of order green, always, and nothing else. */
function answerTo(query: string, range: URLSearchParams): object {
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(range.get(name))) as [
    number,
    number,
    number,
  ]
  const isRange = range.has('step')
  const isKnown =
    query.startsWith('sum by (service, color) (rate(http_request') && !/ or /.test(query)
  const values = Array.from({ length: Math.floor((end - start) / step) + 1 || 0 }, (_, index) => [
    ...[start + index * step, '30'],
  ])
  const series = { metric: { service: 'order', color: 'green' }, values }
  const data = isRange
    ? { resultType: 'matrix', result: isKnown ? [series] : [] }
    : { resultType: 'vector', result: [{ metric: {}, value: [end, '60'] }] }
  return { status: 'success', data }
}
