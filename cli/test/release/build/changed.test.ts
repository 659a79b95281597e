// A refusal says that nothing was changed: after a change in the registry it is a failure.
import { expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { build } from '../../../src/release/build/build.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig } from '../../fakes/config.ts'
import { names } from '../../fakes/shop.ts'
import { createWorld } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

it.each<[string, (reference: string) => boolean]>([
  ['of the first image', (reference) => reference.includes('order')],
  ['of the last image', (reference) => reference.includes('payment')],
])('a push: a refusal %s is a failure once a repository was created', async (_, isBroken) => {
  const world = createWorld(names)
  await build(world, tree)
  const problem = refused({ code: 'aws-throttled', message: 'no' })
  const prepare = async (repository: string) => {
    if (isBroken(repository)) throw problem
    return true
  }
  const sending = async () => {
    throw problem
  }
  const ports = {
    ...world,
    registry: { ...world.registry, prepare },
    builder: { ...world.builder, push: sending },
  }
  await expect(push(ports, tree)).rejects.toMatchObject({ code: 'aws-throttled', exitCode: 1 })
  const none = { ...ports, registry: { ...world.registry, prepare: sending } }
  await expect(push(none, tree)).rejects.toMatchObject({ code: 'aws-throttled', exitCode: 2 })
})

it.each<[string, () => Promise<boolean>, 1 | 2]>([
  ['that was created', async () => true, 1],
  ['that was there', async () => false, 2],
  [
    'that was created without its rules',
    async () => {
      throw failed({ code: 'aws-denied', message: 'ecr:PutLifecyclePolicy' })
    },
    1,
  ],
])('a build: a refusal after a repository for its cache %s', async (_, prepare, exitCode) => {
  const world = createWorld(names)
  const solve = async () => {
    throw refused({ code: 'aws-throttled', message: 'no' })
  }
  const ports = {
    ...world,
    registry: { ...world.registry, prepare },
    builder: { ...world.builder, solve },
  }
  const building = build(ports, { ...tree, immutableTags: true })
  await expect(building).rejects.toMatchObject({ code: 'aws-throttled', exitCode })
})

it.each<[string, boolean, 1 | 2]>([
  ['was written', true, 1],
  ['was not asked for', false, 2],
])('a build: a refusal after the cache of another image %s', async (_, immutableTags, exitCode) => {
  const world = createWorld(names)
  let solved = 0
  const solve: typeof world.builder.solve = async (what) => {
    solved += 1
    if (solved === 1) return world.builder.solve(what)
    throw refused({ code: 'aws-throttled', message: 'no' })
  }
  const ports = { ...world, builder: { ...world.builder, solve } }
  const building = build(ports, { ...tree, immutableTags })
  await expect(building).rejects.toMatchObject({ code: 'aws-throttled', exitCode })
})
