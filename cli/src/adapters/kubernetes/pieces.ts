// What slots were deployed with: one immutable ConfigMap per piece.
import type { V1ConfigMap } from '@kubernetes/client-node'
import { type Pieces, pieceHash, pieceName } from '../../release/ports/pieces.ts'
import { isConflict, type KubernetesApi } from './api.ts'

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
    async add({ hash, content }) {
      const object = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: pieceName(hash), namespace, labels: { [label]: 'piece' } },
        immutable: true,
        binaryData: { [key]: Buffer.from(content).toString('base64') },
      }
      try {
        await api.send('POST', maps, object)
        return true
      } catch (error) {
        // Its name is the hash of its content, and it cannot be changed.
        if (!isConflict(error)) throw error
        return false
      }
    },
    async remove(hash) {
      await api.send('DELETE', `${maps}/${pieceName(hash)}`, {}).catch((error) => {
        if (error.code !== 'not-found') throw error
      })
    },
  }
}
