// A switch that pauses after its checks: it holds no lock, and reads everything again afterwards.
import { expect, it } from 'vitest'
import { refused } from '../../../src/errors.ts'
import { createFakeProbe } from '../../fakes/probe.ts'
import { createShop, names, type Shop } from '../../fakes/shop.ts'

async function readyToSwitch(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  return shop
}

it('holds no lock, has written nothing, and knows what it would move', async () => {
  const shop = await readyToSwitch()
  const { world } = shop
  const before = structuredClone(world.state)
  const seen: unknown[] = []
  const pause = async ({ moves }: { moves: { name: string; to: { color: string } | null }[] }) => {
    expect(world.state).toEqual(before)
    seen.push(
      moves.map(({ name, to }) => `${name} ${to?.color}`),
      world.lock.holder,
    )
  }
  await shop.switch({ pause })
  expect(seen).toEqual([['order green', 'payment green'], null])
  expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
})

it('changes nothing where the answer is no', async () => {
  const shop = await readyToSwitch()
  const before = structuredClone(shop.world.state)
  const no = refused({ code: 'not-confirmed', message: 'no' })
  const pause = () => Promise.reject(no)
  await expect(shop.switch({ pause })).rejects.toBe(no)
  expect(shop.world.state).toEqual(before)
  expect(shop.world.lock.holder).toBeNull()
})

it('asks nothing where the checks refuse it', async () => {
  const shop = await readyToSwitch()
  shop.world.broker.has.bindings = []
  const pause = () => Promise.reject(new Error('it was asked'))
  await expect(shop.switch({ pause })).rejects.toMatchObject({ code: 'broker-differs' })
})

it('checks again what has changed meanwhile', async () => {
  const shop = await readyToSwitch()
  const pause = async () => {
    const slot = shop.world.state.services.order?.slots.green
    if (slot) slot.ready = 0
  }
  await expect(shop.switch({ pause })).rejects.toMatchObject({
    code: 'slot-not-ready',
    exitCode: 2,
  })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
})

it('moves nothing else than what was agreed to', async () => {
  const shop = await readyToSwitch()
  const pause = async () => {
    shop.commit('c')
    await shop.deploy()
    await shop.smoke()
  }
  await expect(shop.switch({ pause })).rejects.toMatchObject({
    code: 'changed-meanwhile',
    exitCode: 2,
  })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
})

it('sends no request through the edge meanwhile', async () => {
  const shop = await readyToSwitch()
  const probe = createFakeProbe(shop.world.clock, () => ({}))
  const pause = async () => expect(probe.running.size).toBe(0)
  await shop.switch({ pause }, { probe })
  expect(probe.starts).toBe(1)
})
