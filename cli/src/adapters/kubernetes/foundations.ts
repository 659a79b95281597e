// Namespace, Secrets and Helm's own records, as far as a deploy has to see to them.
import type { V1Namespace, V1Secret, V1SecretList, V1StatefulSet } from '@kubernetes/client-node'
import type { Foundations } from '../../release/ports.ts'
import { isConflict, type KubernetesApi } from './api.ts'
import { awaitObjects } from './watch.ts'

function readyAndWanted(set: V1StatefulSet): { ready: number; replicas: number } {
  return {
    ready: set.status?.readyReplicas ?? 0,
    replicas: set.spec?.replicas ?? 1,
  }
}

/** Names of the releases whose latest revision is not `deployed`; Helm keeps a Secret per revision. */
export function unfinished(secrets: readonly V1Secret[]): string[] {
  const latest = new Map<string, { version: number; status: string }>()
  for (const { metadata } of secrets) {
    const { name = '', version = '0', status = '' } = metadata?.labels ?? {}
    if (Number(version) > (latest.get(name)?.version ?? 0))
      latest.set(name, { version: Number(version), status })
  }
  return [...latest].flatMap(([name, { status }]) => (status === 'deployed' ? [] : [name]))
}

export function createFoundations(api: KubernetesApi, namespace: string): Foundations {
  const core = `/api/v1/namespaces/${namespace}`
  const secrets = `${core}/secrets`
  const statefulSets = `/apis/apps/v1/namespaces/${namespace}/statefulsets`
  return {
    async ensureNamespace() {
      if (await api.get<V1Namespace>(core)) return
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
      try {
        await api.send('POST', '/api/v1/namespaces', object)
      } catch (error) {
        if (!isConflict(error)) throw error
      }
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
    async unfinishedReleases(names) {
      const past = encodeURIComponent('owner=helm,status!=superseded')
      const list = await api.get<V1SecretList>(`${secrets}?labelSelector=${past}`)
      return unfinished(list?.items ?? []).filter((name) => names.includes(name))
    },
    async clearPendingReleases(names) {
      if (names.length === 0) return []
      const pending = 'owner=helm,status in (pending-install,pending-upgrade,pending-rollback)'
      const list = await api.get<V1SecretList>(
        `${secrets}?labelSelector=${encodeURIComponent(pending)}`,
      )
      const found = (list?.items ?? []).filter(({ metadata }) =>
        names.includes(metadata?.labels?.name ?? ''),
      )
      await Promise.all(
        found.map(({ metadata }) => api.send('DELETE', `${secrets}/${metadata?.name}`, {})),
      )
      return [...new Set(found.map(({ metadata }) => metadata?.labels?.name ?? ''))]
    },
    async statefulSet(name) {
      const found = await api.get<V1StatefulSet>(`${statefulSets}/${name}`)
      return found && readyAndWanted(found)
    },
    async awaitStatefulSet(name, options) {
      const path = `${statefulSets}?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`
      const judge = ([found = []]: unknown[][]): true | null =>
        (found as V1StatefulSet[]).some((set) => readyAndWanted(set).ready > 0) ? true : null
      return (await awaitObjects(api, [path], judge, options)) !== null
    },
  }
}
