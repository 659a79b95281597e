// What is live, what is on standby and what is running.
import { describe, expect, it } from 'vitest'
import { readStatus, type Status } from '../../src/inspect/status.ts'
import { withLock } from '../../src/release/lock.ts'
import type { Metrics } from '../../src/release/ports/metrics.ts'
import { anAlert } from '../fakes/metrics.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../fakes/shop.ts'

function statusOf({ world }: Shop, services: string[] | null = null): Promise<Status> {
  return readStatus(world, 'local', services)
}

/** Of a service, the colors whose slot is shown as smoked. */
async function smokedOf(shop: Shop): Promise<Record<string, string[]>> {
  const { services } = await statusOf(shop)
  return Object.fromEntries(
    Object.entries(services).map(([name, { slots }]) => [
      name,
      (['blue', 'green'] as const).filter((color) => slots[color]?.smoked),
    ]),
  )
}

describe('status', () => {
  it('shows the slots, which one is live, and its consumers', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b', ['order'])
    await shop.deploy({ services: ['order'] })
    const status = await statusOf(shop)
    const { slots } = shop.world.state.services.order ?? {}
    expect(status).toMatchObject({
      env: 'local',
      release: 'r-1',
      operation: null,
      lock: null,
      held: [],
      damaged: [],
    })
    expect(status.services.order).toEqual({
      active: 'blue',
      epoch: 1,
      slots: {
        blue: {
          digest: slots?.blue?.digest,
          version: '1a2b3c4d',
          revision: slots?.blue?.revision,
          replicas: 2,
          ready: 2,
          smoked: true,
          smokeFailed: false,
          consumers: 2,
          inFlight: 0,
          login: { state: 'ok', problem: null },
          metrics: null,
        },
        green: {
          digest: slots?.green?.digest,
          version: 'bbbbbbbb',
          revision: slots?.green?.revision,
          replicas: 2,
          ready: 2,
          smoked: false,
          smokeFailed: false,
          consumers: 0,
          inFlight: 0,
          login: { state: 'ok', problem: null },
          metrics: null,
        },
      },
    })
  })

  it('shows only the services that were asked for', async () => {
    const shop = createShop()
    expect(Object.keys((await statusOf(shop)).services)).toEqual(names)
    expect(Object.keys((await statusOf(shop, ['payment'])).services)).toEqual(['payment'])
  })

  it('names what a rollback has put on hold, of the services that were asked for', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b', ['order'])
    await shop.release()
    await shop.rollback()
    const held = async (services?: string[]) =>
      (await statusOf(shop, services)).held.map(({ service, release }) => [service, release])
    expect(await held()).toEqual([['order', 'r-3']])
    expect(await held(['payment'])).toEqual([])
  })

  it('names damaged records', async () => {
    const shop = createShop()
    shop.world.state.journal.damaged = ['shopctl-journal-00000007']
    expect((await statusOf(shop)).damaged).toEqual(['shopctl-journal-00000007'])
  })

  it.each<[string, () => Promise<string[]>, string[]]>([
    [
      'an alarm',
      async () => ['memory alarm on a, so it takes no events'],
      ['memory alarm on a, so it takes no events'],
    ],
    ['none of a broker that is well', async () => [], []],
    [
      'a broker that cannot be asked',
      () => Promise.reject(new Error('none of its pods is ready')),
      ['none of its pods is ready'],
    ],
  ])('names the problems of the broker: %s', async (_, ask, problems) => {
    const { world } = createShop()
    const broker = { ...world.broker, problems: ask }
    expect((await readStatus({ ...world, broker }, 'local', null)).broker).toEqual({ problems })
    expect((await readStatus({ ...world, broker: null }, 'local', null)).broker).toBeNull()
  })

  it('has what Prometheus knows: alerts, and how each slot answers in its version', async () => {
    const shop = await releasedTwice()
    const { metrics } = shop.world
    metrics.alerts = [anAlert({ name: 'CpuHigh', severity: 'warning' }), anAlert()]
    const numbers = { requestsPerSecond: 20, errorShare: 0.25, p99Ms: 250 }
    metrics.measured = [
      { service: 'order', color: 'green', version: 'bbbbbbbb', ...numbers },
      // What was in this slot before.
      { service: 'order', color: 'blue', version: '0a0a0a0a', ...numbers },
    ]
    const { alerts, services } = await statusOf(shop)
    expect(alerts?.map(({ name }) => name)).toEqual(['OutboxStuck', 'CpuHigh'])
    expect(services.order?.slots.green?.metrics).toEqual(numbers)
    expect(services.order?.slots.blue?.metrics).toBeNull()
    expect(services.payment?.slots.green?.metrics).toBeNull()
  })

  it.each<[string, (shop: Shop) => Metrics | null]>([
    [
      'does not answer',
      ({ world: { metrics } }) => Object.assign(metrics, { alerts: null, measured: null }),
    ],
    ['is not there', () => null],
  ])('knows no alerts where Prometheus %s', async (_, given) => {
    const shop = await releasedTwice()
    const status = await readStatus({ ...shop.world, metrics: given(shop) }, 'local', null)
    expect(status).toMatchObject({ alerts: null, services: { order: { active: 'green' } } })
  })

  it.each<[string, (shop: Shop) => Promise<unknown>, number]>([
    ['nothing is live', (shop) => shop.deploy(), 0],
    ['something is live', (shop) => shop.release(), 1],
    [
      'what is live has no metrics',
      (shop) => {
        for (const name of ['order', 'payment']) shop.world.faults.plain.add(name)
        return shop.release()
      },
      0,
    ],
  ])('asks whether Prometheus sees this environment: %s', async (_, given, expected) => {
    const shop = createShop()
    await given(shop)
    const { metrics } = shop.world
    metrics.checks = 0
    await statusOf(shop)
    expect(metrics.checks).toBe(expected)
  })

  it('asks Prometheus beside everything else', async () => {
    const { world } = await releasedTwice()
    const begun: string[] = []
    const ask = (what: string) => async () => {
      begun.push(what)
      return new Promise<null>(() => {})
    }
    const metrics = { ...world.metrics, firing: ask('alerts'), slots: ask('slots') }
    const observer = { ...world.observer, services: ask('cluster') as never }
    void readStatus({ ...world, metrics, observer }, 'local', null)
    expect(begun.sort()).toEqual(['alerts', 'cluster', 'slots'])
  })

  it('asks nothing of a service that knows nothing of shopctl', async () => {
    const shop = createShop()
    await shop.release()
    shop.world.faults.plain.add('order')
    const { services } = await statusOf(shop)
    expect(services.order).toMatchObject({ epoch: null, slots: { blue: { consumers: 0 } } })
    expect(services.payment).toMatchObject({ epoch: 1, slots: { blue: { consumers: 2 } } })
  })
})

