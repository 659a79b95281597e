// A deploy keeps what the environment needs before it writes a slot.
import { expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import { createShop, releasedTwice } from '../../fakes/shop.ts'

const repository = '127.0.0.1:5000/shop/order'

it('are the slots, the wanted image and the images of all releases, under the number of the deploy', async () => {
  const shop = await releasedTwice()
  const { world } = shop
  const { order } = world.state.services
  const before = [order?.slots.blue?.digest, order?.slots.green?.digest]
  shop.commit('c')
  const [deployed] = await shop.deploy({ services: ['order'] })
  const now = world.state.services.order?.slots[deployed?.color ?? 'blue']?.digest
  const kept = world.engine.kept.get(repository)
  expect(kept).toMatchObject({ env: 'local', id: expect.stringMatching(/^op-\d+$/) })
  expect([...(kept?.digests ?? [])].sort()).toEqual([...before, now].sort())
})

it('are kept of the services of the deploy only', async () => {
  const { world, deploy } = createShop()
  await deploy({ services: ['order'] })
  expect([...world.engine.kept.keys()]).toEqual([repository])
})

it('nothing is written when an image cannot be kept', async () => {
  const { world, deploy } = createShop()
  const keep = async () => {
    throw failed({ code: 'aws-error', message: 'no' })
  }
  const registry = { ...world.registry, keep }
  await expect(deploy({}, { registry })).rejects.toMatchObject({ code: 'aws-error' })
  expect(world.driver.writes).toEqual([])
})

it('a deploy that changes nothing keeps nothing', async () => {
  const { world, deploy, release } = createShop()
  await release()
  world.engine.kept.clear()
  await deploy()
  expect(world.engine.kept.size).toBe(0)
})
