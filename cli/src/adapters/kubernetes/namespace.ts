// The namespace of an environment, its Secrets, and whether its StatefulSets run.
import type { V1Namespace, V1Secret, V1StatefulSet } from '@kubernetes/client-node'
import type { Namespace } from '../../release/ports/cluster.ts'
import { endingNamespace, isConflict, type KubernetesApi } from './api.ts'
import { named } from './objects.ts'
import { awaitObjects } from './watch.ts'

function readyAndWanted(set: V1StatefulSet): { ready: number; replicas: number } {
  return {
    ready: set.status?.readyReplicas ?? 0,
    replicas: set.spec?.replicas ?? 1,
  }
}

/** The texts of a Warning header (RFC 9111, as the API server writes it): `299 - "text", 299 - "text"`. */
function warningsIn(header: string): string[] {
  return [...header.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, quoted = '']) =>
    quoted.replaceAll(/\\(.)/g, '$1'),
  )
}

export function createNamespace(api: KubernetesApi, namespace: string): Namespace {
  const core = `/api/v1/namespaces/${namespace}`
  const secrets = `${core}/secrets`
  const statefulSets = `/apis/apps/v1/namespaces/${namespace}/statefulsets`
  return {
    async ensure() {
      const uidOf = (found: V1Namespace | null): string => found?.metadata?.uid ?? ''
      const found = await api.get<V1Namespace>(core)
      if (found?.status?.phase === 'Terminating') throw endingNamespace(namespace)
      if (found) return uidOf(found)
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
      try {
        return uidOf(await api.send<V1Namespace>('POST', '/api/v1/namespaces', object))
      } catch (error) {
        if (!isConflict(error)) throw error
        return uidOf(await api.get<V1Namespace>(core))
      }
    },
    async labels() {
      const found = await api.get<V1Namespace>(core)
      return found && (found.metadata?.labels ?? {})
    },
    async label(labels, { dryRun }) {
      const path = `${core}?fieldManager=shopctl${dryRun ? '&dryRun=All' : ''}`
      const body = JSON.stringify({ metadata: { labels } })
      const headers = { 'content-type': 'application/merge-patch+json' }
      const request = { method: 'PATCH', path, headers, body, retry: 'write' as const }
      const answer = await api.ask(request)
      if (answer.status === 403) return null
      if (answer.status >= 300) throw api.errorOf(answer.status, 'PATCH', path, answer.body)
      return warningsIn(String(answer.headers.warning ?? ''))
    },
    async readSecret(name) {
      const secret = await api.get<V1Secret>(`${secrets}/${name}`)
      if (!secret) return null
      const entries = Object.entries(secret.data ?? {})
      return Object.fromEntries(
        entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
      )
    },
    async addToSecret(name, entries) {
      const found = await api.get<V1Secret>(`${secrets}/${name}`)
      const data = Object.fromEntries(
        Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      )
      const object = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: found?.metadata ?? { name, namespace },
        type: found?.type ?? 'Opaque',
        data: { ...data, ...found?.data },
      }
      if (found) await api.send('PUT', `${secrets}/${name}`, object)
      else await api.send('POST', secrets, object)
    },
    async statefulSet(name) {
      const found = await api.get<V1StatefulSet>(`${statefulSets}/${name}`)
      return found && readyAndWanted(found)
    },
    async awaitStatefulSet(name, options) {
      const path = `${statefulSets}?${named(name)}`
      const judge = ([found = []]: unknown[][]): true | null =>
        (found as V1StatefulSet[]).some((set) => readyAndWanted(set).ready > 0) ? true : null
      return (await awaitObjects(api, [path], judge, options)) !== null
    },
  }
}
