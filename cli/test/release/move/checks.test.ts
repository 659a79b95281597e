// The checks of a switch as it runs: all at once, before anything is written, and with --dry-run.
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { failed, type ShopctlError } from '../../../src/errors.ts'
import type { Clock } from '../../../src/release/ports/session.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { labelsWith, withEvents } from '../../fakes/events.ts'
import { aHolder } from '../../fakes/journal.ts'
import { anAlert } from '../../fakes/metrics.ts'
import { createShop, interruptedSwitch, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

/** Blue serves, green waits and was tested. */
async function readyToSwitch(config = aFullConfig()): Promise<Shop> {
  const shop = createShop({ config })
  shop.world.source.contents['order/dist/events.json'] = '{"produces":[],"accepts":[]}'
  shop.world.source.contents['payment/dist/events.json'] = '{"produces":[],"accepts":[]}'
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  return shop
}

async function errorOf(promise: Promise<unknown>): Promise<ShopctlError> {
  return promise.then(
    () => expect.fail('it should have been refused'),
    (error) => error,
  )
}

function codesOf({ checks }: Pick<ShopctlError, 'checks'>): (string | null)[] {
  return (checks ?? []).filter(({ state }) => state === 'refused').map(({ code }) => code)
}

/** Breaks what three checks look at. */
function breakThree({ world }: Shop): void {
  const slot = world.state.services.order?.slots.green
  if (slot) slot.ready = 1
  world.broker.has.bindings = []
  world.metrics.alerts = [anAlert()]
}

describe('a switch', () => {
  it('that is refused names all that is wrong, and writes nothing', async () => {
    const shop = await readyToSwitch()
    const before = [outcomes(shop.world), [...shop.world.log]]
    breakThree(shop)
    const error = await errorOf(shop.switch())
    expect(error).toMatchObject({ code: 'slot-not-ready', exitCode: 2 })
    expect(codesOf(error)).toEqual(['slot-not-ready', 'broker-differs', 'alerts-fire'])
    expect(error.checks).toHaveLength(15)
    expect([outcomes(shop.world), shop.world.log]).toEqual(before)
  })

  it('says in one line that all passed, and names what else was found', async () => {
    const shop = await readyToSwitch()
    const slot = shop.world.state.services.order?.slots.blue
    if (slot) slot.ready = 1
    const { length } = shop.world.progress.lines
    await shop.switch()
    expect(shop.world.progress.lines.slice(length)).toEqual([
      '! order blue, which is live, is not ready: 1 of 2 pods. The switch goes on, since it may be the fix',
      '12 checks passed',
      'order, payment: take over',
    ])
    expect(shop.live('order')).toBe('green bbbbbbbb')
  })

  it('while another command holds the lock names what else is wrong', async () => {
    const shop = await readyToSwitch()
    breakThree(shop)
    await shop.world.lock.acquire('deploy of order')
    const error = await errorOf(shop.switch())
    expect(error).toMatchObject({ code: 'lock-held', exitCode: 2 })
    expect(codesOf(error)).toEqual([
      ...['lock-held', 'slot-not-ready', 'broker-differs', 'alerts-fire'],
    ])
  })

  it('while another command holds the lock says so, even if nothing can be read', async () => {
    const shop = await readyToSwitch()
    await shop.world.lock.acquire('deploy of order')
    const services = () => Promise.reject(failed({ code: 'api-error', message: 'no' }))
    const observer = { ...shop.world.observer, services }
    expect(await errorOf(shop.switch({}, { observer }))).toMatchObject({
      ...{ code: 'lock-held', checks: undefined },
    })
  })

  it('of a release is a failure with the same list', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    const { programs, broker } = shop.world
    const script: typeof programs.script = async (...args) => {
      broker.has.bindings = []
      return programs.script(...args)
    }
    const error = await errorOf(shop.release({}, { programs: { ...programs, script } }))
    expect(error).toMatchObject({ code: 'broker-differs', exitCode: 1 })
    expect(error.checks).toHaveLength(15)
  })

  it('reads what it checks side by side: two rounds, whatever is read', async () => {
    const { world, switch: switchSlots } = await readyToSwitch(aFullConfig(withEvents))
    const started: string[] = []
    let rounds = 0
    const turn = async <T>(name: string, read: () => Promise<T>): Promise<T> => {
      started.push(name)
      await setImmediate()
      if (started.length > 0) rounds += 1
      started.length = 0
      return read()
    }
    const { observer, journal, metrics, broker, registry, pods, lock } = world
    const plan = { ...world.driver, movePointers: () => Promise.reject(new Error('far enough')) }
    await errorOf(
      switchSlots(
        {},
        {
          driver: plan,
          lock: { ...lock, acquire: (reason) => lock.acquire(reason) },
          observer: { ...observer, services: () => turn('services', observer.services) },
          journal: { ...journal, read: () => turn('journal', journal.read) },
          metrics: { ...metrics, firing: () => turn('alerts', metrics.firing) },
          broker: {
            ...broker,
            declared: () => turn('declared', broker.declared),
            found: () => turn('found', broker.found),
            queues: () => turn('queues', broker.queues),
          },
          registry: {
            ...registry,
            labels: (...of) => turn('labels', () => registry.labels(...of)),
          },
          pods: { ...pods, list: (...of) => turn('pods', () => pods.list(...of)) },
          clock: patientClock(world.clock),
        },
      ),
    )
    expect(rounds).toBe(2)
  })
})

