// The Kubernetes adapters on the real cluster, in a namespace of their own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { V1ConfigMap, V1Lease } from '@kubernetes/client-node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClock } from '../../src/adapters/clock.ts'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createKubernetesPorts, type KubernetesPorts } from '../../src/adapters/kubernetes/ports.ts'
import { describeSelf, hasEnded } from '../../src/adapters/processes.ts'
import { createHelmDriver } from '../../src/drivers/helm/driver.ts'
import type { Helm } from '../../src/drivers/helm/helm.ts'
import { createReleases } from '../../src/drivers/helm/releases.ts'
import type { Lock } from '../../src/release/ports/session.ts'
import type { Journal, Operation } from '../../src/release/record.ts'
import { type ClusterUnderTest, clusterContract } from '../fakes/cluster-contract.ts'
import { aFullConfig } from '../fakes/config.ts'
import { createFakeProgress, noMask } from '../fakes/host.ts'
import { aMove, anOperation } from '../fakes/state.ts'
import { platformEnv } from '../real/shop.ts'

const namespace = `shop-adapters-${Math.random().toString(36).slice(2, 8)}`
const core = `/api/v1/namespaces/${namespace}`
const maps = `${core}/configmaps`
const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/shopctl`
const { order } = aFullConfig().services
let kubeconfig: string
let api: KubernetesApi

/** Records of many megabytes, beside other tests. */
const patient = { seconds: 30, setting: '' }

function portsOf(holder: string): KubernetesPorts {
  return createKubernetesPorts({
    cluster: { file: kubeconfig, context: null },
    namespace,
    services: order ? { order } : {},
    broker: null,
    operator: { by: 'ada@laptop', run: null },
    holder,
    clock: createClock(),
    processes: { describeSelf, hasEnded },
    env: process.env,
    mask: noMask,
    limits: { request: patient, tools: patient, pod: patient },
  })
}

function lockOf(holder: string): Lock {
  return portsOf(holder).lock
}

function noHelm(): never {
  throw new Error('nothing here needs helm')
}

function clusterOf(holder: string): ClusterUnderTest {
  const { objects, scaling, ...ports } = portsOf(holder)
  const helm: Helm = { template: noHelm, upgrade: noHelm, uninstall: noHelm, rollback: noHelm }
  const releases = createReleases(api, namespace)
  return {
    ...ports,
    driver: createHelmDriver({ helm, releases, objects, scaling, progress: createFakeProgress() }),
    async damage({ number }) {
      const found = await records()
      const broken = found.find(
        ({ data }) => (JSON.parse(data?.record ?? '{}') as Operation).number === number,
      )
      const name = broken?.metadata?.name ?? ''
      await api.send('PUT', `${maps}/${name}`, { ...broken, data: { record: '{"version":1' } })
      return name
    },
  }
}

async function listed(selector: string): Promise<V1ConfigMap[]> {
  const path = `${maps}?labelSelector=${encodeURIComponent(selector)}`
  return (await api.get<{ items: V1ConfigMap[] }>(path))?.items ?? []
}

function records(): Promise<V1ConfigMap[]> {
  return listed('shopctl.dev/journal=record')
}

/** Deletes what an earlier test left, and makes the two Services anew, leading nowhere. */
async function emptied(): Promise<ClusterUnderTest> {
  const left = await listed('shopctl.dev/journal')
  const paths = [
    ...left.map(({ metadata }) => `${maps}/${metadata?.name}`),
    ...['secrets/order', 'services/order', 'services/order-preview'].map((one) => `${core}/${one}`),
    lease,
  ]
  for (const path of paths) if (await api.get(path)) await api.send('DELETE', path, {})
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
  kubeconfig = KUBECONFIG
  api = connect({ file: kubeconfig, context: null }, { limits: { request: patient } })
  await portsOf('me@here 1').namespace.ensure()
})
afterAll(() => api.send('DELETE', core, {}))

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
      const dead = await lockOf('dead@there 7').acquire('deploy')
      expect(dead).toHaveProperty('release')
      await age()
      const lock = lockOf('me@here 1')
      expect(await lock.lockHolder()).toBeNull()
      const mine = await lock.acquire('switch')
      expect(mine).toHaveProperty('release')
      for (const each of [dead, mine]) if ('release' in each) await each.release()
      expect(await lock.lockHolder()).toBeNull()
    })

    it('is lost, and known to be, when somebody else took it meanwhile', async () => {
      const frozen = await lockOf('frozen@there 7').acquire('deploy')
      await age()
      const lock = lockOf('me@here 1')
      const mine = await lock.acquire('switch')
      if (!('lost' in frozen) || !('lost' in mine)) throw new Error('both were to get it')
      const lost = new Promise((resolve) => frozen.lost.addEventListener('abort', resolve))
      await lost
      await frozen.release()
      expect(await lock.lockHolder()).toMatchObject({ holder: 'me@here 1' })
      await mine.release()
    })
  })

  describe('the journal', () => {
    const services = Array.from({ length: 40 }, (_, index) => `service-${index}`)
    const longReason = 'x'.repeat(120 * 1024)
    const movesOf = (count: number): Operation[] =>
      Array.from({ length: count }, (_, index) =>
        aMove(`r-${index + 1}`, 'switch', services, {
          number: index + 1,
          // Every fifth one has much to say.
          reason: index % 5 === 0 ? longReason : null,
        }),
      )
    /** Lets records stand as if these operations had ended, and one more begin and end. */
    const runAfter = async (past: readonly Operation[], last: Operation): Promise<Journal> => {
      const { journal } = await emptied()
      const pending = [...past]
      const post = async (): Promise<void> => {
        for (let next = pending.shift(); next; next = pending.shift()) await postRecord(next)
      }
      await Promise.all(Array.from({ length: 8 }, post))
      await journal.begin({ ...last, endedAt: null, outcome: null }, await journal.read(), null)
      expect(await journal.end(last)).toBe(true)
      return journal.read()
    }
    const postRecord = (operation: Operation) =>
      api.send('POST', maps, {
        metadata: {
          name: `shopctl-journal-${String(operation.number).padStart(8, '0')}`,
          labels: { 'shopctl.dev/journal': 'record' },
        },
        data: { record: JSON.stringify(operation) },
      })

    it('holds 100 releases of 40 services, some with a reason of 120 KB', async () => {
      const past = movesOf(100)
      const last = anOperation({ number: 101, reason: longReason })
      const { closed, counter, damaged } = await runAfter(past, last)
      expect(closed).toEqual([...past, last])
      expect(counter).toEqual({ operation: 101, release: 100 })
      expect(damaged).toEqual([])
    })

    it('gives up the oldest beyond the hundredth, and keeps counting', async () => {
      const past = movesOf(104)
      const last = aMove('r-105', 'rollback', services, { number: 105 })
      const { closed, counter } = await runAfter(past, last)
      expect(closed.map(({ number }) => number)).toEqual(
        Array.from({ length: 100 }, (_, index) => index + 6),
      )
      expect(counter).toEqual({ operation: 105, release: 105 })
      expect(await records()).toHaveLength(100)
    })

    it('keeps within 16 MiB when every record is large', async () => {
      const reason = 'x'.repeat(400 * 1024)
      const past = movesOf(60).map((move) => ({ ...move, reason }))
      const { closed } = await runAfter(past, anOperation({ number: 61 }))
      const bytes = closed.reduce((sum, each) => sum + JSON.stringify(each).length, 0)
      expect(bytes).toBeLessThanOrEqual(16 * 1024 * 1024)
      expect(closed.length).toBeGreaterThanOrEqual(20)
      expect(closed.slice(-2).map(({ number }) => number)).toEqual([60, 61])
    })
  })

  it('an address where nothing answers is named within 5 s', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
    await writeFile(join(folder, 'config'), kubeconfigFor(server))
    const started = Date.now()
    const elsewhere = connect({ file: join(folder, 'config'), context: null })
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