describe('what somebody changed without shopctl', () => {
  const digest = `sha256:${'f'.repeat(64)}`

  it.each<[string, (shop: Shop) => void, object]>([
    ['nothing', () => {}, { release: 'r-2', changedAfter: null }],
    [
      'a Service',
      ({ world: { state } }) => {
        const { stable, slots } = state.services.order ?? {}
        if (stable && slots?.blue) stable.target = { color: 'blue', revision: slots.blue.revision }
      },
      { release: null, changedAfter: 'r-2' },
    ],
    [
      'the image of a live slot',
      ({ world: { state } }) => Object.assign(state.services.order?.slots.green ?? {}, { digest }),
      { release: null, changedAfter: 'r-2' },
    ],
    [
      'the image of a standby slot',
      ({ world: { state } }) => Object.assign(state.services.order?.slots.blue ?? {}, { digest }),
      { release: 'r-2', changedAfter: null, services: { order: { slots: { blue: { digest } } } } },
    ],
  ])('is no part of the release: %s', async (_, given, expected) => {
    const shop = await releasedTwice()
    given(shop)
    expect(await statusOf(shop)).toMatchObject(expected)
  })

  it('leaves the release of what a rollback went back to', async () => {
    const shop = await releasedTwice()
    await shop.rollback()
    expect(await statusOf(shop)).toMatchObject({ release: 'r-3', changedAfter: null })
  })
})

describe('what Argo CD has', () => {
  const change = { change: 'order blue → green', commit: 'c0ffee', author: 'Jane <j@x.org>' }

  it('is what its tools say', async () => {
    const { world } = createShop()
    const argocd = { problems: ['x is late'], byHand: [change] }
    const gitops = { status: async () => argocd }
    expect((await readStatus({ ...world, gitops }, 'local', null)).argocd).toEqual(argocd)
  })

  it('is nothing with helm', async () => {
    expect((await statusOf(createShop())).argocd).toBeNull()
  })
})

