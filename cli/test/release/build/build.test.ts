// An image is named after what it is made of, built once, and pushed under a tag that is never moved.
import { describe, expect, it } from 'vitest'
import { type BuildPorts, build } from '../../../src/release/build/build.ts'
import { describeImages, labelsOf } from '../../../src/release/build/images.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig, type Tree } from '../../fakes/config.ts'
import { names } from '../../fakes/shop.ts'
import { createWorld } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

function images(source: Tree) {
  return describeImages(source, tree)
}

describe('an image', () => {
  it('is named after the commit, and after its inputs as well when they differ from it', async () => {
    const { source } = createWorld(names)
    expect((await images(source)).map(({ version }) => version)).toEqual(['1a2b3c4d', '1a2b3c4d'])
    source.dirty.add('order/main.ts')
    const [order, payment] = await images(source)
    expect(order?.version).toBe(`1a2b3c4d-${order?.inputs.slice(0, 8)}`)
    expect(payment?.version).toBe('1a2b3c4d')
  })

  it('has a name before the first commit too', async () => {
    const { source } = createWorld(names)
    source.head = null
    const [order] = await images(source)
    expect(order?.version).toBe(`uncommitted-${order?.inputs.slice(0, 8)}`)
  })

  it('changes with its inputs, not with tests and not with other services', async () => {
    const { source } = createWorld(names)
    const before = await images(source)
    source.contents['order/test/main.test.ts'] = 'another test'
    expect(await images(source)).toEqual(before)
    source.contents['order/main.ts'] = 'changed'
    const [order, payment] = await images(source)
    expect(order?.inputs).not.toBe(before[0]?.inputs)
    expect(payment).toEqual(before[1])
  })

  it.each([
    ['./order/', 'kernel'],
    ['order', './kernel'],
  ])('is the same however its inputs are written: %s and %s', async (...inputs) => {
    const { source } = createWorld(names)
    const [before] = await images(source)
    const config = aConfig()
    if (config.services.order) config.services.order.build.inputs = inputs
    const [order] = await describeImages(source, { ...tree, config })
    expect(order?.inputs).toBe(before?.inputs)
  })

  it.each([
    ['inputs', ['order', 'kernle'], 'no-inputs'],
    ['inputs', ['services/*'], 'no-inputs'],
    ['migrations', ['order/migration'], 'no-migrations'],
  ] as const)('is refused when a path of its %s matches no file: %s', async (key, paths, code) => {
    const { source } = createWorld(names)
    const config = aConfig()
    if (config.services.order) config.services.order.build[key] = [...paths]
    const describing = describeImages(source, { ...tree, config })
    await expect(describing).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: `shopctl.yaml: services.order.build.${key}: ${paths.at(-1)} matches no file.`,
    })
  })

  it('carries its version, its commit, its inputs and its migrations', async () => {
    const { source } = createWorld(names)
    const [order] = await images(source)
    expect(order && labelsOf(order)).toEqual({
      'org.opencontainers.image.version': '1a2b3c4d',
      'org.opencontainers.image.revision': source.head,
      'dev.shopctl.inputs': order?.inputs,
      'dev.shopctl.migrations': order?.migrations,
    })
  })
})

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
    expect(world.engine.pushed).toHaveLength(2)
  })

  it('never move a tag', async () => {
    const world = createWorld(names)
    await build(world, tree)
    world.engine.tags.set('127.0.0.1:5000/shop/order:1a2b3c4d', 'sha256:another')
    await expect(push(world, tree)).rejects.toMatchObject({ code: 'tag-taken', exitCode: 2 })
  })

  it('say which step is missing', async () => {
    await expect(push(createWorld(names), tree)).rejects.toMatchObject({
      code: 'not-built',
      hint: expect.stringContaining('shopctl build --service order'),
    })
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
