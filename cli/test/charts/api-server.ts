// As much of an API server as helm asks for when a chart looks a StatefulSet in namespace `shop` up.
import { createServer } from 'node:http'
import type { KubernetesObject } from './helm.ts'

/** The kinds of the charts that use `lookup`, by group: helm maps each object that it renders. */
const kinds: Record<string, Record<string, string>> = {
  '': { configmaps: 'ConfigMap', services: 'Service' },
  apps: { statefulsets: 'StatefulSet' },
  batch: { jobs: 'Job' },
  policy: { poddisruptionbudgets: 'PodDisruptionBudget' },
}

function discovery(): [path: string, answer: unknown][] {
  const groups = Object.keys(kinds).filter((group) => group !== '')
  const version = (group: string) => ({ groupVersion: `${group}/v1`, version: 'v1' })
  return [
    ['/version', { major: '1', minor: '34', gitVersion: 'v1.34.0' }],
    ['/api', { kind: 'APIVersions', versions: ['v1'] }],
    [
      '/apis',
      {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: groups.map((name) => ({
          name,
          versions: [version(name)],
          preferredVersion: version(name),
        })),
      },
    ],
    ...Object.entries(kinds).map(([group, plurals]): [string, unknown] => [
      group ? `/apis/${group}/v1` : '/api/v1',
      {
        kind: 'APIResourceList',
        groupVersion: group ? `${group}/v1` : 'v1',
        resources: Object.entries(plurals).map(([name, kind]) => ({
          name,
          kind,
          singularName: kind.toLowerCase(),
          namespaced: true,
          verbs: ['get'],
        })),
      },
    ]),
  ]
}

export async function serveStatefulSets(sets: readonly KubernetesObject[]) {
  const answers = new Map(discovery())
  for (const set of sets) {
    answers.set(`/apis/apps/v1/namespaces/shop/statefulsets/${set.metadata.name}`, set)
  }
  const missing = { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 }
  /** Paths that helm asked for. */
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    requests.push(path)
    const answer = answers.get(path)
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? missing))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return { url: `http://127.0.0.1:${address.port}`, requests, close: () => server.close() }
}
