// A release that is started again, as a workflow does it: deploy, smoke, switch.
import { expect, it } from 'vitest'
import { createShop, freed, type Shop } from '../fakes/shop.ts'

const actions = async (shop: Shop) => (await shop.deploy()).map(({ action }) => action)

async function released(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.release()
  return shop
}

it('finds everything live', async () => {
  expect(await actions(await released())).toEqual(['live', 'live'])
})

it('goes forward again after a rollback: its commit is still the wanted one', async () => {
  const shop = await released()
  await freed(shop, await shop.rollback())
  expect(await actions(shop)).toEqual(['ready', 'ready'])
  await shop.smoke()
  await shop.switch()
  expect(shop.live('order')).toBe('green bbbbbbbb')
})
