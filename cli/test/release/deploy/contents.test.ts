// Secrets and ConfigMaps belong to a slot: a change is released like code, and each slot keeps its own.
import { describe, expect, it } from 'vitest'
import { plan } from '../../../src/inspect/plan.ts'
import { type FakeContents, usingSecret } from '../../fakes/contents.ts'
import { createShop, type Shop, sharedChart } from '../../fakes/shop.ts'

function aShop(fault = usingSecret('order')): Shop {
  const shop = createShop()
  shop.world.charts.faults.order = fault
  return shop
}

function copiesOf({ world }: Shop): string[] {
  return Object.values(world.contents.copies).map(({ of, color }) => `${of} ${color}`)
}

function rotate({ world }: Shop, url: string): void {
  world.secrets.order = { ...world.secrets.order, url }
}

async function planned({ world, config }: Shop) {
  const { local: environment } = config.environments
  if (!environment) throw new Error('no environment')
  const input = { config, registryAddress: '127.0.0.1:5000', services: ['order', 'payment'] }
  const { steps } = await plan(world, {
    ...input,
    env: 'local',
    environment,
    sharedChart,
    color: null,
  })
  return steps
}

describe('a changed Secret', () => {
  it('is released through the standby, to the services that use it', async () => {
    const shop = aShop()
    await shop.release()
    expect((await shop.release()).moved).toBeNull()
    rotate(shop, 'postgresql://order:new@postgres/order')
    expect(await planned(shop)).toMatchObject([
      { service: 'order', action: 'upgrade', color: 'green', changes: ['secrets'] },
      { service: 'payment', action: 'live', changes: [] },
    ])
    const { moved, deployed } = await shop.release()
    expect(deployed.map(({ action }) => action)).toEqual(['upgrade', 'live'])
    expect(moved?.services.map(({ name, to }) => `${name} ${to?.color}`)).toEqual(['order green'])
    expect(shop.world.progress.lines.join('\n')).toMatch(/order: its Secrets or ConfigMaps changed/)
  })

  it('reaches each slot as an immutable copy of its own, named by a keyed hash', async () => {
    const shop = aShop()
    await shop.release()
    const [first] = Object.values(shop.world.contents.copies)
    expect(first).toMatchObject({ kind: 'Secret', of: 'order', service: 'order', color: 'blue' })
    expect(first?.name).toMatch(/^order-blue-[0-9a-f]{16}$/)
    expect(JSON.stringify(shop.world.driver.standing['order-blue'])).toContain(first?.name)
    rotate(shop, 'new')
    await shop.release()
    expect(copiesOf(shop)).toEqual(['order blue', 'order green'])
    await shop.rollback()
    expect(JSON.stringify(shop.world.driver.standing['order-blue'])).toContain(first?.name)
    // Another environment has another key.
    const other = aShop()
    const { data = {} } = first?.content ?? {}
    other.world.secrets.order = Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    )
    await other.release()
    const [same] = Object.values(other.world.contents.copies)
    expect(same?.content).toEqual(first?.content)
    expect(same?.name).not.toBe(first?.name)
  })

  it('is in no value, and its content in no log', async () => {
    const shop = aShop()
    await shop.release()
    rotate(shop, 'very-secret')
    await shop.release()
    const { driver, progress, log, charts } = shop.world
    const seen = JSON.stringify([
      driver.writes,
      driver.releases,
      progress.lines,
      log,
      charts.rendered,
    ])
    expect(seen).not.toContain('very-secret')
    expect(seen).not.toContain(Buffer.from('very-secret').toString('base64'))
  })

  it('goes back to what it was without a deploy', async () => {
    const shop = aShop()
    await shop.release()
    const before = shop.world.secrets.order?.url ?? ''
    rotate(shop, 'new')
    await shop.deploy()
    rotate(shop, before)
    expect(await shop.deploy()).toMatchObject([{ action: 'live' }, { action: 'live' }])
  })

  it('is seen too where the chart does not take the copy', async () => {
    const shop = aShop(usingSecret('order', { copied: false }))
    await shop.release()
    rotate(shop, 'new')
    expect(await shop.deploy()).toMatchObject([{ action: 'upgrade' }, { action: 'live' }])
    expect(copiesOf(shop)).toEqual([])
  })

  it('applies the migrations again: it may name another database', async () => {
    const shop = aShop()
    await shop.release()
    const migrates = () => shop.world.driver.writes.map(({ values }) => values.shopctl)
    shop.commit('b', ['order'])
    await shop.deploy()
    expect(migrates().at(-1)).toMatchObject({ migrate: false })
    rotate(shop, 'new')
    await shop.deploy()
    expect(migrates().at(-1)).toMatchObject({ migrate: true })
  })
})

