// A switch moves all services at once, proves it, and goes back as a whole when one does not take over.
import { describe, expect, it } from 'vitest'
import type { Driver, Mover } from '../../../src/release/ports/driver.ts'
import type { OpenWorkQuestion } from '../../../src/release/ports/open-work.ts'
import { createShop, names, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

/** Blue serves, green waits and was tested. */
async function readyToSwitch(services = names): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b', services)
  await shop.deploy({ services })
  await shop.smoke()
  return shop
}

describe('a switch', () => {
  it('needs the smoke test, which shows what its script said', async () => {
    const shop = createShop()
    await shop.deploy()
    shop.world.programs.failing.add('payment/smoke.ts')
    await expect(shop.smoke()).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('expected 200, got 503'),
    })
    await expect(shop.switch()).rejects.toThrow(/No smoke test has passed/)
    await expect(shop.switch()).rejects.toMatchObject({ code: 'not-smoked', exitCode: 2 })
  })

  it('is recorded with what moved, its phases, and the proof', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    const moved = await switchSlots({ reason: 'it is time' })
    expect(moved).toMatchObject({ release: 'r-2', services: [{ epoch: 2 }, { epoch: 2 }] })
    for (const name of names) expect(live(name)).toBe('green bbbbbbbb')
    expect(world.state.journal.closed.at(-1)).toMatchObject({
      verb: 'switch',
      release: 'r-2',
      outcome: 'done',
      by: 'me@here',
      reason: 'it is time',
      phases: ['write', 'take over', 'old slots', 'preview'].map((name) => ({
        ...{ name, startedAt: expect.stringMatching(/^2026-.*Z$/), tookMs: expect.any(Number) },
      })),
      services: names.map((name) => ({
        name,
        from: { color: 'blue', version: '1a2b3c4d' },
        to: { color: 'green', version: 'bbbbbbbb' },
        proof: { epoch: 2, endpointsMs: expect.any(Number), consumersMs: expect.any(Number) },
      })),
    })
    expect(world.state.services.order?.stable?.release).toBe('r-2')
  })

  it('tells what work was open before it, and who has finished it', async () => {
    const shop = await readyToSwitch()
    const { journal } = shop.world.state
    const tally = { openBefore: 12, finishedByOld: 3, finishedByNew: 8, openAfter: 2 }
    const questions: OpenWorkQuestion[] = []
    shop.world.faults.openWork.order = (question) => {
      questions.push(question)
      const before = { open: 12, finished: { blue: 3, green: 8 } }
      return { open: 2, before, since: { due: 0, late: 0, open: 2, oldestSeconds: 1 } }
    }
    const { clock, driver } = shop.world
    const slow: Driver = {
      ...driver,
      async movePointers(moves, mover, signal, onWrite) {
        if (!onWrite) return driver.movePointers(moves, mover, signal)
        await clock.sleep(5_000)
        const written = await driver.movePointers(moves, mover, signal, onWrite)
        await clock.sleep(20)
        return written
      },
    }
    const { services } = await shop.switch({}, { driver: slow })
    expect(services.find(({ name }) => name === 'order')).toMatchObject(tally)
    expect(services.find(({ name }) => name === 'payment')).not.toHaveProperty('openBefore')
    expect(questions).toEqual([{ ago: expect.any(Number), late: 30 }])
    expect(questions[0]?.ago).toBeGreaterThanOrEqual(0.02)
    expect(questions[0]?.ago).toBeLessThan(5)
    const proofOf = (name: string) =>
      journal.closed.at(-1)?.services.find((each) => each.name === name)?.proof
    expect(proofOf('order')).toMatchObject(tally)
    expect(proofOf('payment')).not.toHaveProperty('openBefore')

    shop.world.faults.openWork.order = () => null
    await shop.rollback()
    expect(proofOf('order')).toMatchObject({ epoch: 3 })
    expect(proofOf('order')).not.toHaveProperty('openBefore')
  })

  it('puts every Service back when one slot does not take over in time', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    world.faults.deaf.add('payment')
    await expect(switchSlots()).rejects.toMatchObject({
      code: 'not-taken-over',
      message: expect.stringMatching(/payment green.*live, 0 consumers.*no gate or cannot read it/),
      hint: 'The slots that were live before are live again. Run `kubectl logs <pod>` for these pods. The limit was 0.05 s: `--timeout` sets another one.',
    })
    for (const name of names) expect(live(name)).toBe('blue 1a2b3c4d')
    expect(world.state.journal.open).toBeNull()
    expect(outcomes(world).filter((line) => line.startsWith('r-'))).toEqual([
      'r-1 done',
      'r-2 undone',
    ])
    expect(world.state.journal.closed.at(-1)?.error).toMatch(/payment green/)
    world.faults.deaf.clear()
    expect(await switchSlots()).toMatchObject({ release: 'r-3' })
  })

  it('has the driver undo it, not roll it back: the candidate stays one', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    world.faults.deaf.add('payment')
    const movers: Mover[] = []
    const driver: Driver = {
      ...world.driver,
      movePointers(moves, mover, signal) {
        movers.push(mover)
        return world.driver.movePointers(moves, mover, signal)
      },
    }
    await expect(switchSlots({}, { driver })).rejects.toMatchObject({ code: 'not-taken-over' })
    expect(movers).toEqual(['switch', 'undo'])
  })

  it('names its limit, and no logs, when it names no pods', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    const pods = { ...world.pods, awaitEndpoints: async () => null }
    await expect(switchSlots({ timeoutMs: 1 }, { pods })).rejects.toMatchObject({
      code: 'not-taken-over',
      message: expect.stringMatching(/does not route only to it after 0\.001 s$/),
      hint: 'The slots that were live before are live again. The limit was 0.001 s: `--timeout` sets another one.',
    })
  })

  it('leaves nothing live when the very first one goes back', async () => {
    const shop = createShop()
    await shop.deploy()
    await shop.smoke()
    shop.world.faults.deaf.add('order')
    await expect(shop.switch()).rejects.toMatchObject({
      code: 'not-taken-over',
      hint: expect.stringMatching(/^No slot was live before, and none is live now/),
    })
    for (const name of names) expect(shop.world.state.services[name]?.stable?.target).toBeNull()
  })

  it('names the services that had no live slot when it goes back for others, too', async () => {
    const shop = createShop()
    await shop.release({ services: ['order'] })
    shop.commit('b')
    await shop.deploy()
    shop.world.faults.deaf.add('order')
    await expect(shop.switch({ skipSmoke: true })).rejects.toMatchObject({
      code: 'not-taken-over',
      hint: expect.stringMatching(
        /^The slots that were live before are live again; payment had none\./,
      ),
    })
    expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', null])
    shop.world.faults.deaf.clear()
    await shop.switch({ skipSmoke: true })
    expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'blue bbbbbbbb'])
  })

  it('puts the others back when one Service was changed by somebody else', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    world.driver.unwritable.add('payment')
    await expect(switchSlots()).rejects.toMatchObject({ code: 'conflict' })
    expect(live('order')).toBe('blue 1a2b3c4d')
  })

  it('is interrupted by putting everything back', async () => {
    const { world, switch: switchSlots, live } = await readyToSwitch()
    world.faults.deaf.add('order')
    const stop = new AbortController()
    const clock = {
      ...world.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        if (ms > 0) stop.abort()
        await world.clock.sleep(ms, signal)
      },
    }
    await expect(switchSlots({}, { clock, signal: stop.signal })).rejects.toMatchObject({
      code: 'interrupted',
      exitCode: 130,
    })
    for (const name of names) expect(live(name)).toBe('blue 1a2b3c4d')
    expect(outcomes(world).at(-1)).toBe('r-2 undone')
  })

  it('only warns when the outgoing pods are silent', async () => {
    const { world, switch: switchSlots } = await readyToSwitch(['order'])
    const { revision } = world.state.services.order?.slots.blue ?? {}
    world.faults.silent.add('order')
    await switchSlots()
    expect(world.progress.lines).toContain(
      `! order-blue-${revision}-0 of the old slot does not answer`,
    )
  })

  it('is refused while the broker is not what it has to be', async () => {
    const { world, switch: switchSlots } = await readyToSwitch()
    const before = outcomes(world)
    world.broker.has.bindings = []
    await expect(switchSlots()).rejects.toMatchObject({ code: 'broker-differs', exitCode: 2 })
    expect(outcomes(world)).toEqual(before)
    await switchSlots({}, { broker: null })
  })
})