describe('the operation that status shows', () => {
  it('is running while another command holds the lock', async () => {
    const shop = createShop()
    const seen: Status[] = []
    const lookingTraffic = {
      ...shop.world.traffic,
      async open(service: string) {
        seen.push(await statusOf(shop))
        return shop.world.traffic.open(service)
      },
    }
    await shop.deploy()
    await shop.smoke({}, { traffic: lookingTraffic })
    expect(seen[0]).toMatchObject({
      operation: { id: 'op-2', verb: 'smoke', step: 'under way', next: 'wait for me@here 1' },
      lock: { holder: 'me@here 1', reason: 'smoke test of order, payment' },
    })
  })

  it('is an interrupted switch, with what serves now and the ways out', async () => {
    expect(await statusOf(await interruptedSwitch())).toMatchObject({
      release: 'r-1',
      operation: {
        ...{ id: 'r-2', verb: 'switch', step: 'interrupted', next: 'shopctl resume' },
        says: [
          expect.stringMatching(
            /^The switch r-2 of order, payment began at 2026-.* by me@here, and/,
          ),
          'Live now: order green bbbbbbbb (moved), payment blue 1a2b3c4d (not moved).',
          '`shopctl resume` finishes it, `shopctl rollback` undoes it. Until then, nothing else may change this environment.',
        ],
      },
    })
  })

  it('is an interrupted rollback, which both ways finish', async () => {
    const shop = await releasedTwice()
    await shop.rollback({}, { driver: dyingDriver(shop.world, 1) }).catch(() => {})
    const { operation } = await readStatus(shop.world, 'test', null)
    expect(operation).toMatchObject({ id: 'r-3', next: 'shopctl resume --env test' })
    expect(operation?.says[1]).toMatch(/order blue 1a2b3c4d \(moved\), payment green .*not moved/)
    expect(operation?.says[2]).toMatch(/^`shopctl resume --env test` finishes it, and so does/)
  })

  it('is an interrupted deploy, which the next one ends', async () => {
    const shop = createShop()
    await shop.deploy({}, { journal: dyingJournal(shop.world) })
    expect((await statusOf(shop)).operation).toEqual({
      ...{ id: 'op-1', verb: 'deploy', step: 'interrupted' },
      next: 'shopctl deploy --service order,payment',
      says: [
        expect.stringMatching(/^The deploy op-1 of order, payment began at .* and did not end\.$/),
        'It has moved no Service: what was live before is live.',
        'Run `shopctl deploy --service order,payment` again.',
      ],
    })
  })

  it('is none while another command holds the lock and has not recorded yet', async () => {
    const shop = createShop()
    await withLock(shop.world, 'deploy of order', async () => {
      expect(await statusOf(shop)).toMatchObject({
        operation: null,
        lock: { reason: 'deploy of order' },
      })
    })
  })
})

describe('smoked', () => {
  it('is what passed in exactly the combination that a switch would take', async () => {
    const shop = await releasedTwice()
    const live = { order: ['green'], payment: ['green'] }
    expect(await smokedOf(shop)).toEqual(live)
    shop.commit('c')
    await shop.deploy()
    expect(await smokedOf(shop)).toEqual(live)
    await shop.smoke()
    expect(await smokedOf(shop)).toEqual({ order: ['blue', 'green'], payment: ['blue', 'green'] })
    await shop.switch()
    expect(await smokedOf(shop)).toEqual({ order: ['blue'], payment: ['blue'] })
  })

  it('is a test of this service only, for a switch of this service only', async () => {
    const shop = await releasedTwice()
    shop.commit('c')
    await shop.deploy()
    await shop.smoke({ services: ['order'] })
    expect(await smokedOf(shop)).toEqual({ order: ['blue', 'green'], payment: ['green'] })
    await expect(shop.switch()).rejects.toMatchObject({ code: 'not-smoked' })
    await shop.switch({ services: ['order'] })
    // Now payment waits for another combination than any that was tested.
    expect((await smokedOf(shop)).payment).toEqual([])
  })

  it('is a test of this service only, while another slot is not ready', async () => {
    const shop = await releasedTwice()
    shop.commit('c')
    await shop.deploy()
    await shop.smoke({ services: ['order'] })
    const waiting = shop.world.state.services.payment?.slots.blue
    if (waiting) waiting.ready = 0
    expect(await smokedOf(shop)).toEqual({ order: ['blue', 'green'], payment: ['green'] })
    await expect(shop.switch()).rejects.toMatchObject({ code: 'slot-not-ready' })
    await shop.switch({ services: ['order'] })
  })

  it('is no longer what a failed test of the same revoked', async () => {
    const shop = createShop()
    await shop.deploy()
    await shop.smoke()
    expect(await smokedOf(shop)).toEqual({ order: ['blue'], payment: ['blue'] })
    shop.world.programs.failing.add('smoke.ts')
    await expect(shop.smoke()).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(await smokedOf(shop)).toEqual({ order: [], payment: [] })
    const { services } = await statusOf(shop)
    expect(services.order?.slots.blue).toMatchObject({ smoked: false, smokeFailed: true })
    await shop.switch({ skipSmoke: true })
    expect((await statusOf(shop)).services.order?.slots.blue?.smokeFailed).toBe(true)
    shop.world.programs.failing.clear()
    shop.commit('b')
    await shop.deploy()
    expect((await statusOf(shop)).services.order?.slots.green?.smokeFailed).toBe(false)
  })

  it('is not what passed with another slot of the others than now', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    await shop.deploy({ services: ['order'] })
    await shop.smoke()
    expect((await smokedOf(shop)).order).toContain('green')
    await shop.deploy({ services: ['payment'] })
    await shop.switch({ services: ['payment'], skipSmoke: true })
    expect((await smokedOf(shop)).order).not.toContain('green')
    await expect(shop.switch()).rejects.toMatchObject({ code: 'not-smoked' })
  })
})
