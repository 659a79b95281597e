// What the work tree wants: the revision of each service, and what it is made of.
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'
import { build } from '../../../src/release/build/build.ts'
import { desire } from '../../../src/release/deploy/desire.ts'
import { push } from '../../../src/release/push/push.ts'
import { aConfig, configText, createFakePushRecord } from '../../fakes/config.ts'
import { names, sharedChart } from '../../fakes/shop.ts'
import { createWorld, type World } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

function desired(world: World, env = 'local') {
  return desire(world, { ...tree, env, sharedChart })
}

async function revisions(world: World, env = 'local') {
  world.engine.tags.clear()
  await build(world, tree)
  await push(world, tree)
  return desired(world, env)
}

/** Few aliases of aliases that stand for millions of values. */
const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat([...'bcdefgh'].map((key, at) => `${key}: &${key} [${`*${'abcdefg'[at]}, `.repeat(9)}]`))
  .join('\n')

describe('a revision', () => {
  it('changes with image, configuration and chart, not with the order of keys', async () => {
    const world = createWorld(names)
    const { contents } = world.source
    const { wanted } = await revisions(world)
    contents['charts/values/order.yaml'] = 'config: { LEVEL: info }\nreplicas: 2'
    expect((await revisions(world)).wanted).toEqual(wanted)
    contents['charts/values/order.yaml'] = 'config: { LEVEL: debug }\nreplicas: 2'
    const configured = (await revisions(world)).wanted
    expect(configured.order?.revision).not.toBe(wanted.order?.revision)
    expect(configured.payment).toEqual(wanted.payment)
    contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
    const charted = (await revisions(world)).wanted
    expect(charted.payment?.revision).not.toBe(wanted.payment?.revision)
    contents['order/main.ts'] = 'another one'
    const built = (await revisions(world)).wanted
    expect(built.order?.revision).not.toBe(charted.order?.revision)
    expect(built.order?.digest).not.toBe(charted.order?.digest)
    expect(built.payment).toEqual(charted.payment)
  })

  it('needs the image of the tree as it stands', async () => {
    await expect(desired(createWorld(names))).rejects.toMatchObject({
      code: 'not-pushed',
      exitCode: 2,
    })
  })

  it.each(names)('names the first service without an image, when %s is slow', async (slow) => {
    const world = createWorld(names)
    const last: World['pushed']['last'] = async (repository) => {
      if (repository.endsWith(slow)) await new Promise((done) => setTimeout(done, 5))
      return null
    }
    const pushed = { ...world.pushed, last }
    const desiring = desire({ ...world, pushed }, { ...tree, env: 'local', sharedChart })
    await expect(desiring).rejects.toThrow('no image of order')
  })

  it('needs the values file that shopctl.yaml names', async () => {
    const world = createWorld(names)
    delete world.source.contents['charts/values/order.yaml']
    await expect(revisions(world)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/services\.order\.values.*charts\/values\/order\.yaml/),
    })
  })

  it('has no values of its own under the key that shopctl sets', async () => {
    const world = createWorld(names)
    world.source.contents['charts/values/order.yaml'] = 'shopctl: { color: red }'
    await expect(revisions(world)).rejects.toMatchObject({
      code: 'bad-values',
      exitCode: 2,
      message: 'The values of order set `shopctl`, which shopctl sets itself.',
    })
  })

  it('needs the chart that shopctl.yaml names', async () => {
    const world = createWorld(names)
    delete world.source.contents['charts/app/Chart.yaml']
    await expect(revisions(world)).rejects.toMatchObject({
      code: 'no-chart',
      message: 'shopctl.yaml:4:5: services.order.chart: there is no chart charts/app.',
    })
  })

  it.each([
    [
      'chart',
      'charts/postgres/Chart.yaml',
      '29:27: environments.local.dependencies.0.chart: there is no chart charts/postgres',
    ],
    [
      'values',
      'charts/values/postgres.yaml',
      '29:60: environments.local.dependencies.0.values.0: there is no file charts/values/postgres.yaml',
    ],
  ])('needs the %s of a dependency, before anything is changed', async (_, file, expected) => {
    const world = createWorld(names)
    delete world.source.contents[file]
    await expect(revisions(world)).rejects.toMatchObject({
      exitCode: 2,
      message: `shopctl.yaml:${expected}.`,
    })
    expect(world.log).toEqual([])
  })

  it.each(['order.yaml', './order.yaml', 'x/../order.yaml'])(
    'takes local/order.yaml for the values %s',
    async (values) => {
      const world = createWorld(names)
      const { contents } = world.source
      const written = configText.replace('charts/values/order.yaml', values)
      const config = parseConfig(written, 'shopctl.yaml')
      Object.assign(contents, { 'order.yaml': 'a: 1', 'local/order.yaml': 'a: 2' })
      await build(world, tree)
      await push(world, tree)
      const valuesOf = async (env: string) =>
        (await desire(world, { ...tree, config, env, sharedChart })).recipes.order?.valuesFiles
      expect(await valuesOf('local')).toEqual(['order.yaml', 'local/order.yaml'])
      expect(await valuesOf('test')).toEqual(['order.yaml'])
    },
  )

  it.each([
    ['a: [1', /:1:6: Flow sequence in block collection must be sufficiently indented/],
    ['a: 1\na: 2\n', /:2:1: Map keys must be unique$/],
    ['a: 1\nb:\n\tc: 1\n', /:3:1: Tabs are not allowed as indentation$/],
    ['a: 1\n---\nb: 2\n', /:2:1: expected one document$/],
    ['a: *b\n', /:1:4: there is no anchor &b before this alias$/],
    ['a: 1\nb: &b { c: *b }\n', /:2:12: the value of the anchor &b contains this alias$/],
    [bomb, /:2:8: its aliases stand for too many values$/],
    [`a: ${'['.repeat(20_000)}\n`, /:1:\d+: its values are nested too deeply$/],
  ])('names the place in a values file that cannot be read: %#', async (text, expected) => {
    const world = createWorld(names)
    world.source.contents['charts/values/order.yaml'] = text
    await expect(revisions(world)).rejects.toMatchObject({
      code: 'bad-values',
      exitCode: 2,
      message: expect.stringMatching(expected),
    })
  })

  it.each(['', '# nothing\n', '!mine { a: 1 }\n'])('takes the values %j', async (text) => {
    const world = createWorld(names)
    world.source.contents['charts/values/order.yaml'] = text
    await expect(revisions(world)).resolves.toBeDefined()
  })

  it('takes the values of the environment over the general ones', async () => {
    const world = createWorld(names)
    const { wanted, recipes } = await revisions(world)
    expect(recipes.order?.valuesFiles).toEqual(['charts/values/order.yaml'])
    world.source.contents['charts/values/local/order.yaml'] = 'config: { LEVEL: debug }'
    const special = await revisions(world)
    expect(special.recipes.order?.valuesFiles).toEqual([
      'charts/values/order.yaml',
      'charts/values/local/order.yaml',
    ])
    expect(special.wanted.order?.revision).not.toBe(wanted.order?.revision)
    expect((await revisions(world, 'test')).wanted).toEqual(wanted)
  })
})

