// The work tree may change while an image is built from it. Then the image belongs to no state of the tree.
import { expect, it } from 'vitest'
import { type BuildPorts, build } from '../../../src/release/build/build.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig } from '../../fakes/config.ts'
import { createWorld, type World } from '../../fakes/world.ts'

const services = ['order']
const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services }

const file = 'order/main.ts'
function edit({ source }: World, name = file) {
  source.contents[name] = 'edited'
}
function preparing(world: World, run: () => void): BuildPorts {
  const done = { exitCode: 0, stdout: '', output: '' }
  const programs = { ...world.programs, run: async () => done }
  programs.run = async () => {
    run()
    return done
  }
  return { ...world, programs }
}
function building(world: World, step: 'solve' | 'build', run: () => void): BuildPorts {
  const builder = { ...world.builder }
  const before = builder[step] as (image: unknown) => Promise<never>
  builder[step] = (async (image: unknown) => {
    const result = await before(image)
    run()
    return result
  }) as never
  return { ...world, builder }
}

it.each<[string, (world: World) => BuildPorts, RegExp]>([
  [
    'the preparation',
    (world) => preparing(world, () => edit(world)),
    /order\/main\.ts.*`make order`/,
  ],
  [
    'the preparation, by a new file',
    (world) => preparing(world, () => edit(world, 'order/made.ts')),
    /order\/made\.ts.*`make order`/,
  ],
  [
    'the preparation, by a mode',
    (world) => preparing(world, () => world.source.executable.add(file)),
    /order\/main\.ts.*`make order`/,
  ],
  [
    'the steps of the Dockerfile',
    (world) => building(world, 'solve', () => edit(world)),
    /order\/main\.ts.*`docker build`/,
  ],
  ['the export', (world) => building(world, 'build', () => edit(world)), /order\/main\.ts/],
  [
    'the export, by many files',
    (world) =>
      building(world, 'build', () =>
        ['a', 'b', 'c', 'd'].map((name) => edit(world, `order/${name}`)),
      ),
    /order\/a, order\/b, order\/c and 1 more changed/,
  ],
])('an edit during %s leaves no image under either hash', async (_, ports, message) => {
  const world = createWorld(services)
  const before = { ...world.source.contents }
  await expect(build(ports(world), tree)).rejects.toMatchObject({
    code: 'inputs-moved',
    exitCode: 2,
    message: expect.stringMatching(message),
    hint: expect.stringContaining('dist'),
  })
  // With the edit, and after it was undone.
  await expect(push(world, tree)).rejects.toMatchObject({ code: 'not-built' })
  world.source.contents = before
  world.source.executable.clear()
  await expect(push(world, tree)).rejects.toMatchObject({ code: 'not-built' })
  expect((await build(world, tree)).map(({ from }) => from)).toEqual(['built'])
})

it('what the preparation leaves in dist, and in other services, is no change', async () => {
  const world = createWorld(services)
  const ports = preparing(world, () => {
    edit(world, 'order/dist/main.js')
    edit(world, 'payment/main.ts')
  })
  expect((await build(ports, tree)).map(({ from }) => from)).toEqual(['built'])
})

it('a commit meanwhile does not change what the image is made of', async () => {
  const world = createWorld(services)
  const ports = preparing(world, () => {
    world.source.head = 'f'.repeat(40)
  })
  const [built] = await build(ports, tree)
  expect(built?.image.version).toBe('1a2b3c4d')
  expect((await push(world, tree))[0]).toMatchObject({ sent: true })
  expect(world.engine.tags.has('127.0.0.1:5000/shop/order:ffffffff')).toBe(true)
})

it.each([
  [
    'the folder',
    (world: World) => delete world.source.contents['order/Dockerfile'],
    'no file order/Dockerfile',
  ],
])('%s of the context is named when it is not there', async (_, change, message) => {
  const world = createWorld(services)
  change(world)
  await expect(build(world, tree)).rejects.toMatchObject({
    code: 'no-context',
    exitCode: 2,
    message: `shopctl.yaml:7:7: services.order.build.context: there is ${message}.`,
  })
  expect(world.engine.built).toEqual([])
})
