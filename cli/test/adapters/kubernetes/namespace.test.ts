// What the API server says to the labels of a namespace.
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { createNamespace } from '../../../src/adapters/kubernetes/namespace.ts'

function namespaceThatAnswers(statusCode: number, warning?: string) {
  const open = async () => {
    const stream = new PassThrough().end('{"message":"because"}')
    const headers = warning === undefined ? {} : { warning }
    return Object.assign(stream, { headers, statusCode }) as unknown as IncomingMessage
  }
  return createNamespace({ open, errorOf } as unknown as KubernetesApi, 'shop')
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