describe('a recipe', () => {
  it('has the migrations of the service, and another hash when one is new', async () => {
    const world = createWorld(names)
    const { order } = (await revisions(world)).recipes
    expect(order).toMatchObject({
      migrationFiles: ['order/migrations/1.sql'],
      migrations: expect.stringMatching(/^[0-9a-f]{10}$/),
    })
    world.source.contents['order/migrations/2.sql'] = 'create table c'
    const { recipes } = await revisions(world)
    expect(recipes.order?.migrations).not.toBe(order?.migrations)
    expect(recipes.payment?.migrationFiles).toEqual(['payment/migrations/1.sql'])
  })

  it('is to be checked anew with other values, another chart or another built-in one', async () => {
    const world = createWorld(names)
    const checked = async () => (await revisions(world)).recipes.order?.checkedHash
    const first = await checked()
    world.source.contents['order/main.ts'] = 'another image'
    expect(await checked()).toBe(first)
    world.source.contents['charts/values/order.yaml'] = 'replicas: 3'
    const second = await checked()
    world.source.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
    const third = await checked()
    const changed = { ...sharedChart, hash: 'service-2' }
    const { recipes } = await desire(world, { ...tree, env: 'local', sharedChart: changed })
    expect(new Set([first, second, third, recipes.order?.checkedHash]).size).toBe(4)
  })
})

describe('images that another machine pushed', () => {
  /** The digests, and a machine that pushed none of them. */
  async function elsewhere() {
    const world = createWorld(names)
    await build(world, tree)
    const pushed = await push(world, tree)
    const digests = Object.fromEntries(pushed.map(({ image, digest }) => [image.service, digest]))
    world.pushed = createFakePushRecord()
    return { world, digests }
  }
  const wanted = (world: World, digests: Record<string, string> | null) =>
    desire(world, { ...tree, env: 'local', sharedChart, digests })

  it('are believed by their digests alone', async () => {
    const { world, digests } = await elsewhere()
    await expect(wanted(world, null)).rejects.toMatchObject({ code: 'not-pushed' })
    expect((await wanted(world, digests)).wanted).toMatchObject({
      order: { digest: digests.order, version: '1a2b3c4d' },
      payment: { digest: digests.payment },
    })
  })

  it.each<[string, (digests: Record<string, string>) => Record<string, string>, RegExp]>([
    ['names no image of payment', ({ order = '' }) => ({ order }), /names no image of payment/],
    [
      'has no such image',
      (digests) => ({ ...digests, payment: `sha256:${'0'.repeat(64)}` }),
      /no image sha256:0{12}… of payment/,
    ],
  ])('are refused where the map %s', async (_, change, message) => {
    const { world, digests } = await elsewhere()
    await expect(wanted(world, change(digests))).rejects.toMatchObject({
      ...{ code: 'not-pushed', exitCode: 2 },
      message: expect.stringMatching(message),
    })
  })
})
