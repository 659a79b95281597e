// Tokens reviewed by an API server over HTTPS.
import { expect, it, onTestFinished } from 'vitest'
import { createAccess } from '../access.ts'
import { connectKubernetes } from '../kubernetes.ts'
import { startFakeKubernetes } from './fake-kubernetes.ts'

const operator = 'system:serviceaccount:shop:order-operator'

async function createScene() {
  const kubernetes = await startFakeKubernetes('order')
  const { port, serviceAccountDir } = kubernetes
  const api = connectKubernetes({ host: '127.0.0.1', port, serviceAccountDir })
  onTestFinished(async () => {
    api.close()
    await kubernetes.close()
  })
  const clock = { now: 0 }
  const access = createAccess({
    userOf: api.userOf,
    namespace: 'shop',
    service: 'order',
    monotonic: () => clock.now,
  })
  return { kubernetes, access, clock }
}

it.each([
  ['no token', undefined, 401, /a token of the ServiceAccount order-operator is needed/],
  ['an empty token', '', 401, /is needed/],
  ['a token that the API server does not know', 'forged', 401, /does not accept/],
  ['the token of a pod of this service', 'order', 403, /order may not do this/],
  ['the operator of another service', 'payment-operator', 403, /only.* order-operator/],
  ['a name that begins alike', 'order-operator-2', 403, /may not/],
  ['the operator of another namespace', 'elsewhere', 403, /test:order-operator may not/],
  ['an administrator', 'kubernetes-admin', 403, /kubernetes-admin may not/],
])('refuses %s', async (_, token, status, detail) => {
  const { kubernetes, access } = await createScene()
  for (const name of ['order', 'payment-operator', 'order-operator-2'])
    kubernetes.addUser(`system:serviceaccount:shop:${name}`, name)
  kubernetes.addUser('system:serviceaccount:test:order-operator', 'elsewhere')
  kubernetes.addUser('kubernetes-admin', 'kubernetes-admin')
  expect(await access(token)).toEqual({ status, detail: expect.stringMatching(detail) })
})

it('asks again after a few seconds, so that a token can be revoked', async () => {
  const { kubernetes, access, clock } = await createScene()
  kubernetes.addUser(operator, 'valid')
  expect(await access('valid')).toEqual({ user: operator })
  kubernetes.addUser('', 'valid')
  clock.now = 4_999
  expect(await access('valid')).toEqual({ user: operator })
  expect(kubernetes.reviewCount()).toBe(1)
  clock.now = 5_000
  expect(await access('valid')).toMatchObject({ status: 401 })
})

it('lets nobody in while the API server does not answer', async () => {
  const { kubernetes, access, clock } = await createScene()
  kubernetes.addUser(operator, 'valid')
  expect(await access('valid')).toEqual({ user: operator })
  kubernetes.setDown(true)
  clock.now = 10_000
  expect(await access('valid')).toEqual({
    status: 503,
    detail: expect.stringMatching(/cannot review the token: it answered 503/),
  })
  await kubernetes.close()
  expect(await access('valid')).toMatchObject({ status: 503 })
})
