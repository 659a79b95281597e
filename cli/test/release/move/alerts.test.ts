// What a switch makes of the alerts that fire.
import { describe, expect, it } from 'vitest'
import { byUrgency, heedAlerts } from '../../../src/release/move/alerts.ts'
import { anAlert } from '../../fakes/metrics.ts'
import { createShop, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { aState, emptyService, switched } from '../../fakes/state.ts'
import { outcomes } from '../../fakes/world.ts'

/** Blue serves, green waits and was tested. */
async function readyToSwitch(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  return shop
}

const despite = { despiteAlerts: true, reason: 'green fixes it' }

it('alerts come with the most urgent first, then the oldest', () => {
  const alerts = [
    anAlert({ name: 'e', severity: 'info' }),
    anAlert({ name: 'd', severity: 'warning', since: '2026-01-02T00:00:00.000Z' }),
    anAlert({ name: 'b', since: '2026-01-02T00:00:00.000Z' }),
    anAlert({ name: 'a', since: '2026-01-01T00:00:00.000Z' }),
    anAlert({ name: 'c', severity: 'warning', since: '2026-01-01T00:00:00.000Z' }),
  ]
  expect(byUrgency(alerts).map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e'])
})

describe('a switch', () => {
  it('is refused while critical alerts fire: it names each, and changes nothing', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    const before = outcomes(world)
    const down = anAlert({ name: 'BrokerDown', service: null, summary: 'RabbitMQ is down' })
    world.metrics.alerts = [anAlert(), down]
    await expect(switchSlots()).rejects.toMatchObject({
      ...{ code: 'alerts-fire', exitCode: 2 },
      message:
        'Critical alerts fire: OutboxStuck (Events of order are not published); BrokerDown (RabbitMQ is down).',
      hint: expect.stringContaining('`--despite-alerts --reason "…"`'),
    })
    expect(outcomes(world)).toEqual(before)
    expect(live('order')).toBe('blue 1a2b3c4d')
  })

  it.each([
    [1, /^A critical alert fires: A0 \(down\)\.$/],
    [3, /^Critical alerts fire: A0 \(down\); A1 \(down\); A2 \(down\)\.$/],
    [50, /: A0 \(down\); A1 \(down\); A2 \(down\), and 47 more\.$/],
  ])('that is refused for %s alerts names three', async (count, expected) => {
    const { world, switch: switchSlots } = await readyToSwitch()
    const down = (_: unknown, index: number) => anAlert({ name: `A${index}`, summary: 'down' })
    world.metrics.alerts = Array.from({ length: count }, down)
    await expect(switchSlots()).rejects.toMatchObject({ message: expect.stringMatching(expected) })
  })

  it('is refused for a service that does not move', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    world.metrics.alerts = [anAlert({ service: 'payment' })]
    await expect(switchSlots({ services: ['order'], skipSmoke: true })).rejects.toMatchObject({
      code: 'alerts-fire',
    })
  })

  it('goes on where the user says why, and its record has the alerts', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    world.metrics.alerts = [anAlert({ summary: 'x'.repeat(5_000) })]
    await switchSlots(despite)
    expect(live('order')).toBe('green bbbbbbbb')
    expect(world.state.journal.closed.at(-1)).toMatchObject({
      ...{ verb: 'switch', reason: 'green fixes it' },
      alerts: [
        {
          ...{ name: 'OutboxStuck', service: 'order', color: null, summary: 'x'.repeat(300) },
          since: '2026-01-01T11:59:00.000Z',
        },
      ],
    })
    expect(world.progress.lines.join()).toMatch(/! OutboxStuck \(x+\) fires/)
  })

  it('asks whether Prometheus sees what is live', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    world.metrics.checks = 0
    await switchSlots()
    expect(world.metrics.checks).toBe(1)
  })

  it('records no alerts where none is critical', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    world.metrics.alerts = [anAlert({ severity: 'warning' })]
    await switchSlots(despite)
    expect(world.state.journal.closed.at(-1)).not.toHaveProperty('alerts')
  })

  it.each<[string, (shop: Shop) => Parameters<Shop['switch']>]>([
    ['none fires', () => []],
    [
      'Prometheus does not answer',
      ({ world }) => {
        world.metrics.alerts = null
        return []
      },
    ],
    ['the environment has no Prometheus', () => [{}, { metrics: null }]],
  ])('goes on where %s', async (_, given) => {
    const shop = await readyToSwitch()
    expect(await shop.switch(...given(shop))).toMatchObject({ release: 'r-2' })
  })

  it('says first what else is wrong', async () => {
    const shop = createShop()
    shop.world.metrics.alerts = [anAlert()]
    await shop.deploy()
    await expect(shop.switch()).rejects.toMatchObject({ code: 'not-smoked' })
  })
})

it.each<[string, object, number]>([
  ['nothing is live yet', { order: emptyService() }, 0],
  ['something is live', { order: emptyService(), payment: switched() }, 1],
])('where %s', (_, services, heeded) => {
  const state = aState(services as Parameters<typeof aState>[0])
  expect(heedAlerts(state, [anAlert()], { despiteAlerts: true })).toHaveLength(heeded)
})

describe('a release', () => {
  it('is refused before it builds anything', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    const { built } = shop.world.engine
    const before = built.length
    shop.world.metrics.alerts = [anAlert()]
    await expect(shop.release()).rejects.toMatchObject({ code: 'alerts-fire', exitCode: 2 })
    expect(built).toHaveLength(before)
    await shop.release(despite)
    expect(shop.live('order')).toBe('green bbbbbbbb')
  })

  it('of an environment where nothing is live yet is not held up', async () => {
    const shop = createShop()
    shop.world.metrics.alerts = [anAlert()]
    await shop.release()
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('is a failure when its own deploy made an alert fire', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    const { programs, metrics } = shop.world
    const script: typeof programs.script = async (...args) => {
      metrics.alerts = [anAlert()]
      return programs.script(...args)
    }
    await expect(shop.release({}, { programs: { ...programs, script } })).rejects.toMatchObject({
      ...{ code: 'alerts-fire', exitCode: 1 },
    })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })
})

it('a rollback does not ask', async () => {
  const shop = await releasedTwice()
  shop.world.metrics.alerts = [anAlert()]
  const firing = async () => {
    throw new Error('asked')
  }
  await shop.rollback({}, { metrics: { ...shop.world.metrics, firing } })
  expect(shop.live('order')).toBe('blue 1a2b3c4d')
})
