// The steps of a release against a world in memory.
import { describe, expect, it } from 'vitest'
import { cleanup } from '../../src/release/cleanup.ts'
import { deploy, type Recipe } from '../../src/release/deploy.ts'
import { withLock } from '../../src/release/lock.ts'
import { type Moved, move } from '../../src/release/move.ts'
import {
  type MovePlan,
  planCleanup,
  planDeploy,
  planSwitch,
  type Refusal,
} from '../../src/release/plan.ts'
import { planRollback } from '../../src/release/plan-rollback.ts'
import { smoke } from '../../src/release/smoke.ts'
import { readStatus } from '../../src/release/status.ts'
import {
  createFakeClock,
  createFakeProgress,
  createWorld,
  serves,
  type World,
} from '../fakes/world.ts'

const names = ['order', 'payment']
const signal = new AbortController().signal
const recipe: Recipe = {
  chart: 'charts/app',
  valuesFiles: ['charts/values/order.yaml'],
  repository: '127.0.0.1:5000/shop/order',
  migrations: 'm1',
}

function portsOf(world: World) {
  return {
    ...world,
    progress: createFakeProgress(),
    clock: createFakeClock(),
    signal,
  }
}

function planned<T extends { kind: string }>(plan: T | Refusal): T {
  if (plan.kind === 'refusal') throw new Error((plan as Refusal).message)
  return plan as T
}

async function deployAll(world: World, revision: string, services = names) {
  const wanted = Object.fromEntries(
    services.map((name) => [
      name,
      { digest: `sha256:${revision}`, version: `v-${revision}`, revision },
    ]),
  )
  const recipes = Object.fromEntries(services.map((name) => [name, recipe]))
  const state = await world.cluster.read()
  const plan = planned(planDeploy(state, { wanted, color: null, unfinished: [] }))
  return deploy(portsOf(world), state, plan, recipes, { timeoutMs: 100 })
}

async function smokeAll(world: World, services: string[] | null = null) {
  return smoke(portsOf(world), await world.cluster.read(), {
    services,
    namespace: 'shop',
    scripts: { order: 'order/smoke.ts', payment: 'payment/smoke.ts' },
    whole: 'smoke.ts',
  })
}

const options = { by: 'me@here', reason: null, timeoutMs: 50 }
async function carryOut(world: World, plan: MovePlan | Refusal): Promise<Moved> {
  return move(portsOf(world), await world.cluster.read(), planned(plan), options)
}

async function switchAll(world: World): Promise<Moved> {
  return carryOut(
    world,
    planSwitch(await world.cluster.read(), { services: null, color: null, skipSmoke: false }),
  )
}

async function rollBack(world: World): Promise<Moved> {
  return carryOut(world, planRollback(await world.cluster.read(), { services: null, to: null }))
}

async function release(world: World, revision: string, services = names): Promise<Moved> {
  await deployAll(world, revision, services)
  await smokeAll(world)
  return switchAll(world)
}

function at(color: 'blue' | 'green', revision: string) {
  return { color, revision }
}

describe('a release', () => {
  it('goes to the standby, is tested there, and goes live in one move', async () => {
    const world = createWorld(names)
    expect(await release(world, 'a')).toMatchObject({
      release: 'r-1',
      services: [
        { name: 'order', epoch: 1 },
        { name: 'payment', epoch: 1 },
      ],
    })
    expect(await release(world, 'b')).toMatchObject({
      release: 'r-2',
      services: [{ epoch: 2 }, { epoch: 2 }],
    })
    for (const name of names) {
      expect(serves(world, name, at('green', 'b'))).toBe(true)
      expect(world.state.services[name]?.slots.blue?.revision).toBe('a')
      expect(world.state.services[name]?.preview?.target).toEqual(at('green', 'b'))
    }
    expect(world.state.records).toMatchObject({
      operation: null,
      counter: 2,
      history: [{ id: 'r-1' }, { id: 'r-2' }],
    })
  })

  it('hands the chart the image by digest, and what the slot is', async () => {
    const world = createWorld(names)
    await deployAll(world, 'a', ['order'])
    expect(world.upgrades[0]).toEqual({
      name: 'order',
      chart: 'charts/app',
      valuesFiles: ['charts/values/order.yaml'],
      values: {
        service: 'order',
        color: 'blue',
        slot: {
          image: '127.0.0.1:5000/shop/order@sha256:a',
          version: 'v-a',
          revision: 'a',
          migrations: 'm1',
        },
      },
    })
  })

  it('tells smoke tests what they test', async () => {
    const world = createWorld(names)
    await deployAll(world, 'a')
    await smokeAll(world)
    expect(world.scripts[0]).toEqual({
      file: 'order/smoke.ts',
      env: {
        SHOPCTL_SERVICE: 'order',
        SHOPCTL_COLOR: 'blue',
        SHOPCTL_VERSION: 'v-a',
        SHOPCTL_REVISION: 'a',
        SHOPCTL_PREVIEW_URL: 'http://127.0.0.1:1/order-preview',
        SHOPCTL_NAMESPACE: 'shop',
      },
    })
    expect(world.scripts.at(-1)).toEqual({
      file: 'smoke.ts',
      env: {
        SHOPCTL_PREVIEW_URLS: JSON.stringify({
          order: 'http://127.0.0.1:1/order-preview',
          payment: 'http://127.0.0.1:1/payment-preview',
        }),
        SHOPCTL_NAMESPACE: 'shop',
      },
    })
  })

  it('of one service leaves the other where it is', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await release(world, 'b', ['payment'])
    expect(serves(world, 'order', at('blue', 'a'))).toBe(true)
    expect(serves(world, 'payment', at('green', 'b'))).toBe(true)
  })

  it('touches nothing when it serves already', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    const before = world.log.length
    expect((await deployAll(world, 'a')).map(({ action }) => action)).toEqual(['live', 'live'])
    expect(world.log).toHaveLength(before)
  })

  it('mends a Helm release that was left half-way', async () => {
    const world = createWorld(names)
    world.faults.pending.add('order')
    await deployAll(world, 'a')
    expect(world.faults.pending.size).toBe(0)
  })
})

