// Pieces of what slots were deployed with: one immutable ConfigMap each.
import { expect, it } from 'vitest'
import { createPieces } from '../../../src/adapters/kubernetes/pieces.ts'
import { createFakeApi } from '../../fakes/kubernetes-api.ts'

const maps = '/api/v1/namespaces/shop/configmaps'
const hash = 'a'.repeat(64)

function empty() {
  const api = createFakeApi(Date.now)
  return { api, pieces: createPieces(api, 'shop') }
}

it('adds each one once, so that nobody can change it', async () => {
  const { api, pieces } = empty()
  expect(await pieces.add({ hash, content: Buffer.from('one') })).toBe(true)
  expect(await pieces.add({ hash, content: Buffer.from('two') })).toBe(false)
  expect(api.objects.get(`${maps}/shopctl-kept-${hash}`)).toMatchObject({
    kind: 'ConfigMap',
    immutable: true,
    binaryData: { content: Buffer.from('one').toString('base64') },
    metadata: { labels: { 'shopctl.dev/kept': 'piece' } },
  })
  expect(await pieces.read(hash)).toEqual({ hash, content: Buffer.from('one') })
})

it('lists its own alone', async () => {
  const { api, pieces } = empty()
  expect(await pieces.list()).toEqual([])
  api.put(`${maps}/shopctl-journal`, { metadata: { name: 'shopctl-journal' } })
  await pieces.add({ hash, content: Buffer.from('one') })
  expect(await pieces.list()).toEqual([hash])
})

it('does not mind one that is removed already', async () => {
  const { pieces } = empty()
  await pieces.remove(hash)
  expect(await pieces.read(hash)).toBeNull()
})

it('passes on what else goes wrong', async () => {
  const { api, pieces } = empty()
  api.faults.away = true
  const away = { code: 'cluster-unreachable' }
  await expect(pieces.add({ hash, content: Buffer.from('one') })).rejects.toMatchObject(away)
  await expect(pieces.remove(hash)).rejects.toMatchObject(away)
})
