// An image is named after what it is made of, built once, and pushed under a tag that is never moved.
import { describe, expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { type BuildPorts, build } from '../../../src/release/build/build.ts'
import { describeImages } from '../../../src/release/build/images.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig } from '../../fakes/config.ts'
import { names } from '../../fakes/shop.ts'
import { createWorld } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

describe('build and push', () => {
  it('make an image once, and find it again in the engine and in the registry', async () => {
    const world = createWorld(names)
    const from = async () => (await build(world, tree)).map(({ from }) => from)
    expect(await from()).toEqual(['built', 'built'])
    expect(await from()).toEqual(['engine', 'engine'])
    const [first] = await push(world, tree)
    expect(first?.sent).toBe(true)
    expect(await from()).toEqual(['registry', 'registry'])
    expect(world.engine.built).toEqual(names)
  })

  it('give the same image another tag under a new commit, without sending it', async () => {
    const world = createWorld(names)
    await build(world, tree)
    const [before] = await push(world, tree)
    world.source.head = 'ffffffffffffffffffffffffffffffffffffffff'
    const [after] = await push(world, tree)
    expect(after).toMatchObject({ sent: false, digest: before?.digest })
    expect(world.engine.tags.get('127.0.0.1:5000/shop/order:ffffffff')).toBe(before?.digest)
    expect(world.engine.sent).toHaveLength(2)
  })

  it('that were pushed half-way are completed by the next push, which sends the others alone', async () => {
    const world = createWorld(names)
    await build(world, tree)
    const push500 = async (reference: string): Promise<string> => {
      if (reference.includes('order')) return world.builder.push(reference)
      throw failed({ code: 'push-failed', message: '500 Internal Server Error' })
    }
    const broken = { ...world, builder: { ...world.builder, push: push500 } }
    await expect(push(broken, tree)).rejects.toMatchObject({ code: 'push-failed', exitCode: 1 })
    const pushed = await push(world, tree)
    expect(pushed.map(({ image, sent }) => [image.service, sent])).toEqual([
      ...[
        ['order', false],
        ['payment', true],
      ],
    ])
    expect(world.engine.sent).toHaveLength(2)
  })

  it('never move a tag', async () => {
    const world = createWorld(names)
    await build(world, tree)
    world.engine.tags.set('127.0.0.1:5000/shop/order:1a2b3c4d', 'sha256:another')
    // By then, the image is in the registry.
    await expect(push(world, tree)).rejects.toMatchObject({
      ...{ code: 'tag-taken', exitCode: 1 },
      message: expect.stringContaining('shop/order:1a2b3c4d with another digest (sha256:another'),
      hint: expect.stringMatching(/Run `git commit`.*set `immutableTags: true`/),
    })
  })

  it('never move a tag, where it cannot be moved: no setting helps', async () => {
    const world = createWorld(names)
    const believing = { ...tree, immutableTags: true }
    await build(world, believing)
    world.engine.tags.set('127.0.0.1:5000/shop/order:1a2b3c4d', 'sha256:another')
    await expect(push(world, believing)).rejects.toMatchObject({
      code: 'tag-taken',
      hint: 'Tags are never moved. Run `git commit`, so that the image gets a new tag.',
    })
  })

  it.each([
    ['order', 2],
    ['order and payment', 2],
    ['payment', 1],
  ])(
    'that may not push %s end with exit status %i: it says whether any was',
    async (denied, exit) => {
      const world = createWorld(names)
      await build(world, tree)
      const pushing = async (reference: string): Promise<string> => {
        const service = reference.includes('order') ? 'order' : 'payment'
        if (!denied.includes(service)) return world.builder.push(reference)
        throw refused({ code: 'push-denied', message: 'denied' })
      }
      const services = denied === 'order' ? ['order'] : names
      const limited = { ...world, builder: { ...world.builder, push: pushing } }
      await expect(push(limited, { ...tree, services })).rejects.toMatchObject({
        ...{ code: 'push-denied', exitCode: exit },
      })
    },
  )

  it('say which step is missing', async () => {
    await expect(push(createWorld(names), tree)).rejects.toMatchObject({
      code: 'not-built',
      hint: expect.stringContaining('shopctl build --service order'),
    })
  })

  it('believe no tag of a registry that anybody can write to', async () => {
    const world = createWorld(names)
    const [image] = await describeImages(world.source, tree)
    const forged = `127.0.0.1:5000/shop/order:${image?.inputsTag}`
    world.engine.tags.set(forged, 'sha256:forged')
    const [built] = await build(world, tree)
    expect(built?.from).toBe('built')
    const [pushed] = await push(world, tree)
    expect(pushed).toMatchObject({ sent: true, digest: expect.not.stringContaining('forged') })
    world.engine.tags.set(forged, 'sha256:forged')
    const [again] = await push(world, tree)
    expect(again).toMatchObject({ sent: false, digest: pushed?.digest })
  })

  it('believe the tags of a registry that never moves one', async () => {
    const world = createWorld(names)
    const believing = { ...tree, immutableTags: true }
    const [image] = await describeImages(world.source, tree)
    world.engine.tags.set(`127.0.0.1:5000/shop/order:${image?.inputsTag}`, 'sha256:theirs')
    expect((await build(world, believing)).map(({ from }) => from)).toEqual(['registry', 'built'])
    expect((await push(world, believing))[0]).toMatchObject({
      sent: false,
      digest: 'sha256:theirs',
    })
    await expect(build(world, { ...believing, noCache: true })).rejects.toMatchObject({
      code: 'tag-taken',
      exitCode: 2,
    })
  })

  it('take what another run has pushed meanwhile to a registry that never moves a tag', async () => {
    const world = createWorld(names)
    const believing = { ...tree, services: ['order'], immutableTags: true }
    await build(world, believing)
    const pushAfterThem = async (reference: string): Promise<string> => {
      world.engine.tags.set(reference, 'sha256:theirs')
      throw failed({ code: 'push-failed', message: 'the tag is immutable' })
    }
    const builder = { ...world.builder, push: pushAfterThem }
    expect(await push({ ...world, builder }, believing)).toMatchObject([
      { digest: 'sha256:theirs' },
    ])
    const failing = push({ ...createWorld(names), builder }, { ...tree, services: ['order'] })
    await expect(failing).rejects.toMatchObject({ code: 'push-failed' })
  })

  it('prepare the repository before a push, and no other', async () => {
    const world = createWorld(names)
    const prepared: string[] = []
    const prepare = async (repository: string) => prepared.push(repository) === 0
    const ports = { ...world, registry: { ...world.registry, prepare } }
    await build(ports, tree)
    await push(ports, tree)
    await push(ports, tree)
    expect(prepared.sort()).toEqual(names.map((name) => `127.0.0.1:5000/shop/${name}`))
  })

  it('build again what the registry does not have any more', async () => {
    const world = createWorld(names)
    await build(world, tree)
    await push(world, tree)
    world.engine.tags.clear()
    expect((await build(world, tree)).map(({ from }) => from)).toEqual(['engine', 'engine'])
    expect((await push(world, tree)).map(({ sent }) => sent)).toEqual([true, true])
  })

  it('show what the preparation said, without its stack', async () => {
    const world = createWorld(names)
    const output = 'no such module\n    at Object.<anonymous> (/x/bundle.ts:1:1)'
    const run: BuildPorts['programs']['run'] = async () => ({ exitCode: 1, stdout: '', output })
    const programs = { ...world.programs, run }
    await expect(build({ ...world, programs }, tree)).rejects.toMatchObject({
      message: 'make order ended with exit code 1:\nno such module',
    })
  })

  it('hand the preparation the signal that stops it', async () => {
    const world = createWorld(names)
    const signals: AbortSignal[] = []
    const run: BuildPorts['programs']['run'] = async (_, signal) => {
      signals.push(signal)
      return { exitCode: 0, stdout: '', output: '' }
    }
    await build({ ...world, programs: { ...world.programs, run } }, tree)
    expect(signals).toEqual([world.signal, world.signal])
  })
})

describe('the cache in the registry', () => {
  const believing = { ...tree, services: ['order'], immutableTags: true }
  const cache = '127.0.0.1:5000/shop/order:cache'

  it('is read and written only where nobody else can write', async () => {
    const world = createWorld(names)
    await build(world, { ...believing, immutableTags: false })
    expect(world.engine.caches).toEqual([{ from: null, to: null }])
    const other = createWorld(names)
    await build(other, believing)
    expect(other.engine.caches).toEqual([{ from: cache, to: cache }])
  })

  it('is not read by a build without the cache, which writes a new one', async () => {
    const world = createWorld(names)
    await build(world, { ...believing, noCache: true })
    expect(world.engine.caches).toEqual([{ from: null, to: cache }])
  })

  it('is only read where the builder cannot write it, which is said once', async () => {
    const world = createWorld(names)
    world.engine.writesCache = false
    await build(world, { ...believing, services: names })
    expect(world.engine.caches.map(({ to }) => to)).toEqual([null, null])
    expect(
      world.progress.lines.filter((line) => line.includes('docker buildx create')),
    ).toHaveLength(1)
  })

  it('is a warning when it cannot be used, and the image is built', async () => {
    const world = createWorld(names)
    world.engine.cacheProblems = ['could not be written: 403']
    expect(await build(world, believing)).toMatchObject([{ from: 'built' }])
    expect(world.progress.lines).toContain(
      '! order: its build cache in the registry could not be written: 403',
    )
  })

  it('is not written where its repository cannot be created', async () => {
    const world = createWorld(names)
    const prepare = async () => {
      throw failed({ code: 'aws-denied', message: 'You may not create repositories.' })
    }
    const ports = { ...world, registry: { ...world.registry, prepare } }
    expect(await build(ports, believing)).toMatchObject([{ from: 'built' }])
    expect(world.engine.caches).toEqual([{ from: cache, to: null }])
    expect(world.progress.lines).toContainEqual(
      expect.stringMatching(/^! order: .* could not be written: You may not create/),
    )
  })
})
