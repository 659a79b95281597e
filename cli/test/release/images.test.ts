import { describe, expect, it } from 'vitest'
import { build } from '../../src/release/build.ts'
import { desire } from '../../src/release/desire.ts'
import { describeImages } from '../../src/release/images.ts'
import { push } from '../../src/release/push.ts'
import { aConfig, createEngine, createTree, type FakeEngine, type Tree } from '../fakes/config.ts'
import { createFakeProgress } from '../fakes/world.ts'

const config = aConfig()
const registryAddress = '127.0.0.1:5000'
const both = ['order', 'payment']

function images(tree: Tree, services = both) {
  return describeImages(tree, config, registryAddress, services)
}

function portsOf(engine: FakeEngine, exitCode = 0) {
  return {
    ...engine,
    programs: {
      run: async () => ({
        exitCode,
        stdout: '',
        output: 'no such module\n    at Object.<anonymous> (/x/bundle.ts:1:1)',
      }),
      script: async () => ({ exitCode: 0, stdout: '', output: '' }),
    },
    progress: createFakeProgress(),
  }
}

describe('an image', () => {
  it('is named after the commit, and after its inputs as well when they differ from it', async () => {
    const tree = createTree()
    expect((await images(tree)).map(({ version }) => version)).toEqual(['1a2b3c4d', '1a2b3c4d'])
    tree.dirty.add('order/main.ts')
    const [order, payment] = await images(tree)
    expect(order?.version).toBe(`1a2b3c4d-${order?.inputs.slice(0, 8)}`)
    expect(payment?.version).toBe('1a2b3c4d')
  })

  it('changes with its inputs, not with tests and not with other services', async () => {
    const tree = createTree()
    const before = await images(tree)
    tree.contents['order/test/main.test.ts'] = 'another test'
    expect(await images(tree)).toEqual(before)
    tree.contents['order/main.ts'] = 'changed'
    const [order, payment] = await images(tree)
    expect(order?.inputs).not.toBe(before[0]?.inputs)
    expect(payment).toEqual(before[1])
  })
})

describe('build and push', () => {
  it('make an image once, and find it again in the engine and in the registry', async () => {
    const tree = createTree()
    const engine = createEngine()
    const from = async () =>
      (await build(portsOf(engine), config, await images(tree))).map(({ from }) => from)
    expect(await from()).toEqual(['built', 'built'])
    expect(await from()).toEqual(['engine', 'engine'])
    const [first] = await push(portsOf(engine), await images(tree))
    expect(first?.sent).toBe(true)
    expect(await from()).toEqual(['registry', 'registry'])
    expect(engine.built).toEqual(both)
  })

  it('give the same image another tag under a new commit, without sending it', async () => {
    const tree = createTree()
    const engine = createEngine()
    await build(portsOf(engine), config, await images(tree))
    const [before] = await push(portsOf(engine), await images(tree))
    tree.head = 'ffffffffffffffffffffffffffffffffffffffff'
    const [after] = await push(portsOf(engine), await images(tree))
    expect(after).toMatchObject({ sent: false, digest: before?.digest })
    expect(engine.tags.get('127.0.0.1:5000/shop/order:ffffffff')).toBe(before?.digest)
    expect(engine.pushed).toHaveLength(2)
  })

  it('never move a tag', async () => {
    const tree = createTree()
    const engine = createEngine()
    await build(portsOf(engine), config, await images(tree))
    engine.tags.set('127.0.0.1:5000/shop/order:1a2b3c4d', 'sha256:another')
    await expect(push(portsOf(engine), await images(tree))).rejects.toMatchObject({
      code: 'tag-taken',
      exitCode: 2,
    })
  })

  it('say which step is missing', async () => {
    const tree = createTree()
    const engine = createEngine()
    await expect(push(portsOf(engine), await images(tree))).rejects.toMatchObject({
      code: 'not-built',
      hint: expect.stringContaining('shopctl build --service order'),
    })
    const target = { env: 'local', registry: registryAddress, services: both }
    await expect(desire({ source: tree, ...engine }, config, target)).rejects.toMatchObject({
      code: 'not-pushed',
    })
  })

  it('show what the preparation said, without its stack', async () => {
    const failing = build(portsOf(createEngine(), 1), config, await images(createTree()))
    await expect(failing).rejects.toMatchObject({
      message: 'make order ended with exit code 1:\nno such module',
    })
  })
})

describe('a revision', () => {
  const revisions = async (tree: Tree, env = 'local') => {
    const engine = createEngine()
    await build(portsOf(engine), config, await images(tree))
    await push(portsOf(engine), await images(tree))
    const target = { env, registry: registryAddress, services: both }
    return desire({ source: tree, ...engine }, config, target)
  }

  it('changes with image, configuration and chart, not with the order of keys', async () => {
    const tree = createTree()
    const { wanted } = await revisions(tree)
    tree.contents['charts/values/order.yaml'] = 'config: { LEVEL: info }\nreplicas: 2'
    expect((await revisions(tree)).wanted).toEqual(wanted)
    tree.contents['charts/values/order.yaml'] = 'config: { LEVEL: debug }\nreplicas: 2'
    const configured = (await revisions(tree)).wanted
    expect(configured.order?.revision).not.toBe(wanted.order?.revision)
    expect(configured.payment).toEqual(wanted.payment)
    tree.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
    expect((await revisions(tree)).wanted.payment?.revision).not.toBe(wanted.payment?.revision)
  })

  it('needs the values file that shopctl.yaml names', async () => {
    const tree = createTree()
    delete tree.contents['charts/values/order.yaml']
    await expect(revisions(tree)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/services\.order\.values.*charts\/values\/order\.yaml/),
    })
  })

  it('takes the values of the environment over the general ones', async () => {
    const tree = createTree()
    const { wanted, recipes } = await revisions(tree)
    expect(recipes.order?.valuesFiles).toEqual(['charts/values/order.yaml'])
    tree.contents['charts/values/local/order.yaml'] = 'config: { LEVEL: debug }'
    const special = await revisions(tree)
    expect(special.recipes.order?.valuesFiles).toEqual([
      'charts/values/order.yaml',
      'charts/values/local/order.yaml',
    ])
    expect(special.wanted.order?.revision).not.toBe(wanted.order?.revision)
    expect((await revisions(tree, 'test')).wanted).toEqual(wanted)
  })
})
