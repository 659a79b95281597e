// What a push tells the later steps of a workflow.
import { expect, it } from 'vitest'
import { pushResult } from '../../src/commands/push.ts'
import { build } from '../../src/release/build/build.ts'
import { push } from '../../src/release/push/push.ts'
import { aConfig } from '../fakes/config.ts'
import { names } from '../fakes/shop.ts'
import { createWorld } from '../fakes/world.ts'

async function pushAll() {
  const world = createWorld(names)
  const tree = { config: aConfig(), registryAddress: 'r.test:5000/team', services: names }
  await build(world, tree)
  return push(world, tree)
}

it('the digest of each image, for deploy --digests', async () => {
  const pushed = await pushAll()
  const digests = pushed.map(({ image, digest }) => [image.service, digest])
  expect(digests).toHaveLength(names.length)
  expect(pushResult(pushed).outputs?.digests).toEqual(Object.fromEntries(digests))
})

it('the images, as subjects of attestations', async () => {
  const pushed = await pushAll()
  expect(pushResult(pushed).outputs?.images).toEqual(
    pushed.map(({ image, digest }) => ({
      name: `r.test:5000/team/shop/${image.service}`,
      ...{ digest, registry: 'r.test:5000' },
    })),
  )
})
