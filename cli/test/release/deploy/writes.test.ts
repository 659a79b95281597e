// What is safe is written: rendered once for a check, and the shared release only when it is new.
import { describe, expect, it } from 'vitest'
import type { DeployInput } from '../../../src/release/deploy/deploy.ts'
import type { MigrationCheck } from '../../../src/release/ports/project.ts'
import { changing } from '../../fakes/charts.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

/** Blue serves; the tree is another one since, and so is the chart. */
async function aRelease(): Promise<Shop> {
  const shop = createShop()
  await shop.release({ services: ['order'] })
  shop.commit('b')
  shop.world.source.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
  return shop
}

describe('both colors are rendered', () => {
  const renderedBy = async (shop: Shop, over: Partial<DeployInput> = {}): Promise<string[]> => {
    shop.world.charts.rendered.length = 0
    await shop.deploy({ services: ['order'], ...over })
    return shop.world.charts.rendered
  }
  const checked = ['order-blue', 'order-green', 'order']
  /** Once more to see what they refer to. */
  const everything = ['order-blue', 'order-green', ...checked]
  const sharedOf = ({ world }: Shop) => world.driver.writes.at(-1)?.shared

  it('only when charts or values are new', async () => {
    const shop = createShop()
    expect(await renderedBy(shop)).toEqual(everything)
    await shop.switch({ skipSmoke: true })
    shop.commit('b')
    expect(await renderedBy(shop)).toEqual([])
    shop.world.source.contents['charts/values/order.yaml'] = 'replicas: 3'
    expect(await renderedBy(shop)).toEqual(everything)
    shop.world.source.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
    expect(await renderedBy(shop)).toEqual(everything)
    shop.commit('c')
    expect(await renderedBy(shop)).toEqual([])
    const sharedChart = { path: '/charts/shop-service', hash: 'service-2' }
    shop.commit('d')
    expect(await renderedBy(shop, { sharedChart })).toEqual(checked)
  })

  it('and the shared release is written only when its render changed, and before the slot', async () => {
    const shop = await aRelease()
    const before = shop.world.log.length
    await shop.deploy({ services: ['order'] })
    expect(sharedOf(shop)).toBeNull()
    shop.world.source.contents['charts/values/order.yaml'] = 'edge: { nodePort: 31080 }'
    await shop.deploy({ services: ['order'] })
    expect(sharedOf(shop)).toMatchObject({ values: { edge: { nodePort: 31080 } } })
    const written = shop.world.log.slice(before).filter((line) => line.startsWith('write'))
    expect(written.map((line) => line.split(' ')[1])).toEqual([
      'order-green',
      'order',
      'order-green',
    ])
  })

  it('and the shared release is written anew when it was left half-way, or its Services are gone', async () => {
    const shop = await aRelease()
    const { world, deploy } = shop
    await deploy({ services: ['order'] })
    if (world.driver.releases.order) world.driver.releases.order.finished = false
    await deploy({ services: ['order'] })
    expect(sharedOf(shop)).toMatchObject({ name: 'order' })
    shop.commit('c')
    if (world.state.services.order) world.state.services.order.preview = null
    await deploy({ services: ['order'] })
    expect(sharedOf(shop)).toMatchObject({ name: 'order' })
  })

  it('and the shared release goes back with charts and values that a slot still has', async () => {
    const shop = await aRelease()
    const { world, deploy } = shop
    const values = String(world.source.contents['charts/values/order.yaml'])
    const chart = 'name: app'
    world.source.contents['charts/app/Chart.yaml'] = chart
    world.source.contents['charts/values/order.yaml'] = 'edge: { nodePort: 31080 }'
    await deploy({ services: ['order'] })
    expect(sharedOf(shop)).toMatchObject({ values: { edge: { nodePort: 31080 } } })
    // Another image, with the values that the live slot has: what both share has to be as they say again.
    shop.commit('c')
    world.source.contents['charts/values/order.yaml'] = values
    await deploy({ services: ['order'] })
    expect(sharedOf(shop)?.values).toEqual({ shopctl: expect.any(Object) })
  })
})

