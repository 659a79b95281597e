// The probe goes along with a switch or rollback, and never in its way.
import { describe, expect, it } from 'vitest'
import type { ProbeRecord } from '../../../src/release/probe-record.ts'
import { operationSchema } from '../../../src/release/record.ts'
import { aFullConfig, managementText } from '../../fakes/config.ts'
import { createFakeProbe, type FakeAnswer, type FakeProbe } from '../../fakes/probe.ts'
import { createShop, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { outcomes, type Ports } from '../../fakes/world.ts'

/** Blue serves, green waits and was tested. */
async function readyToSwitch(shop = createShop()): Promise<Shop> {
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  return shop
}

/** Answers as the live slot of `order` in the world of `shop`. */
function liveOf({ world }: Shop): FakeAnswer {
  return { color: world.state.services.order?.stable?.target?.color ?? null }
}

function probeOf(shop: Shop, answer = () => liveOf(shop)): FakeProbe {
  return createFakeProbe(shop.world.clock, answer)
}

function lastRecord({ world }: Shop) {
  const record = world.state.journal.closed.at(-1)
  // As the journal reads it again.
  return operationSchema.parse(JSON.parse(JSON.stringify(record)))
}

const broken: FakeAnswer = { status: 0, error: 'connect ECONNREFUSED' }

describe('a switch', () => {
  it('has requests before, during and after: in the result and in the record', async () => {
    const shop = await readyToSwitch()
    const probe = probeOf(shop)
    const moved = await shop.switch({}, { probe })
    expect(moved.withoutProbe).toBeUndefined()
    expect(moved.probe).toMatchObject({
      ...{ address: 'http://127.0.0.1:1/orders', service: 'order', failures: 0 },
      ...{ before: { p50Ms: 2 }, after: { p50Ms: 2 } },
    })
    // 100 requests/s: no more than 1.5 s on each side.
    expect(moved.probe?.before.requests).toBeGreaterThanOrEqual(150)
    expect(moved.probe?.after.requests).toBeGreaterThanOrEqual(150)
    expect(lastRecord(shop)).toMatchObject({ release: 'r-2', probe: moved.probe })
    expect(probe).toMatchObject({ starts: 1, running: new Set() })
  })

  it('shows failures as what they are, and ends as it would without', async () => {
    const shop = await readyToSwitch()
    const moved = await shop.switch({}, { probe: probeOf(shop, () => broken) })
    const { probe } = moved
    expect(probe?.failures).toBe(probe?.requests)
    expect(probe?.failed[0]).toMatchObject({ phase: 'before', what: 'connect ECONNREFUSED' })
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
  })

  it.each<[string, (shop: Shop) => Partial<Ports>, boolean, string]>([
    ['where the environment sets none', () => ({}), true, 'this environment sets none'],
    ['with --no-probe', (shop) => ({ probe: probeOf(shop) }), false, '--no-probe was given'],
    [
      'that cannot be started',
      (shop) => ({
        probe: createFakeProbe(shop.world.clock, () => ({}), {
          start: async () => {
            throw new Error('no such module')
          },
        }),
      }),
      true,
      'it could not be started: no such module',
    ],
  ])('does without one %s, and says so', async (_, ports, probe, why) => {
    const shop = await readyToSwitch()
    const before = shop.world.clock.monotonic()
    const moved = await shop.switch({ probe }, ports(shop))
    expect([moved.probe, moved.withoutProbe]).toEqual([undefined, why])
    expect(lastRecord(shop)).toMatchObject({ outcome: 'done', withoutProbe: why })
    expect(shop.world.clock.monotonic() - before).toBeLessThan(500)
  })

  it('waits no longer than 3 s for a probe that does not start', async () => {
    const shop = await readyToSwitch()
    const { clock } = shop.world
    const start = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('it was ended')))
      })
    const probe = createFakeProbe(clock, () => ({}), { start })
    const before = clock.monotonic()
    const moved = await shop.switch({}, { probe })
    expect(moved.withoutProbe).toBe('it had not started when all was over')
    const took = clock.monotonic() - before
    expect(took).toBeGreaterThan(2_900)
    expect(took).toBeLessThan(3_500)
    expect(lastRecord(shop)).toMatchObject({ outcome: 'done', withoutProbe: moved.withoutProbe })
  })

  it('that is refused ends the probe', async () => {
    const shop = await readyToSwitch()
    const probe = probeOf(shop)
    await expect(shop.switch({ color: 'blue', services: ['order'] }, { probe })).rejects.toThrow()
    expect(probe).toMatchObject({ starts: 1, running: new Set() })
  })

  it('that is put back has what was measured until then in its record', async () => {
    const shop = await readyToSwitch()
    const probe = probeOf(shop, () => broken)
    shop.world.faults.deaf.add('payment')
    await expect(shop.switch({}, { probe })).rejects.toMatchObject({ code: 'not-taken-over' })
    expect(lastRecord(shop)).toMatchObject({
      outcome: 'undone',
      probe: { after: { requests: 0 }, during: { failures: expect.any(Number) } },
    })
    expect(probe.running.size).toBe(0)
  })

  it('is interrupted while it only waits for the probe: nothing has moved, and the probe ends', async () => {
    const shop = await readyToSwitch()
    const probe = probeOf(shop)
    const stop = new AbortController()
    const clock = {
      ...shop.world.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        if (ms > 500) stop.abort()
        await shop.world.clock.sleep(ms, signal)
      },
    }
    const moving = shop.switch({}, { probe, clock, signal: stop.signal })
    await expect(moving).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(probe.running.size).toBe(0)
  })

  it('is not held up by an interrupt after the takeover', async () => {
    const shop = await readyToSwitch()
    const probe = probeOf(shop)
    const stop = new AbortController()
    const clock = {
      ...shop.world.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        if (ms > 500 && shop.live('order') === 'green bbbbbbbb') stop.abort()
        await shop.world.clock.sleep(ms, signal)
      },
    }
    expect(await shop.switch({}, { probe, clock, signal: stop.signal })).toMatchObject({
      probe: { failures: 0 },
    })
    expect(outcomes(shop.world).at(-1)).toBe('r-2 done')
  })

  it('of other services knows no old color', async () => {
    const shop = await readyToSwitch()
    const moved = await shop.switch(
      { services: ['payment'], skipSmoke: true },
      { probe: probeOf(shop) },
    )
    expect(moved.probe).toMatchObject({ lastOldAnswerMs: null, failures: 0 })
  })
})

