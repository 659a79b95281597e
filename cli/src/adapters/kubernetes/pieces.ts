// What slots were deployed with: one immutable ConfigMap per piece.
import type { V1ConfigMap } from '@kubernetes/client-node'
import { type Pieces, pieceHash, pieceName } from '../../release/ports/pieces.ts'
import type { KubernetesApi } from './api.ts'
import { addOnce, removeOnce } from './immutable.ts'

const label = 'shopctl.dev/kept'
const key = 'content'

export function createPieces(api: KubernetesApi, namespace: string): Pieces {
  const maps = `/api/v1/namespaces/${namespace}/configmaps`
  return {
    async list() {
      const found = await api.metadata(`${maps}?labelSelector=${encodeURIComponent(label)}`)
      return (found?.items ?? []).map(({ metadata }) => pieceHash(metadata.name ?? ''))
    },
    async read(hash) {
      const found = await api.get<V1ConfigMap>(`${maps}/${pieceName(hash)}`)
      return found && { hash, content: Buffer.from(found.binaryData?.[key] ?? '', 'base64') }
    },
    add: ({ hash, content }) =>
      addOnce(api, maps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: pieceName(hash), namespace, labels: { [label]: 'piece' } },
        binaryData: { [key]: Buffer.from(content).toString('base64') },
      }),
    remove: (hash) => removeOnce(api, `${maps}/${pieceName(hash)}`),
  }
}
