// A deploy keeps what the environment needs before it writes a slot.
import { expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { guardName } from '../../../src/release/deploy/environment.ts'
import { keepImages } from '../../../src/release/deploy/keep.ts'
import { aConfig } from '../../fakes/config.ts'
import { createShop, releasedTwice } from '../../fakes/shop.ts'
import { anOpenOperation, aService, aSide, aSlot, aState } from '../../fakes/state.ts'
import { createWorld } from '../../fakes/world.ts'

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

it('are the images of a switch that was interrupted, too: a rollback may deploy them again', async () => {
  const { registry, engine } = createWorld(['order'])
  const open = anOpenOperation({
    verb: 'switch',
    services: [{ name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') }],
  })
  const order = aService({ blue: aSlot('blue', 'c') }, null, null)
  const wanted = aSlot('green', 'd')
  await keepImages(
    registry,
    { config: aConfig(), registryAddress: '127.0.0.1:5000', env: 'local' },
    {
      state: aState({ order }, { open }),
      plan: { steps: [{ service: 'order', wanted }] } as never,
    },
    'op-9',
  )
  const kept = engine.kept.get(repository)?.digests ?? []
  expect([...kept].sort()).toEqual(['a', 'b', 'c', 'd'].map((each) => `sha256:${each}`))
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

it.each<[string, string, 1 | 2]>([
  ['after another was kept is a failure', 'payment', 1],
  ['while another is kept is a failure', 'order', 1],
  ['while nothing else is kept is a refusal', 'shop', 2],
])('a refusal %s', async (_, broken, exitCode) => {
  const { world, deploy } = createShop()
  const registry = {
    ...world.registry,
    async keep(repository: string) {
      if (repository.includes(`/${broken}`) || broken === 'shop')
        throw refused({ code: 'aws-throttled', message: 'no' })
      return true
    },
  }
  await expect(deploy({}, { registry })).rejects.toMatchObject({ code: 'aws-throttled', exitCode })
})

it.each<[string, boolean, 1 | 2]>([
  ['after images were kept is a failure', true, 1],
  ['where all were kept before is a refusal', false, 2],
])('a refusal by the cluster %s', async (_, kept, exitCode) => {
  const { world, deploy, commit } = createShop()
  // Its Secrets are there.
  await deploy()
  commit('b')
  delete world.driver.releases[guardName]
  const registry = { ...world.registry, keep: async () => kept }
  world.driver.failing[guardName] = refused({ code: 'forbidden', message: 'no' })
  await expect(deploy({}, { registry })).rejects.toMatchObject({ code: 'forbidden', exitCode })
})

it('a deploy that changes nothing keeps nothing', async () => {
  const { world, deploy, release } = createShop()
  await release()
  world.engine.kept.clear()
  await deploy()
  expect(world.engine.kept.size).toBe(0)
})
