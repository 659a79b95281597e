// The labels that say which events an image produces and accepts.
import { describe, expect, it } from 'vitest'
import { build } from '../../../src/release/build/build.ts'
import { eventLabels, eventsOf } from '../../../src/release/build/events.ts'
import { describeImages } from '../../../src/release/build/images.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { withEvents } from '../../fakes/events.ts'
import { createWorld } from '../../fakes/world.ts'

const list = {
  produces: ['order.placed.v2', 'order.placed.v1@ORDER_PLACED_VERSION=v1'],
  accepts: ['stock.reserved.v1'],
}

it('a label says what the file of the build says', () => {
  expect(eventsOf(eventLabels('events.json', JSON.stringify(list)))).toEqual({
    produces: [
      { type: 'order.placed.v2', onlyWith: null },
      { type: 'order.placed.v1', onlyWith: { name: 'ORDER_PLACED_VERSION', value: 'v1' } },
    ],
    accepts: ['stock.reserved.v1'],
  })
})

it('a service may produce and accept nothing, which is not the same as to say nothing', () => {
  const nothing = JSON.stringify({ produces: [], accepts: [] })
  expect(eventsOf(eventLabels('events.json', nothing))).toEqual({ produces: [], accepts: [] })
  expect(eventsOf({})).toBeNull()
})

it.each([
  ['it is no JSON', ''],
  ['it is no JSON', '{'],
  ['expected object', 'null'],
  ['accepts', '{"produces":[]}'],
  ['produces.0: expected the type of an event', '{"produces":["a b"],"accepts":[]}'],
  ['produces.0: expected the type of an event', '{"produces":["a,b"],"accepts":[]}'],
  ['accepts.0: expected the type of an event', '{"produces":[],"accepts":["a@B=c"]}'],
  ['Unrecognized key', '{"produces":[],"accepts":[],"more":[]}'],
])('"%s" is the mistake in %s', (why, text) => {
  expect(() => eventLabels('dist/events.json', text)).toThrow(
    expect.objectContaining({
      code: 'wrong-events',
      exitCode: 2,
      message: expect.stringMatching(new RegExp(`^dist/events.json does not say .*${why}`)),
    }),
  )
})

describe('a build', () => {
  const config = aFullConfig(withEvents)
  const tree = { config, registryAddress: '127.0.0.1:5000', services: ['order'] }

  it('reads the file after its preparation has written it', async () => {
    const world = createWorld(['order', 'payment'])
    const run: typeof world.programs.run = async (...args) => {
      world.source.contents['order/dist/events.json'] = JSON.stringify(list)
      return world.programs.run(...args)
    }
    await build({ ...world, programs: { ...world.programs, run } }, tree)
    const labels = await world.builder.labels('127.0.0.1:5000/shop/order:1a2b3c4d')
    expect(labels).toMatchObject({
      'dev.shopctl.events.produces': 'order.placed.v2,order.placed.v1@ORDER_PLACED_VERSION=v1',
      'dev.shopctl.events.accepts': 'stock.reserved.v1',
    })
  })

  it('is refused where nothing has written it', async () => {
    await expect(build(createWorld(['order', 'payment']), tree)).rejects.toMatchObject({
      code: 'no-events',
      exitCode: 2,
      message: expect.stringMatching(/^shopctl\.yaml:\d+:\d+: .*there is no file order\/dist/),
    })
  })

  it('has other inputs with labels than without, and those of earlier versions without', async () => {
    const { source } = createWorld(['order', 'payment'])
    const inputs = async (config = aFullConfig()) =>
      (await describeImages(source, { ...tree, config }))[0]?.inputs
    expect(await inputs(config)).not.toBe(await inputs())
    expect(await inputs()).toMatch(/^[0-9a-f]{64}$/)
  })
})