/** A wait of two seconds lasts as long as the test. */
function patientClock(clock: Clock): Clock {
  return {
    ...clock,
    sleep: (ms, signal) => (ms === 2_000 ? new Promise(() => {}) : clock.sleep(ms, signal)),
  }
}

describe('the events of the images', () => {
  const config = aFullConfig(withEvents)
  const check = async (shop: Shop, ports: Parameters<Shop['switch']>[1] = {}) => {
    const clock = patientClock(shop.world.clock)
    const { checks } = await shop.preview.switch({}, { clock, ...ports })
    return checks.find(({ name }) => name === 'events')
  }

  it('are those of what is deployed, by digest', async () => {
    const shop = await readyToSwitch(config)
    const { registry, state } = shop.world
    const asked: string[] = []
    const live = state.services.payment?.slots.blue?.digest
    const labels: typeof registry.labels = async (repository, digest) => {
      asked.push(repository)
      if (repository.endsWith('/order')) return labelsWith(['order.placed.v2'], [])
      return labelsWith([], digest === live ? ['order.placed.v1'] : ['order.placed.v2'])
    }
    expect(await check(shop, { registry: { ...registry, labels } })).toMatchObject({
      ...{ state: 'refused', code: 'events-unreadable' },
      message: 'Events could not be read: payment blue cannot read order.placed.v2 of order green.',
    })
    expect(asked.sort()).toEqual([
      ...['127.0.0.1:5000/shop/order', '127.0.0.1:5000/shop/order'],
      ...['127.0.0.1:5000/shop/payment', '127.0.0.1:5000/shop/payment'],
    ])
  })

  it('are read by all that consume them', async () => {
    expect(await check(await readyToSwitch(config))).toMatchObject({ state: 'passed' })
  })

  it('are asked of no registry where shopctl.yaml does not say that there are any', async () => {
    const shop = await readyToSwitch()
    const labels = () => Promise.reject(new Error('asked'))
    const registry = { ...shop.world.registry, labels }
    expect(await check(shop, { registry })).toMatchObject({ state: 'skipped' })
  })

  it.each<[string, () => Promise<never>, string]>([
    [
      'a registry that refuses',
      () => Promise.reject(failed({ code: 'x', message: 'access denied' })),
      'access denied',
    ],
    ['one that is slow', () => new Promise(() => {}), 'did not answer within 2 s'],
  ])('hold up no switch because of %s', async (_, labels, why) => {
    const shop = await readyToSwitch(config)
    const { registry, clock } = shop.world
    const waits = why.startsWith('did') ? clock : patientClock(clock)
    await shop.switch({}, { registry: { ...registry, labels }, clock: waits })
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(shop.world.progress.lines.join('\n')).toMatch(
      new RegExp(
        `! events could not be checked: order blue, order green, payment blue, payment green: .*${why}`,
      ),
    )
  })
})

it('a wait for the registry ends with its answer: it would hold up the end of the command', async () => {
  const shop = await readyToSwitch(aFullConfig(withEvents))
  const signals: (AbortSignal | undefined)[] = []
  const sleep: Clock['sleep'] = (_, signal) => {
    signals.push(signal)
    return new Promise(() => {})
  }
  await shop.preview.switch({}, { clock: { ...shop.world.clock, sleep } })
  expect(signals.map((signal) => signal?.aborted)).toEqual([true])
})

