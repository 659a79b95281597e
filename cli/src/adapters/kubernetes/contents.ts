// Secrets and ConfigMaps of a namespace, and the immutable copies of them that slots use.
import type { Content, ContentId, Contents } from '../../release/ports/cluster.ts'
import type { KubernetesApi } from './api.ts'
import { addOnce, removeOnce } from './immutable.ts'
import { labels } from './objects.ts'

const paths: Record<ContentId['kind'], string> = { Secret: 'secrets', ConfigMap: 'configmaps' }
const kinds = ['Secret', 'ConfigMap'] as const

/** A copy has this label, and the original's name as an annotation: a name may be too long for a label. */
const managedBy = { key: 'app.kubernetes.io/managed-by', value: 'shopctl' }
const copyOf = 'shopctl.dev/copy-of'

/** The objects that use a copy by its name, by API group. */
const users: Record<string, readonly string[]> = {
  '/api/v1': ['pods'],
  '/apis/apps/v1': ['deployments', 'replicasets', 'statefulsets', 'daemonsets'],
  '/apis/batch/v1': ['jobs', 'cronjobs'],
}

interface Listed {
  items: { metadata: { deletionTimestamp?: string }; spec?: unknown }[]
}

export function createContents(api: KubernetesApi, namespace: string): Contents {
  const pathOf = (kind: ContentId['kind']): string =>
    `/api/v1/namespaces/${namespace}/${paths[kind]}`

  /** All names in the specs of what may use a copy. A pod that is ending has read it already. */
  const usedTexts = async (): Promise<Set<string>> => {
    const lists = Object.entries(users).flatMap(([group, plurals]) =>
      plurals.map((plural) => api.get<Listed>(`${group}/namespaces/${namespace}/${plural}`)),
    )
    const objects = (await Promise.all(lists)).flatMap((list) => list?.items ?? [])
    const standing = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    return new Set(standing.flatMap(({ spec }) => textsIn(spec)))
  }

  return {
    async read({ kind, name }) {
      const found = await api.get<Partial<Content>>(`${pathOf(kind)}/${name}`)
      const { data = {}, binaryData } = found ?? {}
      return found && { data, ...(binaryData && { binaryData }) }
    },
    async copy({ kind, name, of, service, color, content }) {
      const object = {
        apiVersion: 'v1',
        kind,
        metadata: {
          name,
          namespace,
          labels: {
            [managedBy.key]: managedBy.value,
            [labels.service]: service,
            [labels.color]: color,
          },
          annotations: { [copyOf]: of },
        },
        ...content,
      }
      return addOnce(api, pathOf(kind), object)
    },
    async sweep() {
      const ours = encodeURIComponent(`${managedBy.key}=${managedBy.value}`)
      const lists = await Promise.all(
        kinds.map(async (kind) => {
          const found = await api.metadata(`${pathOf(kind)}?labelSelector=${ours}`)
          const items = found?.items ?? []
          const copies = items.filter(({ metadata }) => metadata.annotations?.[copyOf])
          return copies.map(({ metadata: { name = '', labels: marks = {} } }) => {
            const color = marks[labels.color] === 'blue' ? 'blue' : 'green'
            return { kind, name, service: marks[labels.service] ?? '', color } as const
          })
        }),
      )
      const copies = lists.flat()
      if (copies.length === 0) return []
      const used = await usedTexts()
      const unused = copies.filter(({ name }) => !used.has(name))
      await Promise.all(unused.map(({ kind, name }) => removeOnce(api, `${pathOf(kind)}/${name}`)))
      return copies.filter(({ name }) => used.has(name))
    },
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
