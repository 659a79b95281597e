// The setting `logs` of an environment.
import { expect, it } from 'vitest'
import { logStoreSchema } from '../../src/config/log-store.ts'

it.each<[object, object]>([
  [
    { service: 'observability/logs:9428', kind: 'victorialogs' },
    { service: { namespace: 'observability', name: 'logs', port: 9428 }, kind: 'victorialogs' },
  ],
  [
    { url: 'https://logs.example/loki', kind: 'loki' },
    { url: 'https://logs.example/loki', kind: 'loki' },
  ],
  [
    { url: 'https://logs.example', kind: 'loki', token: 'LOKI_TOKEN' },
    { url: 'https://logs.example', kind: 'loki', token: 'LOKI_TOKEN' },
  ],
])('%j is right', (value, expected) => {
  expect(logStoreSchema.parse(value)).toEqual(expected)
})

it.each<[object, RegExp]>([
  [{ kind: 'loki' }, /either `service` or `url`/],
  [{ service: 'a/b:1', url: 'https://x', kind: 'loki' }, /either `service` or `url`/],
  [{ service: 'a/b:1' }, /one of victorialogs, loki/],
  [{ service: 'a/b:1', kind: 'elastic' }, /one of victorialogs, loki/],
  [{ service: 'logs', kind: 'loki' }, /<namespace>\/<name>:<port>/],
  [{ url: 'http://logs.example', kind: 'loki' }, /begins with https/],
  [{ url: 'https://me:secret@logs.example', kind: 'loki' }, /without user/],
  [{ service: 'a/b:1', kind: 'loki', token: 'X' }, /the rights that you have in the cluster/],
  [{ url: 'https://x', kind: 'loki', user: 'x' }, /unrecognized key/i],
])('%j is refused', (value, expected) => {
  expect(logStoreSchema.safeParse(value).error?.message).toMatch(expected)
})
