// The Secrets in which Helm keeps its releases, one per revision.
import { gunzipSync } from 'node:zlib'
import type { V1Secret } from '@kubernetes/client-node'
import type { KubernetesApi, MetadataList } from '../../adapters/kubernetes/api.ts'
import type { Recorded } from '../../release/ports/driver.ts'
import { markLabel, marksOf } from './helm.ts'

/** The latest revision of each release, by name. */
export function recordedOf(secrets: readonly Revision[]): Record<string, Recorded> {
  const latest = new Map<string, { version: number; labels: Record<string, string> }>()
  for (const { metadata } of secrets) {
    const labels = metadata.labels ?? {}
    const { name = '', version = '0' } = labels
    if (Number(version) > (latest.get(name)?.version ?? 0))
      latest.set(name, { version: Number(version), labels })
  }
  return Object.fromEntries(
    [...latest].map(([name, { labels }]) => [
      name,
      { finished: labels.status === 'deployed', marks: marksOf(labels) },
    ]),
  )
}

export interface Releases {
  recorded(): Promise<Record<string, Recorded>>
  /** Prepares an incomplete release for the next upgrade. Returns whether it was incomplete. */
  repair(name: string): Promise<boolean>
  /** The number of the last complete revision that has this mark. null: there is none. */
  find(name: string, mark: string, value: string): Promise<number | null>
}

export function createReleases(api: KubernetesApi, namespace: string): Releases {
  const secrets = `/api/v1/namespaces/${namespace}/secrets`
  const list = async (selector: string): Promise<Revision[]> => {
    const path = `${secrets}?labelSelector=${encodeURIComponent(['owner=helm', selector].filter(Boolean).join())}`
    return (await api.metadata(path))?.items ?? []
  }
  /** Helm skips a revision that it cannot read, and then writes another one with the same number. */
  const isReadable = async ({ metadata }: Revision): Promise<boolean> => {
    const secret = await api.get<V1Secret>(`${secrets}/${metadata.name}`)
    try {
      const packed = Buffer.from(secret?.data?.release ?? '', 'base64').toString()
      JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString())
      return true
    } catch {
      return false
    }
  }
  return {
    recorded: async () => recordedOf(await list('')),
    async repair(name) {
      let left = (await list(`name=${name}`)).toSorted((a, b) => versionOf(a) - versionOf(b))
      const all = left.length
      // Below an incomplete revision there may be another one.
      for (let last = left.at(-1); last; last = left.at(-1)) {
        const unwanted = (await isReadable(last)) ? leftovers(left, last) : [last]
        if (unwanted.length === 0) break
        await Promise.all(
          unwanted.map(({ metadata }) => api.send('DELETE', `${secrets}/${metadata.name}`, {})),
        )
        left = left.filter((each) => !unwanted.includes(each))
      }
      return left.length < all
    },
    async find(name, mark, value) {
      const revisions = await list(`name=${name},${markLabel(mark)}=${value}`)
      const complete = revisions.filter(({ metadata }) =>
        ['deployed', 'superseded'].includes(metadata.labels?.status ?? ''),
      )
      return complete.length > 0 ? Math.max(...complete.map(versionOf)) : null
    },
  }
}

type Revision = NonNullable<MetadataList['items']>[number]

function versionOf({ metadata }: Revision): number {
  return Number(metadata.labels?.version ?? 0)
}

/** Helm refuses to upgrade a pending release, and one whose uninstall was killed. */
function leftovers(all: readonly Revision[], last: Revision): readonly Revision[] {
  const status = last.metadata.labels?.status ?? 'deployed'
  if (status.startsWith('pending-')) return [last]
  return status === 'uninstalling' || status === 'uninstalled' ? all : []
}
