// What the API server says to the labels of a namespace.
import { expect, it } from 'vitest'
import { errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createNamespace } from '../../../src/adapters/kubernetes/namespace.ts'

function namespaceThatAnswers(status: number, warning?: string) {
  const headers = warning === undefined ? {} : { warning }
  const ask = async () => ({ status, headers, body: '{"message":"because"}' })
  return createNamespace({ ask, errorOf } as unknown as KubernetesApi, 'shop')
}

it.each([
  ['without a warning', 200, undefined, []],
  [
    'with warnings',
    200,
    '299 - "in \\"shop\\", a, b", 299 - "web: c"',
    ['in "shop", a, b', 'web: c'],
  ],
  ['that the user may not set', 403, undefined, null],
] as const)('labels %s', async (_, status, warning, expected) => {
  const { label } = namespaceThatAnswers(status, warning)
  expect(await label({ a: 'b' }, { dryRun: true })).toEqual(expected)
})

it('that cannot be set fail with the words of the cluster', async () => {
  const { label } = namespaceThatAnswers(500)
  await expect(label({ a: 'b' }, { dryRun: false })).rejects.toThrow(/answered 500.*because/)
})

it.each([
  ['is being deleted is refused', 'Terminating', 'namespace-ending'],
  ['is there is taken', 'Active', null],
])('one that %s, before anything is written', async (_, phase, code) => {
  const get = async () => ({ metadata: { uid: 'u' }, status: { phase } })
  const ensured = createNamespace({ get } as unknown as KubernetesApi, 'shop').ensure()
  if (code === null) return expect(await ensured).toBe('u')
  await expect(ensured).rejects.toMatchObject({
    code,
    exitCode: 2,
    message: 'The namespace shop is being deleted.',
    hint: expect.stringContaining('kubectl wait --for=delete namespace/shop'),
  })
})
