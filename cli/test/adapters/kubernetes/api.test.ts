// Errors of the API server, as shopctl reports them.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { connect, errorOf, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import {
  createApiServer,
  createServers,
  type Servers,
  writeKubeconfig,
} from '../../fakes/api-server.ts'

const namespace = '/api/v1/namespaces/shop'
const leases = '/apis/coordination.k8s.io/v1/namespaces/shop/leases'

let servers: Servers
let file = ''
let api: KubernetesApi
/** Status and message by method and path. All others are answered with 200. */
let answers: Record<string, [number, string]> = {}

beforeAll(async () => {
  servers = createServers()
  const { folder } = servers
  const server = createApiServer(folder, 'server', (request, response) => {
    const path = request.url?.split('?')[0]
    const [status, message] = answers[`${request.method} ${path}`] ?? [200, '']
    response.writeHead(status).end(JSON.stringify({ message }))
  })
  const port = await servers.start(server)
  file = writeKubeconfig(folder, {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': 'ca.pem',
  })
})
afterAll(async () => {
  await servers.stopAll()
  servers.remove()
})
beforeEach(async () => {
  api = await connect({ file, context: null })
})

function forbidden(): Promise<unknown> {
  answers = { [`PATCH ${namespace}/services/order`]: [403, 'services "order" is forbidden'] }
  return api.apply(`${namespace}/services/order`, {})
}

it('a 403 is a refusal before any change; the lock is no change', async () => {
  await expect(forbidden()).rejects.toMatchObject({ code: 'not-allowed', exitCode: 2 })
  await api.get(`${namespace}/services`)
  await api.send('POST', leases, {})
  await expect(forbidden()).rejects.toMatchObject({ code: 'not-allowed', exitCode: 2 })
})

it('a 403 after a change is a failure', async () => {
  await api.send('PUT', `${namespace}/configmaps/shopctl-records`, {})
  await expect(forbidden()).rejects.toMatchObject({
    code: 'not-allowed',
    exitCode: 1,
    hint: expect.stringContaining('permission'),
  })
})

it('a 401 is about credentials, not about a permission', async () => {
  answers = { [`GET ${namespace}/services`]: [401, 'Unauthorized'] }
  const fresh = connect({ file, context: null })
  await expect(fresh.get(`${namespace}/services`)).rejects.toMatchObject({
    code: 'no-credentials',
    exitCode: 2,
    message: 'The cluster does not accept your credentials: Unauthorized',
    hint: expect.stringContaining('kubectl auth whoami'),
  })
})

it('a change in a namespace that does not exist is refused', async () => {
  answers = { [`POST ${leases}`]: [404, 'namespaces "shop" not found'] }
  await expect(api.send('POST', leases, {})).rejects.toMatchObject({
    code: 'nothing-deployed',
    exitCode: 2,
    message: expect.stringContaining('namespace shop'),
    hint: expect.stringContaining('shopctl deploy'),
  })
})

it.each([
  [
    'a right that is missing',
    'jobs.batch is forbidden: User "u" cannot list resource "jobs" in API group "batch" in the namespace "shop"',
    'not-allowed',
    'ask for it: `kubectl auth can-i list jobs.batch --namespace shop`.',
  ],
  [
    'a right outside of namespaces',
    'namespaces "shop" is forbidden: User "u" cannot get resource "namespaces" in API group "" at the cluster scope',
    'not-allowed',
    'ask for it: `kubectl auth can-i get namespaces/shop`.',
  ],
  [
    'a right that only one object has',
    'leases.coordination.k8s.io "shopctl" is forbidden: User "u" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "shop"',
    'not-allowed',
    'ask for it: `kubectl auth can-i update leases.coordination.k8s.io/shopctl --namespace shop`.',
  ],
  [
    'a right to a subresource',
    'serviceaccounts "order-operator" is forbidden: User "u" cannot create resource "serviceaccounts/token" in API group "" in the namespace "shop"',
    'not-allowed',
    'ask for it: `kubectl auth can-i create serviceaccounts/order-operator --subresource=token --namespace shop`.',
  ],
  [
    'a quota that is used up',
    'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    'denied',
    'Fix the cause, then run the command again.',
  ],
  [
    'a webhook',
    'admission webhook "w.example.com" denied the request: no',
    'denied',
    'Fix the cause, then run the command again.',
  ],
  [
    'a policy',
    'deployments.apps "a" is forbidden: ValidatingAdmissionPolicy \'p\' denied request: no',
    'denied',
    'Fix the cause, then run the command again.',
  ],
  [
    'a namespace that is being deleted',
    'leases "a" is forbidden: unable to create new content in namespace shop because it is being terminated',
    'namespace-ending',
    'Wait for its end with `kubectl wait --for=delete namespace/shop`, then run the command again.',
  ],
])('a 403 because of %s says so, and what helps', (_, message, code, hint) => {
  const error = errorOf(403, 'POST', `${leases}?fieldManager=shopctl`, JSON.stringify({ message }))
  expect(error).toMatchObject({ code, exitCode: 2, hint: expect.stringContaining(hint) })
  if (code !== 'namespace-ending') expect(error.message).toContain(`POST ${leases}: ${message}`)
})