it('a probe goes on until the old slot of its service is restarted', async () => {
  const smoke = '    smoke: order/smoke.ts'
  const config = aFullConfig((text) => text.replace(`${smoke}${managementText}`, ''))
  const shop = createShop({ config })
  shop.world.faults.plain.add('order')
  await readyToSwitch(shop)
  const { clock, driver } = shop.world
  let restartedAt = Number.POSITIVE_INFINITY
  const probe = createFakeProbe(clock, (at) => ({ color: at < restartedAt ? 'blue' : 'green' }))
  const restartSlot: typeof driver.restartSlot = async (...slot) => {
    await clock.sleep(1_000)
    restartedAt = clock.monotonic()
    await driver.restartSlot(...slot)
  }
  let ended: ProbeRecord | undefined
  const { journal } = shop.world
  const end: typeof journal.end = (operation) => {
    ended = structuredClone(operation.probe)
    return journal.end(operation)
  }
  const ports = { probe, driver: { ...driver, restartSlot }, journal: { ...journal, end } }
  const moved = await shop.switch({}, ports)
  // Who kills the command now leaves a record without the last answer.
  expect(ended?.lastOldAnswerMs).toBeNull()
  expect(moved.probe?.requests).toBeGreaterThan(ended?.requests ?? 0)
  expect(moved.probe?.lastOldAnswerMs).toBeGreaterThan(2_000)
  expect(lastRecord(shop).probe).toEqual(moved.probe)
  expect(probe.running.size).toBe(0)
})

describe('a rollback', () => {
  it('that is over before the probe sends waits for it, and has requests after it', async () => {
    const shop = await releasedTwice()
    const late = probeOf(shop)
    const sends = Promise.withResolvers<void>()
    const clock = {
      ...shop.world.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        if (shop.live('order')?.startsWith('blue') && ms > 0) sends.resolve()
        await shop.world.clock.sleep(ms, signal)
      },
    }
    const start: typeof late.start = async (signal) => {
      signal.addEventListener('abort', () => sends.reject(new Error('it was ended')))
      await sends.promise
      return late.start(signal)
    }
    const { probe } = await shop.rollback({}, { clock, probe: { ...late, start } })
    expect(probe).toMatchObject({ before: { requests: 0 }, failures: 0 })
    expect(probe?.after.requests).toBeGreaterThanOrEqual(150)
  })

  it('waits for no requests before it, and for some after it', async () => {
    const shop = await releasedTwice()
    const probe = probeOf(shop)
    const { clock, driver } = shop.world
    const before = clock.monotonic()
    let movedAt = 0
    const movePointers: typeof driver.movePointers = (...of) => {
      movedAt ||= clock.monotonic()
      return driver.movePointers(...of)
    }
    const moved = await shop.rollback({}, { probe, driver: { ...driver, movePointers } })
    expect(movedAt - before).toBeLessThan(100)
    expect(moved.probe?.after.requests).toBeGreaterThanOrEqual(150)
    expect(lastRecord(shop)).toMatchObject({ verb: 'rollback', probe: moved.probe })
  })

  it('needs no probe', async () => {
    const shop = await releasedTwice()
    const start = (): Promise<never> => Promise.reject(new Error('no'))
    const probe = createFakeProbe(shop.world.clock, () => ({}), { start })
    expect(await shop.rollback({}, { probe })).toMatchObject({
      withoutProbe: 'it could not be started: no',
    })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('sends nothing while it deploys images again', async () => {
    const shop = await releasedTwice()
    await shop.cleanup()
    const probe = probeOf(shop)
    const { driver } = shop.world
    const whileDeployed: number[] = []
    const writeSlots: typeof driver.writeSlots = (...of) => {
      whileDeployed.push(probe.running.size)
      return driver.writeSlots(...of)
    }
    await shop.rollback({ to: 'r-1' }, { probe, driver: { ...driver, writeSlots } })
    expect(whileDeployed).toEqual([0])
    expect(probe).toMatchObject({ starts: 2, running: new Set() })
  })

  it('with nothing to move says nothing of it', async () => {
    const shop = await releasedTwice()
    const probe = probeOf(shop)
    await expect(shop.rollback({ to: 'r-9' }, { probe })).rejects.toMatchObject({
      code: 'unknown-release',
    })
    expect(probe.running.size).toBe(0)
  })
})
