// What the adapter makes of the API server's answers, over real TLS.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'

const namespace = '/api/v1/namespaces/shop'
const leases = '/apis/coordination.k8s.io/v1/namespaces/shop/leases'

let folder = ''
let server: Server
let api: KubernetesApi
/** Status and message by method and path; everything else is 200. */
let answers: Record<string, [number, string]> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'api-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const request = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1'
  const args = ['req', ...request.split(' '), '-keyout', key, '-out', cert]
  execFileSync('openssl', args, { stdio: 'ignore' })
  server = createServer(
    { key: await readFile(key), cert: await readFile(cert) },
    (request, response) => {
      const path = request.url?.split('?')[0]
      const [status, message] = answers[`${request.method} ${path}`] ?? [200, '']
      response.writeHead(status).end(JSON.stringify({ message }))
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }
  const kubeconfig = {
    'current-context': 'a',
    clusters: [{ name: 'a', cluster }],
    users: [{ name: 'a', user: {} }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  }
  await writeFile(join(folder, 'config'), JSON.stringify(kubeconfig))
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  api = await connect({ file: join(folder, 'config'), context: null })
})

function forbidden(): Promise<unknown> {
  answers = { [`PATCH ${namespace}/services/order`]: [403, 'services "order" is forbidden'] }
  return api.apply(`${namespace}/services/order`, {})
}

it('what is not allowed is refused as long as nothing was changed; the lock is no change', async () => {
  await expect(forbidden()).rejects.toMatchObject({ code: 'not-allowed', exitCode: 2 })
  await api.get(`${namespace}/services`)
  await api.send('POST', leases, {})
  await expect(forbidden()).rejects.toMatchObject({ code: 'not-allowed', exitCode: 2 })
})

it('what is not allowed in the middle of a change is a failure', async () => {
  await api.send('PUT', `${namespace}/configmaps/shopctl-records`, {})
  await expect(forbidden()).rejects.toMatchObject({
    code: 'not-allowed',
    exitCode: 1,
    hint: expect.stringContaining('permission'),
  })
})

it('a change to an environment that is not there yet is refused', async () => {
  answers = { [`POST ${leases}`]: [404, 'namespaces "shop" not found'] }
  await expect(api.send('POST', leases, {})).rejects.toMatchObject({
    code: 'nothing-deployed',
    exitCode: 2,
    message: expect.stringContaining('namespace shop'),
    hint: expect.stringContaining('shopctl deploy'),
  })
})
