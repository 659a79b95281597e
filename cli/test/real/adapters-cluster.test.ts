// The Kubernetes adapter on the real cluster, in a namespace of its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { V1Lease } from '@kubernetes/client-node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createCluster } from '../../src/adapters/kubernetes/cluster.ts'
import type { Cluster } from '../../src/release/ports.ts'
import { clusterContract } from '../fakes/cluster-contract.ts'
import { platformEnv } from './shop.ts'

const namespace = 'shop-adapters'
const core = `/api/v1/namespaces/${namespace}`
const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/shopctl`
let api: KubernetesApi

function clusterOf(holder: string): Cluster {
  return createCluster(api, { namespace, services: ['order'], holder, now: Date.now })
}

/** Deletes what an earlier test left, and makes the two Services anew. */
async function emptied(): Promise<Cluster> {
  for (const path of [
    `${core}/configmaps/shopctl-records`,
    `${core}/secrets/order`,
    `${core}/services/order`,
    `${core}/services/order-preview`,
    lease,
  ]) {
    if (await api.get(path)) await api.send('DELETE', path, {})
  }
  for (const name of ['order', 'order-preview']) {
    await api.send('POST', `${core}/services`, {
      metadata: { name },
      spec: { ports: [{ name: 'http', port: 80 }] },
    })
  }
  return clusterOf('me@here 1')
}

beforeAll(async () => {
  const { KUBECONFIG = '' } = await platformEnv()
  api = await connect({ file: KUBECONFIG, context: null })
  await clusterOf('me@here 1').ensureNamespace()
})
afterAll(() => api.send('DELETE', `/api/v1/namespaces/${namespace}`, {}))

describe('on a real cluster', () => {
  clusterContract(emptied)

  describe('the lock', () => {
    beforeEach(emptied)

    /** As if its holder had stopped to renew it 20 s ago. */
    const age = async (): Promise<void> => {
      const found = await api.get<V1Lease>(lease)
      const renewTime = new Date(Date.now() - 20_000).toISOString().replace('Z', '000Z')
      await api.send('PUT', lease, { ...found, spec: { ...found?.spec, renewTime } })
    }

    it('of a holder that was killed ends after 15 s', async () => {
      const dead = await clusterOf('dead@there 7').acquire('deploy')
      expect(dead).toHaveProperty('release')
      await age()
      expect(await clusterOf('me@here 1').lockHolder()).toBeNull()
      const mine = await clusterOf('me@here 1').acquire('switch')
      expect(mine).toHaveProperty('release')
      for (const each of [dead, mine]) if ('release' in each) await each.release()
      expect(await clusterOf('me@here 1').lockHolder()).toBeNull()
    })

    it('is lost, and known to be, when somebody else took it meanwhile', async () => {
      const frozen = await clusterOf('frozen@there 7').acquire('deploy')
      await age()
      const mine = await clusterOf('me@here 1').acquire('switch')
      if (!('lost' in frozen) || !('lost' in mine)) throw new Error('both were to get it')
      const lost = new Promise((resolve) => frozen.lost.addEventListener('abort', resolve))
      await lost
      await frozen.release()
      expect(await clusterOf('me@here 1').lockHolder()).toMatchObject({ holder: 'me@here 1' })
      await mine.release()
    })
  })

  it('an address where nothing answers is named within 5 s', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
    await writeFile(join(folder, 'config'), kubeconfigFor(server))
    const started = Date.now()
    const elsewhere = await connect({ file: join(folder, 'config'), context: null })
    await expect(elsewhere.get('/api')).rejects.toMatchObject({
      code: 'cluster-unreachable',
      exitCode: 2,
      message: expect.stringContaining(server),
    })
    expect(Date.now() - started).toBeLessThan(5_000)
    silent.close()
    await rm(folder, { recursive: true })
  })
})

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server } }],
    users: [{ name: 'a', user: {} }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  })
}
