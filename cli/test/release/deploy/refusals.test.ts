// A chart that would change what serves is refused before anything is written.
import { describe, expect, it } from 'vitest'
import type { Config } from '../../../src/config/schema.ts'
import type { Manifest, MigrationCheck } from '../../../src/release/ports.ts'
import { type ChartFault, isSlot } from '../../fakes/charts.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

/** One that makes these objects too, for every slot. */
function adding(make: (name: string, deployment: Manifest) => Manifest): ChartFault {
  return (made, release) =>
    made.flatMap((each) =>
      isSlot(release) && each.kind === 'Deployment' ? [each, make(release.name, each)] : [each],
    )
}

/** One whose Deployment is another one. */
function changing(change: (deployment: string) => string): ChartFault {
  return (made) =>
    made.map((each) =>
      each.kind === 'Deployment' ? (JSON.parse(change(JSON.stringify(each))) as Manifest) : each,
    )
}

function aServiceNamed(name: string, selector: Record<string, string>): Manifest {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector } }
}

const app = { 'app.kubernetes.io/name': 'order' }

interface Case {
  title: string
  code: string
  message: RegExp
  chart?: ChartFault
  arrange?: (shop: Shop) => void
  config?: (text: string) => string
}

const cases: Case[] = [
  {
    title: 'a Service that takes every pod of the service',
    code: 'chart-moves-traffic',
    message: /^The chart of order makes a Service order-extra that leads traffic/,
    chart: adding(() => aServiceNamed('order-extra', app)),
  },
  {
    title: 'a Service of the slot itself',
    code: 'chart-moves-traffic',
    message: /makes a Service order-(blue|green) that/,
    chart: adding((name, { metadata }) => aServiceNamed(name, metadata.labels ?? {})),
  },
  {
    title: 'a Service in the namespace that takes every pod of the service',
    code: 'service-moves-traffic',
    message: /^The Service legacy of the namespace would lead traffic to the pods of order/,
    arrange: ({ world }) => world.state.others.push({ name: 'legacy', selector: app }),
  },
  {
    title: 'an object that both slots make',
    code: 'shared-object',
    message: /^The chart of order makes ConfigMap order-config for more than one slot/,
    chart: adding(() => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'order-config' },
    })),
  },
  {
    title: 'an object that the shared part makes as well',
    code: 'shared-object',
    message: /makes Service order for more than one slot/,
    chart: (made, release) =>
      release.name === 'order-green' ? [...made, aServiceNamed('order', {})] : made,
  },
  {
    title: 'no Deployment of the name that a slot has',
    code: 'no-slot',
    message: /^The chart of order makes no Deployment order-blue, but my-order\.$/,
    chart: changing((text) => text.replaceAll(/"name":"order-(blue|green)"/g, '"name":"my-order"')),
  },
  {
    title: 'no Deployment at all',
    code: 'no-slot',
    message: /^The chart of order makes no Deployment order-blue\.$/,
    chart: (made) => made.filter(({ kind }) => kind !== 'Deployment'),
  },
  {
    title: 'pods without the labels of a slot',
    code: 'no-slot-labels',
    message: /^The pods of order-blue lack shopctl.dev\/revision: [0-9a-f]{10}\.$/,
    chart: changing((text) => text.replaceAll(/,"shopctl.dev\/revision":"[^"]*"/g, '')),
  },
  {
    title: 'a Deployment that takes the pods of the other slot too',
    code: 'no-slot-labels',
    message: /^The Deployment order-blue does not select its pods by shopctl.dev\/color\.$/,
    chart: changing((text) =>
      text.replace(/("matchLabels":\{[^}]*),"shopctl.dev\/color":"[^"]*"/, '$1'),
    ),
  },
  {
    title: 'pods without a port',
    code: 'no-port',
    message: /^Which port of order takes HTTP cannot be told: its pods offer none\.$/,
    chart: changing((text) => text.replace(/"ports":\[[^\]]*\]/, '"ports":[]')),
  },
  {
    title: 'two ports of which none is named http',
    code: 'no-port',
    message: /offer web \(8080\), preview \(8081\)\.$/,
    chart: changing((text) => text.replaceAll('"name":"http"', '"name":"web"')),
  },
  {
    title: 'a port of shopctl.yaml that its pods do not have',
    code: 'no-port',
    message: /offer http \(8080\), preview \(8081\), and not 3000\.$/,
    config: (text) => text.replace('chart: charts/app', 'chart: charts/app\n    port: 3000'),
  },
  {
    title: 'a release of that name that is not ours',
    code: 'foreign-release',
    message: /^There is a Helm release order in the namespace that shopctl did not make\.$/,
    arrange({ world }) {
      world.driver.releases = { order: { finished: true, marks: {} } }
      world.state.services.order = {
        ...{ slots: { blue: null, green: null }, stable: null, preview: null },
      }
    },
  },
  {
    title: 'the layout of an earlier shopctl',
    code: 'old-layout',
    message: /^order-blue is part of the Helm release order, as an earlier shopctl made it\.$/,
    arrange({ world }) {
      world.driver.releases = { order: { finished: true, marks: {} } }
      const slot = world.state.services.order?.slots.blue
      if (slot) slot.helmRelease = 'order'
    },
  },
  {
    title: 'a migration that takes something away',
    code: 'migration-contracts',
    message:
      /^order\/migrations\/2\.sql:2 is more than an addition: this drops a table\.\ndrop table a;$/,
    arrange({ world }) {
      world.source.contents['order/migrations/2.sql'] = '-- away\ndrop table a;'
    },
  },
]

/** Blue serves; the tree is another one since, and so is the chart. */
async function aRelease(config?: Config): Promise<Shop> {
  const shop = createShop(config && { config })
  await shop.release({ services: ['order'] })
  shop.commit('b')
  shop.world.source.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
  return shop
}

describe('is refused before anything is written:', () => {
  it.each(cases)('$title', async ({ code, message, chart, arrange, config }) => {
    const shop = await aRelease()
    const { world } = shop
    const before = [[...world.log], structuredClone(world.state.journal)]
    if (chart) world.charts.faults.order = chart
    arrange?.(shop)
    const input = config ? { config: aFullConfig(config) } : {}
    const deploying = shop.deploy({ services: ['order'], ...input })
    await expect(deploying).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    })
    expect([world.log, world.state.journal]).toEqual(before)
  })

  it('a port that the pods that serve do not have', async () => {
    const shop = await aRelease()
    shop.world.charts.faults.order = changing((text) =>
      text.replaceAll('"name":"http"', '"name":"web"'),
    )
    const config = aFullConfig((text) =>
      text.replace('chart: charts/app', 'chart: charts/app\n    port: web'),
    )
    await expect(shop.deploy({ services: ['order'], config })).rejects.toMatchObject({
      code: 'live-lacks-port',
      exitCode: 2,
      message:
        'The Service order would lead to the port web, which the pods of order that serve do not have.',
    })
    expect(shop.world.driver.writes).toHaveLength(1)
  })

  it('a right that the pods that serve would lose', async () => {
    const shop = await aRelease()
    shop.world.charts.faults.order = (made) =>
      made.map((each) =>
        each.kind === 'Role' ? { ...each, rules: [{ resources: ['pods'], verbs: ['get'] }] } : each,
      )
    await expect(shop.deploy({ services: ['order'] })).rejects.toMatchObject({
      code: 'live-lacks-right',
      exitCode: 2,
      message: 'The pods of order that serve would lose the right to get services order.',
    })
    expect(shop.world.driver.writes).toHaveLength(1)
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
