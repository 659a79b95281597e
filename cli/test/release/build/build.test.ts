// An image is named after what it is made of, built once, and pushed under a tag that is never moved.
import { describe, expect, it } from 'vitest'
import { type BuildPorts, build } from '../../../src/release/build/build.ts'
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