it('a Prometheus that is away has said so itself, or does not exist', async () => {
  const shop = await readyToSwitch()
  shop.world.metrics.alerts = null
  await shop.switch()
  expect(shop.world.progress.lines.join('\n')).not.toContain('could not be checked')
})

describe('--dry-run', () => {
  it('of a switch has the checks and the plan, and writes nothing', async () => {
    const shop = await readyToSwitch()
    const { world } = shop
    const before = structuredClone([world.state, world.log])
    const acquire = () => expect.fail('it took the lock')
    const { checks, plan } = await shop.preview.switch({}, { lock: { ...world.lock, acquire } })
    expect(checks.map(({ state }) => state)).not.toContain('refused')
    expect(plan).toMatchObject({
      moves: ['order', 'payment'].map((name) => ({
        ...{ name, from: { color: 'blue' }, to: { color: 'green' }, pods: { from: 2, to: 2 } },
      })),
      ...{ scales: [], restarts: [], again: [], stays: [] },
    })
    expect([world.state, world.log]).toEqual(before)
  })

  it('of a switch has the very plan: what moves, and what becomes of the pods', async () => {
    const shop = await readyToSwitch()
    const live = shop.world.state.services.order?.slots.blue
    if (live) live.autoscaler = { min: 1, declaredMin: 1 }
    const { plan } = await shop.preview.switch()
    const moved = await shop.switch()
    expect(plan?.moves.map(({ name, from, to }) => ({ name, from, to }))).toEqual(
      moved.services.map(({ name, from, to }) => ({ name, from, to })),
    )
    expect(plan?.scales).toEqual([
      { service: 'order', color: 'blue', min: 2, replicas: null, declared: null },
    ])
    expect(shop.world.log).toContain('scale order-blue null at least 2')
  })

  it('of a switch that would be refused has no plan, and who holds the lock', async () => {
    const shop = await readyToSwitch()
    breakThree(shop)
    await shop.world.lock.acquire('deploy of order')
    const { checks, plan } = await shop.preview.switch()
    expect(plan).toBeNull()
    expect(codesOf({ checks })).toEqual([
      ...['lock-held', 'slot-not-ready', 'broker-differs', 'alerts-fire'],
    ])
  })

  it('of a switch names an interrupted one', async () => {
    const shop = await interruptedSwitch()
    const { checks } = await shop.preview.switch({ skipSmoke: true })
    expect(codesOf({ checks })[0]).toBe('interrupted-operation')
  })

  it('of a rollback has its plan, and only says who holds the lock', async () => {
    const shop = await releasedTwice()
    const before = [...shop.world.log]
    await shop.world.lock.acquire('deploy of order')
    const { checks, plan } = await shop.preview.rollback()
    expect(checks).toMatchObject([
      { name: 'lock', state: 'warning', message: expect.stringContaining('deploy of order') },
      { name: 'target', state: 'passed' },
    ])
    expect(plan?.moves.map(({ name, to }) => `${name} ${to?.color}`)).toEqual([
      ...['order blue', 'payment blue'],
    ])
    expect(shop.world.log).toEqual(before)
  })

  it('of a rollback has no plan under a lock by hand: nobody knows how long that stands', async () => {
    const shop = await releasedTwice()
    shop.world.lock.byHand = aHolder({ reason: 'stocktaking', byHand: true })
    const { checks, plan } = await shop.preview.rollback()
    expect(checks[0]).toMatchObject({ name: 'lock', state: 'refused', code: 'locked-by-hand' })
    expect(plan).toBeNull()
  })

  it('of a rollback names what is deployed again, or why there is no target', async () => {
    const shop = await releasedTwice()
    await shop.cleanup()
    expect(codesOf(await shop.preview.rollback())).toEqual(['slot-gone'])
    const { plan } = await shop.preview.rollback({ to: 'r-1' })
    expect(plan?.again.map(({ name }) => name)).toEqual(['order', 'payment'])
  })
})

it('a rollback reads nothing of the checks of a switch', async () => {
  const shop = await releasedTwice()
  const asked = () => Promise.reject(new Error('asked'))
  const { world } = shop
  await shop.rollback(
    {},
    {
      registry: { ...world.registry, labels: asked },
      broker: { ...world.broker, queues: asked },
      metrics: { ...world.metrics, firing: asked, checkCoverage: asked },
    },
  )
  expect(shop.live('order')).toBe('blue 1a2b3c4d')
})
