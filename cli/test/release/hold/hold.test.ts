// The version that a rollback has left does not go live again until somebody releases it. A way back is never held up.
import { describe, expect, it } from 'vitest'
import type { DeployInput } from '../../../src/release/deploy/deploy.ts'
import { heldDigests } from '../../../src/release/hold/held.ts'
import { releaseHold } from '../../../src/release/hold/release-hold.ts'
import { interruptedSwitch, names, releasedTwice, type Shop } from '../../fakes/shop.ts'

function heldIn({ world }: Shop): string[] {
  return heldDigests(world.state.journal).map(({ side }) => side.digest)
}

async function free(shop: Shop, digests = heldIn(shop)) {
  return releaseHold(shop.world, { digests, reason: 'it was the network' })
}

/** Blue serves again since r-3, green stands by with what r-2 made live. */
async function rolledBack(): Promise<Shop> {
  const shop = await releasedTwice()
  await shop.rollback({ reason: 'it loses orders' })
  return shop
}

describe('after a rollback', () => {
  it.each<[string, (shop: Shop) => Promise<unknown>]>([
    ['a switch', (shop) => shop.switch({ services: names })],
    ['a deploy', (shop) => shop.deploy()],
    ['a release', (shop) => shop.release()],
    [
      'a deploy of that very digest',
      async (shop) => {
        const { services } = shop.world.state
        const digest = services.order?.slots.green?.digest ?? ''
        await shop.deploy({ services: ['order'], digests: { order: digest } })
      },
    ],
  ])('%s of what it has left is refused before anything is written', async (_, run) => {
    const shop = await rolledBack()
    const { log, state } = shop.world
    const [before, records] = [[...log], state.journal.closed.length]
    await expect(run(shop)).rejects.toMatchObject({
      ...{ code: 'on-hold', exitCode: 2 },
      message: expect.stringMatching(
        /^order bbbbbbbb is on hold: me@here rolled it back with r-3 at 2026-\S+Z, for: it loses orders\./,
      ),
      hint: expect.stringContaining(`shopctl hold release ${heldIn(shop)[0]?.slice(0, 19)}`),
    })
    expect([log, state.journal.closed.length]).toEqual([before, records])
  })

  it('says what is on hold now', async () => {
    const shop = await releasedTwice()
    expect(await shop.rollback({ services: ['order'] })).toMatchObject({
      held: [{ service: 'order', side: { version: 'bbbbbbbb' }, release: 'r-3', by: 'me@here' }],
    })
  })

  it('it may go live again once it is released, as a recorded operation', async () => {
    const shop = await rolledBack()
    expect(await free(shop)).toMatchObject(names.map((service) => ({ service })))
    expect(shop.world.state.journal.closed.at(-1)).toMatchObject({
      ...{ verb: 'hold-release', reason: 'it was the network', by: 'me@here', outcome: 'done' },
      services: names.map((name) => ({ name, to: { color: 'green', version: 'bbbbbbbb' } })),
    })
    await shop.switch({ services: names })
    expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
  })

  it('is on hold again when it is left once more', async () => {
    const shop = await rolledBack()
    await free(shop)
    await shop.switch({ services: names })
    expect(heldIn(shop)).toEqual([])
    await shop.rollback()
    expect(heldIn(shop)).toHaveLength(2)
  })

  it('another version is free, and so is what is live', async () => {
    const shop = await rolledBack()
    shop.commit('a')
    shop.commit('c')
    await shop.release()
    expect(names.map(shop.live)).toEqual(['green cccccccc', 'green cccccccc'])
    await expect(shop.release()).resolves.toMatchObject({ moved: null })
  })

  it('the other services may be released', async () => {
    const shop = await releasedTwice()
    await shop.rollback({ services: ['order'] })
    shop.commit('c', ['payment'])
    await shop.release({ services: ['payment'] })
    await expect(shop.release({ services: ['order'] })).rejects.toMatchObject({ code: 'on-hold' })
  })
})

describe('a way back is not held up', () => {
  it('by a rollback that undoes the rollback, after which nothing is on hold', async () => {
    const shop = await rolledBack()
    expect(await shop.rollback({ to: 'r-2' })).toMatchObject({ held: [] })
    expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
    expect(heldIn(shop)).toEqual([])
  })

  it('although its image has to be deployed again', async () => {
    const shop = await rolledBack()
    await shop.cleanup()
    await shop.rollback({ to: 'r-2' })
    expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
  })
})

it('an interrupted switch puts nothing on hold', async () => {
  const shop = await interruptedSwitch()
  expect(await shop.rollback()).toMatchObject({ held: [] })
  await shop.switch({ services: names, skipSmoke: true })
  expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
})

it('an interrupted rollback that is completed puts on hold what it has left', async () => {
  const shop = await releasedTwice()
  const { driver } = shop.world
  let left = 1
  const dying: DeployInput | object = {
    driver: {
      ...driver,
      movePointers(...args: Parameters<typeof driver.movePointers>) {
        if (left-- > 0) return driver.movePointers(...args)
        throw new Error('killed')
      },
    },
  }
  await shop.rollback({}, dying).catch(() => {})
  expect(shop.world.state.journal.open).toMatchObject({ verb: 'rollback' })
  expect((await shop.rollback()).held).toHaveLength(2)
})

describe('hold release', () => {
  it('takes the beginning of a digest', async () => {
    const shop = await rolledBack()
    const [first = '', second = ''] = heldIn(shop)
    await free(shop, [first.slice(0, 19)])
    expect(heldIn(shop)).toEqual([second])
  })

  it('is refused for a digest that is not on hold, and frees nothing', async () => {
    const shop = await rolledBack()
    const [first = ''] = heldIn(shop)
    await expect(free(shop, [first, 'sha256:000000000000'])).rejects.toMatchObject({
      ...{ code: 'not-on-hold', exitCode: 2 },
      hint: expect.stringContaining('shopctl hold'),
    })
    expect(heldIn(shop)).toHaveLength(2)
  })

  it('waits for an interrupted switch to be finished', async () => {
    const shop = await interruptedSwitch()
    await expect(free(shop, ['sha256:000000000000'])).rejects.toMatchObject({
      code: 'interrupted-operation',
    })
  })
})

it('--dry-run of a switch shows it', async () => {
  const shop = await rolledBack()
  const hold = async () => {
    const { checks } = await shop.preview.switch({ services: names })
    return checks.find(({ name }) => name === 'hold')
  }
  expect(await hold()).toMatchObject({ state: 'refused', code: 'on-hold' })
  await free(shop)
  expect(await hold()).toMatchObject({ state: 'passed' })
})