describe('a slot that does not come up', () => {
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' }
  const pod = (over: object) => ({
    name: 'order-green-1',
    ready: false,
    containers: [{ name: 'order', restarts: 1, waiting: null, ended: null, ...over }],
  })

  it('shows why its container ended, and leaves what serves alone', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    world.faults.rollout.order = {
      pods: [pod({ waiting, ended: { exitCode: 37, reason: 'Error' } })],
      job: null,
    }
    const failing = deployAll(world, 'b', ['order'])
    await expect(failing).rejects.toMatchObject({
      code: 'slot-broken',
      exitCode: 1,
      message: expect.stringMatching(/exit code 37[\s\S]*cannot find module\nbye/),
    })
    expect(serves(world, 'order', at('blue', 'a'))).toBe(true)
  })

  it('shows a failed migration', async () => {
    const world = createWorld(names)
    const job = {
      succeeded: false,
      failed: true,
      pods: [pod({ ended: { exitCode: 1, reason: 'Error' } })],
    }
    world.faults.rollout.order = { pods: [], job }
    await expect(deployAll(world, 'a', ['order'])).rejects.toMatchObject({
      message: expect.stringMatching(/migration failed with exit code 1[\s\S]*bye/),
    })
  })

  it('says what keeps it from being ready when the time is up', async () => {
    const world = createWorld(names)
    world.faults.rollout.order = { pods: [pod({})], job: null }
    await expect(deployAll(world, 'a', ['order'])).rejects.toMatchObject({
      code: 'slot-not-ready',
      message: expect.stringContaining('"broker":false'),
    })
  })

  it('does not keep the others from coming up', async () => {
    const world = createWorld(names)
    world.faults.rollout.order = {
      pods: [pod({ waiting: { reason: 'ImagePullBackOff', message: 'gone' } })],
      job: null,
    }
    await expect(deployAll(world, 'a')).rejects.toMatchObject({
      message: expect.stringContaining('ImagePullBackOff'),
    })
    expect(world.state.services.payment?.slots.blue?.ready).toBe(2)
  })
})

