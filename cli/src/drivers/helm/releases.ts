// The Secrets in which Helm keeps its releases, one per revision. Only their metadata is read.
import type { KubernetesApi, MetadataList } from '../../adapters/kubernetes/api.ts'
import type { Recorded } from '../../release/ports/driver.ts'
import { marksOf } from './helm.ts'

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
}

export function createReleases(api: KubernetesApi, namespace: string): Releases {
  const secrets = `/api/v1/namespaces/${namespace}/secrets`
  const list = async (selector: string): Promise<MetadataList['items']> => {
    const path = `${secrets}?labelSelector=${encodeURIComponent(`owner=helm,${selector}`)}`
    return (await api.metadata(path))?.items ?? []
  }
  return {
    recorded: async () => recordedOf(await list('status!=superseded')),
    async repair(name) {
      const revisions = await list(`name=${name}`)
      const last = revisions.reduce(
        (latest, each) => (versionOf(each) > versionOf(latest) ? each : latest),
        revisions[0] ?? { metadata: { name: '' } },
      )
      const status = last.metadata.labels?.status ?? 'deployed'
      const unwanted = leftovers(status, revisions, last)
      await Promise.all(
        unwanted.map(({ metadata }) => api.send('DELETE', `${secrets}/${metadata.name}`, {})),
      )
      return unwanted.length > 0
    },
  }
}

type Revision = MetadataList['items'][number]

function versionOf({ metadata }: Revision): number {
  return Number(metadata.labels?.version ?? 0)
}

/** Helm refuses to upgrade a pending release, and one whose uninstall was killed. */
function leftovers(status: string, all: readonly Revision[], last: Revision): readonly Revision[] {
  if (status.startsWith('pending-')) return [last]
  return status === 'uninstalling' || status === 'uninstalled' ? all : []
}