describe('what the pods need and the namespace lacks', () => {
  it('is refused before anything is written: a Secret', async () => {
    const shop = aShop(usingSecret('smtp'))
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'content-missing',
      exitCode: 2,
      message: 'The namespace has no Secret smtp, which the chart of order uses.',
    })
    expect(shop.world.log).toEqual([])
    expect(shop.world.secrets).toEqual({})
  })

  it('is refused: a key that was removed', async () => {
    const shop = aShop(usingSecret('order', { keys: ['url', 'amqp-url'] }))
    shop.world.secrets.order = { url: 'a', 'amqp-url': 'b' }
    await shop.release()
    shop.world.secrets.order = { url: 'a' }
    await expect(shop.release()).rejects.toMatchObject({
      code: 'content-missing',
      exitCode: 2,
      message: 'The Secret order has no key amqp-url, which the chart of order uses.',
    })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('leaves a slot its copy when the Secret is deleted', async () => {
    const shop = aShop(usingSecret('smtp'))
    shop.world.secrets.smtp = { url: 'a' }
    await shop.release()
    delete shop.world.secrets.smtp
    await expect(shop.release()).rejects.toMatchObject({ code: 'content-missing', exitCode: 2 })
    await shop.cleanup()
    expect(copiesOf(shop)).toEqual(['smtp blue'])
  })
})

describe('copies', () => {
  it('are deleted when nothing uses them, and never more than one for each slot is kept', async () => {
    const shop = aShop()
    for (const url of ['a', 'b', 'c', 'd']) {
      rotate(shop, url)
      await shop.release()
      expect(copiesOf(shop).length).toBeLessThanOrEqual(2)
    }
    await shop.cleanup()
    expect(copiesOf(shop)).toEqual(['order green'])
  })

  it('are made again when they were deleted by hand', async () => {
    const shop = aShop()
    await shop.release()
    shop.world.contents.copies = {}
    await shop.deploy()
    expect(copiesOf(shop)).toEqual(['order blue'])
  })

  it('of a killed deploy are deleted by the next one', async () => {
    const shop = aShop()
    await shop.release()
    rotate(shop, 'b')
    const { contents } = shop.world
    const killed: FakeContents = {
      ...contents,
      async copy(copy) {
        await contents.copy(copy)
        throw new Error('killed')
      },
      sweep: () => Promise.reject(new Error('killed')),
    }
    await expect(shop.deploy({}, { contents: killed })).rejects.toThrow('killed')
    rotate(shop, 'c')
    await shop.deploy()
    expect(copiesOf(shop)).toEqual(['order blue', 'order green'])
    expect(shop.world.log).toContain('delete the copy of order of order green')
  })

  it('that cannot be deleted fail no deploy', async () => {
    const shop = aShop()
    const sweep = () => Promise.reject(new Error('forbidden'))
    await shop.deploy({}, { contents: { ...shop.world.contents, sweep } })
    expect(shop.world.progress.lines.join('\n')).toMatch(/! copies of earlier Secrets .*forbidden/)
  })
})

it('a chart is rendered for its Secrets only when it is new, or they have changed', async () => {
  const shop = aShop()
  await shop.release()
  const rendered = async (): Promise<number> => {
    shop.world.charts.rendered.length = 0
    await shop.deploy({ services: ['order'] })
    return shop.world.charts.rendered.length
  }
  expect(await rendered()).toBe(0)
  rotate(shop, 'b')
  expect(await rendered()).toBe(2)
  expect(await rendered()).toBe(0)
})

it('a service without Secrets keeps the revision it had', async () => {
  const shop = createShop()
  const [order] = await shop.deploy()
  const other = aShop()
  const [using] = await other.deploy()
  expect(order?.revision).not.toBe(using?.revision)
  expect(Object.keys(shop.world.contents.copies)).toEqual([])
})