describe('a switch', () => {
  it('needs the smoke test, which shows what its script said', async () => {
    const world = createWorld(names)
    await deployAll(world, 'a')
    world.faults.smoke.add('payment/smoke.ts')
    await expect(smokeAll(world)).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('expected 200, got 503'),
    })
    await expect(switchAll(world)).rejects.toThrow(/smoke test has not passed/)
  })

  it('puts every Service back when one slot does not take over in time', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b')
    await smokeAll(world)
    world.faults.deaf.add('payment')
    await expect(switchAll(world)).rejects.toMatchObject({
      code: 'not-taken-over',
      message: expect.stringMatching(/payment green.*live, 0 consumers.*could not read its gate/),
    })
    for (const name of names) expect(serves(world, name, at('blue', 'a'))).toBe(true)
    expect(world.state.records).toMatchObject({
      operation: null,
      history: [{ outcome: 'done' }, { outcome: 'undone' }],
    })
    world.faults.deaf.clear()
    expect(await switchAll(world)).toMatchObject({ release: 'r-3' })
  })

  it('leaves nothing live when the very first one goes back', async () => {
    const world = createWorld(names)
    await deployAll(world, 'a')
    await smokeAll(world)
    world.faults.deaf.add('order')
    await expect(switchAll(world)).rejects.toMatchObject({ code: 'not-taken-over' })
    for (const name of names) expect(world.state.services[name]?.stable?.target).toBeNull()
  })

  it('puts the others back when one Service was changed by somebody else', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b')
    await smokeAll(world)
    world.faults.unwritable.add('payment')
    await expect(switchAll(world)).rejects.toMatchObject({ code: 'conflict' })
    expect(serves(world, 'order', at('blue', 'a'))).toBe(true)
  })

  it('is interrupted by putting everything back', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b')
    await smokeAll(world)
    world.faults.deaf.add('order')
    const stop = new AbortController()
    const state = await world.cluster.read()
    const plan = planned(planSwitch(state, { services: null, color: null, skipSmoke: false }))
    const clock = createFakeClock()
    const sleep = async (): Promise<void> => {
      stop.abort()
      throw new Error('interrupted')
    }
    const moving = move(
      { ...portsOf(world), clock: { ...clock, sleep }, signal: stop.signal },
      state,
      plan,
      options,
    )
    await expect(moving).rejects.toThrow('interrupted')
    for (const name of names) expect(serves(world, name, at('blue', 'a'))).toBe(true)
  })

  it('only warns when the outgoing pods are silent', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b', ['order'])
    await smokeAll(world)
    world.faults.silent.add('order')
    const ports = portsOf(world)
    const state = await world.cluster.read()
    const plan = planned(planSwitch(state, { services: null, color: null, skipSmoke: false }))
    await move(ports, state, plan, options)
    expect(ports.progress.lines).toContain('! order-blue-a-0 of the outgoing slot does not answer')
  })
})

describe('a rollback', () => {
  it('reverses the last switch, all of it, and only once', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await release(world, 'b')
    expect(await rollBack(world)).toMatchObject({ release: 'r-3' })
    for (const name of names) {
      expect(serves(world, name, at('blue', 'a'))).toBe(true)
      expect(world.state.services[name]?.preview?.target).toEqual(at('blue', 'a'))
    }
    await expect(rollBack(world)).rejects.toThrow(/rolled back already/)
  })

  it('brings an interrupted switch to its end', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b')
    const state = await world.cluster.read()
    const plan = planned(planSwitch(state, { services: null, color: null, skipSmoke: true }))
    world.state.records.counter += 1
    world.state.records.operation = {
      id: 'r-2',
      verb: 'switch',
      at: '',
      by: 'me',
      reason: null,
      services: plan.moves,
    }
    await world.cluster.point(
      'order',
      'stable',
      at('green', 'b'),
      state.services.order?.stable?.resourceVersion ?? '',
    )
    expect(await readStatus(world.cluster, 'local', null)).toMatchObject({
      operation: { id: 'r-2', verb: 'switch', step: 'interrupted', next: 'shopctl rollback' },
    })
    await rollBack(world)
    for (const name of names) expect(serves(world, name, at('blue', 'a'))).toBe(true)
    expect(world.state.records.operation).toBeNull()
    expect(world.state.records.history.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      'r-1 done',
      'r-2 undone',
      'r-3 done',
    ])
  })
})

describe('cleanup and status', () => {
  it('removes what does not serve', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await release(world, 'b')
    const state = await world.cluster.read()
    await cleanup(portsOf(world), state, planned(planCleanup(state, { services: ['order'] })))
    expect(world.state.services.order?.slots.blue).toBeNull()
    expect(world.state.services.payment?.slots.blue).not.toBeNull()
  })

  it('shows slots, what serves, and who consumes', async () => {
    const world = createWorld(names)
    await release(world, 'a')
    await deployAll(world, 'b', ['order'])
    const status = await readStatus(world.cluster, 'local', null)
    expect(status).toMatchObject({ env: 'local', release: 'r-1', operation: null, lock: null })
    expect(status.services.order).toEqual({
      active: 'blue',
      epoch: 1,
      slots: {
        blue: {
          digest: 'sha256:a',
          version: 'v-a',
          revision: 'a',
          replicas: 2,
          ready: 2,
          smoked: true,
          consumers: 2,
          inFlight: 0,
        },
        green: {
          digest: 'sha256:b',
          version: 'v-b',
          revision: 'b',
          replicas: 2,
          ready: 2,
          smoked: false,
          consumers: 0,
          inFlight: 0,
        },
      },
    })
  })
})

describe('the lock', () => {
  it('tells the second one who holds it, and is let go whatever happens', async () => {
    const { cluster } = createWorld(names)
    const failing = withLock(cluster, 'deploy of order', signal, async () => {
      await expect(withLock(cluster, 'switch', signal, async () => {})).rejects.toMatchObject({
        code: 'lock-held',
        exitCode: 2,
        message: expect.stringMatching(/me@here 1.*since.*deploy of order/),
      })
      throw new Error('broken')
    })
    await expect(failing).rejects.toThrow('broken')
    expect(await cluster.lockHolder()).toBeNull()
  })
})
