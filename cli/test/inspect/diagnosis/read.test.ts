// How the facts of a diagnosis are read: side by side, within a time, as far as this user may.
import { describe, expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import { type DiagnosePorts, readFacts } from '../../../src/inspect/diagnosis/read.ts'
import type { PodState } from '../../../src/release/ports/cluster.ts'
import { anAlert } from '../../fakes/metrics.ts'
import { createShop, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { aContainer, codesOf } from './scene.ts'

const input = {
  ...{ env: 'local', namespace: 'shop', argoNamespace: 'argocd', brokerName: 'rabbitmq' },
  services: ['order', 'payment'],
  dependencies: ['postgres', 'rabbitmq'],
}

async function diagnosed({ world }: Shop, over: Partial<DiagnosePorts> = {}, timeoutMs = 5_000) {
  const { facts, unread } = await readFacts({ ...world, ...over }, input, timeoutMs)
  return { facts, unread, codes: codesOf(findingsOf(facts)) }
}

const denied = refused({ code: 'not-allowed', message: 'The cluster does not let you GET it' })
/** The first reason is shown. */
const deniedFor = (pod: string) =>
  pod.endsWith('-0') ? denied : refused({ code: 'not-allowed', message: `no ${pod}` })
const hangs = () => new Promise<never>(() => {})

/** A pod of blue, which is on standby, that is not as it should be. */
function fail(shop: Shop, over: Partial<PodState>) {
  const { faults, state } = shop.world
  const slot = state.services.order?.slots.blue
  if (slot) slot.ready = 0
  const pod: PodState = {
    name: 'order-blue-1',
    ready: false,
    containers: [],
    complaints: [],
    ...over,
  }
  faults.rollout.order = { pods: [pod], job: null, version: slot?.version ?? '' }
}

it('finds nothing wrong where all is well', async () => {
  expect(await diagnosed(await releasedTwice())).toMatchObject({ codes: [], unread: [] })
})

it('looks only at the services that are asked for', async () => {
  const shop = await releasedTwice()
  fail(shop, {})
  const { facts } = await readFacts(shop.world, { ...input, services: ['payment'] })
  expect(findingsOf(facts)).toEqual([])
})

it('has the last lines of a container that ended: those of the run before', async () => {
  const shop = await releasedTwice()
  const ended = { exitCode: 37, reason: 'Error' }
  fail(shop, { containers: [aContainer({ restarts: 2, ended })] })
  const asked: unknown[] = []
  const logs = async (...of: unknown[]) => {
    asked.push(of)
    return 'one\n    at a.ts:1:2\npostgresql://order:s3cr3t@postgres/order\n'
  }
  const { codes, facts } = await diagnosed(shop, { pods: { ...shop.world.pods, logs } })
  expect(asked).toEqual([['order-blue-1', 'order', { lines: 40, previous: true }]])
  // A restart may have happened for what it answers now.
  expect(codes).toEqual(['order blue: crash', 'order blue: broker-away'])
  const text = 'one\npostgresql://***@postgres/order'
  expect(facts.services[0]?.slots.blue?.logs).toEqual([
    { pod: 'order-blue-1', container: 'order', text },
  ])
})

it('has those of this run where that ended just now, and the run before is forgotten', async () => {
  const shop = await releasedTwice()
  const ended = { exitCode: 37, reason: 'Error' }
  fail(shop, { containers: [aContainer({ restarts: 2, ended })] })
  const logs: DiagnosePorts['pods']['logs'] = async (_pod, _container, { previous }) =>
    previous ? '' : 'bye'
  const { facts } = await diagnosed(shop, { pods: { ...shop.world.pods, logs } })
  expect(facts.services[0]?.slots.blue?.logs).toMatchObject([{ text: 'bye' }])
})

it('asks pods that run and are not ready, and the present run for its lines', async () => {
  const shop = await releasedTwice()
  fail(shop, { containers: [aContainer()] })
  const { codes, facts } = await diagnosed(shop)
  expect(codes).toEqual(['order blue: broker-away'])
  expect(facts.services[0]?.slots.blue?.answers).toEqual([
    { pod: 'order-blue-1', text: '{"ready":false,"broker":false}' },
  ])
  expect(facts.services[0]?.slots.blue?.logs).toHaveLength(1)
})

it('reads the lines of pods that are not ready first', async () => {
  const shop = await releasedTwice()
  fail(shop, { name: 'troubled', containers: [aContainer()] })
  const ended = { exitCode: 1, reason: 'Error' }
  const containers = [aContainer({ restarts: 1, ended })]
  const others = ['a', 'b', 'c'].map((name) => ({ name, ready: true, containers, complaints: [] }))
  shop.world.faults.rollout.order?.pods.unshift(...others)
  const { facts } = await diagnosed(shop)
  const read = facts.services[0]?.slots.blue?.logs.map(({ pod }) => pod)
  expect(read).toEqual(['troubled', 'a', 'b'])
})

it('asks no pod that waits', async () => {
  const shop = await releasedTwice()
  const waiting = { reason: 'ErrImagePull', message: 'not found' }
  fail(shop, { containers: [aContainer({ waiting })] })
  const pods = { ...shop.world.pods, readiness: hangs, logs: hangs }
  expect((await diagnosed(shop, { pods })).codes).toEqual(['order blue: image-missing'])
})

it('has the lock, the alerts, the dependencies and Argo CD', async () => {
  const shop = await releasedTwice()
  const { world } = shop
  await world.lock.acquire('deploy')
  world.metrics.alerts = [anAlert()]
  world.broker.ails = ['memory alarm']
  world.faults.release.postgres = { pods: [] }
  const wrong = { kind: 'wrong', what: 'x', service: null, color: null, application: 'a' } as const
  const unread = { ...wrong, kind: 'unread', what: 'the config repo cannot be read: away' } as const
  const found = await diagnosed(shop, { gitops: { problems: async () => [wrong, unread] } })
  expect(found.codes).toEqual([
    'all: operation-running',
    'all: dependency-down',
    'all: broker-alarm',
    'all: argocd',
    'order: alert',
  ])
  expect(found.facts.dependencies.map(({ name, isBroker }) => [name, isBroker])).toEqual([
    ['postgres', false],
    ['rabbitmq', true],
  ])
  expect(found.unread).toEqual(['the config repo cannot be read: away'])
})

it('finds queues that the broker lacks, and a broker that is away, once', async () => {
  const shop = await releasedTwice()
  shop.world.broker.has = { ...shop.world.broker.has, queues: [] }
  expect((await diagnosed(shop)).codes).toEqual(['all: broker-topology'])
  const away = () =>
    Promise.reject(refused({ code: 'broker-unreachable', message: 'none of its pods is ready' }))
  const broker = { ...shop.world.broker, problems: away, found: away }
  const found = await diagnosed(shop, { broker })
  expect(found).toMatchObject({ codes: ['all: broker-unreachable'], unread: [] })
})

describe('what this user may not read', () => {
  it('is noted once for each kind, and the rest is shown', async () => {
    const shop = await releasedTwice()
    fail(shop, {
      containers: [aContainer({ ended: { exitCode: 1, reason: 'Error' }, restarts: 1 })],
    })
    const no = () => Promise.reject(denied)
    const { pods, broker } = shop.world
    const found = await diagnosed(shop, {
      lock: { lockHolder: no },
      pods: {
        ...pods,
        report: (_, pod) => Promise.reject(deniedFor(pod)),
        readiness: no,
        logs: no,
        dependency: no,
      },
      broker: { ...broker, problems: no, declared: no },
    })
    expect(found.codes).toEqual(['order blue: crash'])
    const why = denied.message
    expect(found.unread).toEqual(
      [
        `the lock: ${why}`,
        ...['order', 'payment'].flatMap((name) =>
          ['blue', 'green'].map((color) => `what the pods of ${name} ${color} consume: ${why}`),
        ),
        `what the pods of order say of their readiness: ${why}`,
        `the last lines of containers: ${why}`,
        `the pods of postgres: ${why}`,
        `the pods of rabbitmq: ${why}`,
        `the broker: ${why}`,
        `the topology of the broker: ${why}`,
      ].toSorted(),
    )
  })

  it('may be the events alone', async () => {
    const shop = await releasedTwice()
    const { pods } = shop.world
    const rollout: typeof pods.rollout = async (slot) => ({
      ...(await pods.rollout(slot)),
      unread: 'no',
    })
    expect((await diagnosed(shop, { pods: { ...pods, rollout } })).unread).toEqual([
      'the events: no',
    ])
  })

  it('may be the pods: the slot is said to be not ready', async () => {
    const shop = await releasedTwice()
    fail(shop, {})
    const pods = { ...shop.world.pods, rollout: () => Promise.reject(denied) }
    const { codes, unread } = await diagnosed(shop, { pods })
    expect(codes).toEqual(['order blue: unknown'])
    expect(unread).toContain(`the pods of order blue: ${denied.message}`)
  })

  it('is refused where it is the slots themselves', async () => {
    const shop = createShop()
    const observer = { ...shop.world.observer, services: () => Promise.reject(denied) }
    await expect(diagnosed(shop, { observer })).rejects.toBe(denied)
  })
})

it('waits for nothing longer than its time', async () => {
  const shop = await releasedTwice()
  const { pods, broker } = shop.world
  const found = await diagnosed(
    shop,
    {
      pods: { ...pods, report: hangs, dependency: hangs },
      broker: { ...broker, problems: hangs },
      gitops: { problems: hangs },
      metrics: { firing: hangs },
    },
    50,
  )
  expect(found.codes).toEqual([])
  expect(found.unread).toContain('Argo CD: no answer within 0.05 s')
  expect(found.unread).toContain('the broker: no answer within 0.05 s')
  expect(found.unread).toContain('what the pods of order green consume: no answer within 0.05 s')
})

it('ends with the command', async () => {
  const shop = await releasedTwice()
  const controller = new AbortController()
  const gitops = { problems: hangs }
  const running = diagnosed(shop, { gitops, signal: controller.signal })
  controller.abort()
  await expect(running).rejects.toMatchObject({ code: 'interrupted' })
})

it('does not hide a mistake of its own: an unknown failure is noted with its words', async () => {
  const shop = await releasedTwice()
  const problems = () => Promise.reject(failed({ code: 'x', message: 'odd' }))
  expect((await diagnosed(shop, { gitops: { problems } })).unread).toEqual(['Argo CD: odd'])
})
