// An image is named after what it is made of: every change that can change it gives it another name.
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'
import { describeImages, labelsOf } from '../../../src/release/build/images.ts'
import { aConfig, configText, type Tree } from '../../fakes/config.ts'
import { names } from '../../fakes/shop.ts'
import { createWorld } from '../../fakes/world.ts'

const tree = { config: aConfig(), registryAddress: '127.0.0.1:5000', services: names }

function images(source: Tree) {
  return describeImages(source, tree)
}

/** The image of order, with another text in shopctl.yaml. */
async function order(source: Tree, from = '', to = '') {
  const config = parseConfig(configText.replace(from, to), 'shopctl.yaml')
  const [image] = await describeImages(source, { ...tree, config })
  return image
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

const inputs = 'inputs: [order, kernel]'

describe('the inputs of an image', () => {
  it.each([
    '[./order/, kernel]',
    '[order, ./kernel]',
    '[order//, kernel/.]',
    '[order/x/.., ./kernel/]',
    '["order", "kernel/"]',
  ])('are the same however they are written: %s', async (written) => {
    const { source } = createWorld(names)
    const same = await order(source, inputs, `inputs: ${written}`)
    expect(same?.inputs).toBe((await order(source))?.inputs)
  })

  it('may be the whole folder', async () => {
    const { source } = createWorld(names)
    const whole = ['inputs: [order, kernel]', 'inputs: [.]'] as const
    const before = await order(source, ...whole)
    source.contents['payment/main.ts'] = 'changed'
    expect((await order(source, ...whole))?.inputs).not.toBe(before?.inputs)
  })

  const touch: [string, (source: Tree) => unknown, string?, string?][] = [
    ['a file', ({ contents }) => Object.assign(contents, { 'order/main.ts': 'changed' })],
    ['a new file', ({ contents }) => Object.assign(contents, { 'order/new.ts': '' })],
    ['a file that is gone', ({ contents }) => void delete contents['order/main.ts']],
    ['a file that becomes executable', ({ executable }) => void executable.add('order/main.ts')],
    ['another preparation', () => {}, '[make, order]', '[make, order, FAST=1]'],
    ['no preparation', () => {}, '      prepare: [make, order]\n', ''],
    ['another context', () => {}, 'context: order', 'context: payment'],
  ]
  it.each(touch)('change with %s', async (_, change, from, to) => {
    const { source } = createWorld(names)
    const before = await order(source)
    change(source)
    expect((await order(source, from, to))?.inputs).not.toBe(before?.inputs)
  })

  it.each([
    ['the Dockerfile', '[kernel, order/main.ts]', 'order/Dockerfile'],
    ['what the context leaves out', '[kernel, order/main.ts]', 'order/.dockerignore'],
    ['the context, where no input is in it', '[kernel]', 'order/main.ts'],
    ['a new file of that context', '[kernel]', 'order/deep/new.ts'],
    ['a folder that is an input itself and named test', '[order, order/test]', 'order/test/a.ts'],
    ['a folder below one named dist', '[order, dist/web]', 'dist/web/a.js'],
  ])('contain %s', async (_, written, file) => {
    const { source } = createWorld(names)
    source.contents['dist/web/a.js'] = ''
    source.contents['order/test/a.ts'] = ''
    const changed = [inputs, `inputs: ${written}`] as const
    const before = await order(source, ...changed)
    source.contents[file] = 'changed'
    expect((await order(source, ...changed))?.inputs).not.toBe(before?.inputs)
  })

  it('that choose some of the context leave out the rest', async () => {
    const { source } = createWorld(names)
    const chosen = [inputs, 'inputs: [order/main.ts]'] as const
    const before = await order(source, ...chosen)
    source.contents['order/README'] = 'changed'
    expect(await order(source, ...chosen)).toEqual(before)
  })

  it('differ from the commit when shopctl.yaml does', async () => {
    const { source } = createWorld(names)
    source.dirty.add('shopctl.yaml')
    const image = await order(source)
    expect(image?.version).toBe(`1a2b3c4d-${image?.inputs.slice(0, 8)}`)
  })

  const mistakes: [string, string, string, string][] = [
    [
      'a typo',
      inputs,
      'inputs: [order, kernle]',
      ':9:23: services.order.build.inputs.1: there is no',
    ],
    ['a pattern', inputs, 'inputs: [order/*]', ':9:16: services.order.build.inputs.0: there is no'],
    ['only tests', inputs, 'inputs: [tests]', ':9:16: services.order.build.inputs.0: tests has no'],
    [
      'a folder above',
      inputs,
      'inputs: [order/../../x]',
      ':9:16: services.order.build.inputs.0: expected',
    ],
    [
      'an absolute path',
      inputs,
      'inputs: [/order]',
      ':9:16: services.order.build.inputs.0: expected',
    ],
    [
      'migrations that are not there',
      'order/migrations',
      'order/migration',
      ':10:7: services.order.build.migrations.0: there is no',
    ],
    [
      'one of many',
      'migrations: order/migrations',
      'migrations: [order/migrations, sql]',
      ':10:38: services.order.build.migrations.1: there is no',
    ],
  ]
  it.each(mistakes)('are a mistake with its place: %s', async (_, from, to, expected) => {
    const { source } = createWorld(names)
    source.contents['tests/test/a.ts'] = ''
    await expect(order(source, from, to)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`shopctl.yaml${expected}`),
    })
  })

  it('that are patterns are refused, with the hint to name a folder', async () => {
    const { source } = createWorld(names)
    for (const pattern of ['order/*', 'orde?', '[o]rder'])
      await expect(order(source, inputs, `inputs: ['${pattern}']`)).rejects.toMatchObject({
        hint: 'Name a folder: it stands for all files below it. Patterns are not known.',
      })
    await expect(order(source, inputs, 'inputs: [ordr]')).rejects.toMatchObject({
      hint: expect.not.stringContaining('Patterns'),
    })
  })

  it.each([
    ['leads out', { is: 'folder', path: null }, /order leads out of the folder/, /./],
    ['is a link', { is: 'folder', path: 'services/order' }, /order is a link/, /services\/order/],
    ['is a device', { is: 'other', path: 'order' }, /order is no file or folder/, /./],
  ] as const)('are a mistake when one %s', async (_, found, message, hint) => {
    const { source } = createWorld(names)
    source.follow = async () => found
    await expect(order(source)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  })
})
