// What a push tells the later steps of a workflow.
import { expect, it } from 'vitest'
import { pushResult } from '../../src/commands/push.ts'
import { build } from '../../src/release/build/build.ts'
import { push } from '../../src/release/push/push.ts'
import { aConfig } from '../fakes/config.ts'
import { names } from '../fakes/shop.ts'
import { createWorld } from '../fakes/world.ts'

it('the images, as subjects of attestations', async () => {
  const world = createWorld(names)
  const tree = { config: aConfig(), registryAddress: 'r.test:5000/team', services: names }
  await build(world, tree)
  const pushed = await push(world, tree)
  expect(pushResult(pushed).outputs?.images).toEqual(
    pushed.map(({ image, digest }) => ({
      name: `r.test:5000/team/shop/${image.service}`,
      ...{ digest, registry: 'r.test:5000' },
    })),
  )
})