describe('charts that were found safe', () => {
  const labelled = changing((text) => text.replaceAll('"labels":{', '"labels":{"tier":"front",'))
  const toLive = { tier: 'front', 'shopctl.dev/color': 'blue' }

  it.each<[string, Record<string, string>]>([
    ['a label of the chart', { tier: 'front' }],
    ['the color that is written', { tier: 'front', 'shopctl.dev/color': 'green' }],
  ])('are refused with a Service that came since and selects by %s', async (_, selector) => {
    const shop = createShop()
    const { world, deploy } = shop
    world.charts.faults.order = labelled
    await shop.release({ services: ['order'] })
    shop.commit('b')
    world.charts.rendered.length = 0
    const before = [...world.log]
    world.state.others.push({ name: 'legacy', selector })
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      ...{ code: 'service-moves-traffic', exitCode: 2 },
      message: expect.stringMatching(/^The Service legacy of the namespace would send traffic/),
    })
    expect(world.log).toEqual(before)
    expect(world.charts.rendered).toEqual([])
    world.state.others = [{ name: 'legacy', selector: toLive }]
    await deploy({ services: ['order'] })
    expect(world.driver.writes).toHaveLength(2)
  })
})

describe('passes', () => {
  it('a migration that takes something away once it is part of what serves', async () => {
    const shop = createShop()
    shop.world.source.contents['order/migrations/1.sql'] = 'drop table a;'
    const migrations = { contractions: async () => [] }
    await shop.release({ services: ['order'] }, { migrations })
    shop.commit('b')
    await shop.deploy({ services: ['order'] })
    expect(shop.world.driver.writes).toHaveLength(2)
  })

  it('migrations that are checked in their order, each with those before it', async () => {
    const shop = createShop()
    const { contents } = shop.world.source
    contents['order/migrations/10.sql'] = 'create table c'
    contents['order/migrations/2.sql'] = 'create table b'
    const asked: unknown[][] = []
    const migrations: MigrationCheck = {
      async contractions(file, sql, earlier) {
        asked.push([file, sql, [...earlier]])
        return []
      },
    }
    await shop.deploy({ services: ['order'] }, { migrations })
    const [a, b, c] = ['create table a', 'create table b', 'create table c']
    expect(asked).toEqual([
      ['order/migrations/1.sql', a, []],
      ['order/migrations/10.sql', c, [a]],
      ['order/migrations/2.sql', b, [a, c]],
    ])
  })

  it('the layout of an earlier shopctl whose Deployments Helm leaves alone', async () => {
    const shop = await aRelease()
    const { world } = shop
    world.driver.releases = { order: { finished: true, marks: {} } }
    const slot = world.state.services.order?.slots.blue
    if (slot) Object.assign(slot, { helmRelease: 'order', kept: true })
    await shop.deploy({ services: ['order'] })
    expect(world.driver.writes.at(-1)).toMatchObject({
      name: 'order-green',
      shared: { name: 'order' },
    })
  })

  it.each([
    ['the only port', '8080', 'http', (text: string) => text],
    [
      'a port by its number',
      'named',
      'web',
      (text: string) => text.replace('chart: charts/app', 'chart: charts/app\n    port: 8080'),
    ],
  ])('%s', async (_, __, name, config) => {
    const shop = createShop({ config: aFullConfig(config) })
    shop.world.charts.faults.order = changing((text) =>
      text
        .replaceAll('"name":"http"', `"name":"${name}"`)
        .replaceAll(',{"name":"preview","containerPort":8081}', ''),
    )
    await shop.deploy({ services: ['order'] })
    expect(shop.world.driver.writes[0]?.shared?.values).toMatchObject({
      shopctl: { ports: { stable: name, preview: name } },
    })
  })
})
