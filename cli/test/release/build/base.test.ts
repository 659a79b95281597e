// The base image of an image: which one it has, when there is a newer one, and how it is replaced.
import { describe, expect, it } from 'vitest'
import { build } from '../../../src/release/build/build.ts'
import { describeImages } from '../../../src/release/build/images.ts'
import { desire } from '../../../src/release/deploy/desire.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig } from '../../fakes/config.ts'
import { names, sharedChart } from '../../fakes/shop.ts'
import { createWorld } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

describe('the base image', () => {
  it('is a label of the image, and a newer one is named', async () => {
    const world = createWorld(names)
    await build(world, tree)
    const [image] = await describeImages(world.source, tree)
    const labels = await world.builder.labels(`${image?.repository}:${image?.inputsTag}`)
    expect(labels).toMatchObject({
      'dev.shopctl.bases': 'docker.io/library/node:24@sha256:old',
      'org.opencontainers.image.base.name': 'docker.io/library/node:24',
      'org.opencontainers.image.base.digest': 'sha256:old',
    })
    await build(world, tree)
    expect(world.progress.lines.join()).not.toContain('newer')
    world.engine.base.newest = 'sha256:new'
    const note =
      'order: a newer docker.io/library/node:24 is there; `shopctl build --no-cache --service order` builds with it'
    await build(world, tree)
    expect(world.progress.lines).toContain(note)
    await push(world, tree)
    world.progress.lines.length = 0
    await build(world, tree)
    expect(world.progress.lines).toContain(note)
  })

  it('that cannot be asked is not mentioned', async () => {
    const world = createWorld(names)
    await build(world, tree)
    world.engine.base.newest = null
    await build(world, tree)
    world.builder.newestBase = async () => Promise.reject(new Error('no engine'))
    await build(world, tree)
    expect(world.progress.lines.join()).not.toContain('newer')
  })

  it('is used by --no-cache, and the new image is pushed and deployed under the same inputs', async () => {
    const world = createWorld(names)
    await build(world, tree)
    const [before] = await push(world, tree)
    world.engine.base.newest = 'sha256:new'
    const rebuilt = await build(world, { ...tree, services: ['order'], noCache: true })
    expect(rebuilt.map(({ from }) => from)).toEqual(['built'])
    expect(world.engine.fresh).toEqual(['order'])
    const [after] = await push(world, tree)
    expect(after).toMatchObject({ sent: true, digest: expect.stringContaining('new') })
    expect(after?.digest).not.toBe(before?.digest)
    const version = '127.0.0.1:5000/shop/order:1a2b3c4d'
    expect(world.engine.tags.get(version)).toBe(before?.digest)
    expect(world.progress.lines).toContain(
      `${version} stays the earlier image; the new one has no such tag`,
    )
    const env = { env: 'local', sharedChart }
    expect((await desire(world, { ...tree, ...env })).wanted.order?.digest).toBe(after?.digest)
    expect((await push(world, tree))[0]).toMatchObject({ sent: false, digest: after?.digest })
  })

  it('that moves during a build leaves no image', async () => {
    const world = createWorld(names)
    const { solve } = world.builder
    world.builder.solve = async (image) => {
      const bases = await solve(image)
      world.engine.base.cached = 'sha256:moved'
      return bases
    }
    const services = ['order']
    await expect(build(world, { ...tree, services })).rejects.toMatchObject({ code: 'base-moved' })
    expect((await build(world, { ...tree, services }))[0]?.from).toBe('built')
  })
})
