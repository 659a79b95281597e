// A chart that would change what serves is refused before anything is written.
import { describe, expect, it } from 'vitest'
import type { Config } from '../../../src/config/schema.ts'
import type { Manifest } from '../../../src/release/ports/driver.ts'
import { adding, type ChartFault, changing } from '../../fakes/charts.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { aService, emptyService } from '../../fakes/state.ts'

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
    message: /^The chart of order renders a Service order-extra that sends traffic/,
    chart: adding(() => aServiceNamed('order-extra', app)),
  },
  {
    title: 'a Service of the slot itself',
    code: 'chart-moves-traffic',
    message: /renders a Service order-(blue|green) that/,
    chart: adding((name, { metadata }) => aServiceNamed(name, metadata.labels ?? {})),
  },
  {
    title: 'a Service in the namespace that takes every pod of the service',
    code: 'service-moves-traffic',
    message: /^The Service legacy of the namespace would send traffic to the pods of order/,
    arrange: ({ world }) => world.state.others.push({ name: 'legacy', selector: app }),
  },
  {
    title: 'an object that both slots make',
    code: 'shared-object',
    message: /^The chart of order renders ConfigMap order-config for more than one slot/,
    chart: adding(() => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'order-config' },
    })),
  },
  {
    title: 'an object that the shared part makes as well',
    code: 'shared-object',
    message: /renders Service order for more than one slot/,
    chart: (made, release) =>
      release.name === 'order-green' ? [...made, aServiceNamed('order', {})] : made,
  },
  {
    title: 'no Deployment of the name that a slot has',
    code: 'no-slot',
    message: /^The chart of order renders no Deployment order-blue, but my-order\.$/,
    chart: changing((text) => text.replaceAll(/"name":"order-(blue|green)"/g, '"name":"my-order"')),
  },
  {
    title: 'no Deployment at all',
    code: 'no-slot',
    message: /^The chart of order renders no Deployment order-blue\.$/,
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
    title: 'a Deployment that could never be written again',
    code: 'slot-selects-revision',
    message: /^The Deployment order-blue selects its pods by shopctl.dev\/revision: /,
    chart: changing((text) =>
      text.replace('"matchLabels":{', '"matchLabels":{"shopctl.dev/revision":"1",'),
    ),
  },
  {
    title: 'another image than the one that was built',
    code: 'no-slot-image',
    message: /^No container of order-blue runs the image that was built for order\.$/,
    chart: changing((text) => text.replace(/"image":"[^"]*"/, '"image":"nginx"')),
  },
  {
    title: 'other pods with the labels of the slot',
    code: 'helper-gets-traffic',
    message: /^The pods of the StatefulSet order-blue-cache have the labels of the slot order-blue/,
    chart: adding((name, deployment) => ({
      ...deployment,
      kind: 'StatefulSet',
      metadata: { name: `${name}-cache` },
    })),
  },
  {
    title: 'a budget for the pods of both slots',
    code: 'reaches-other-slot',
    message:
      /^The PodDisruptionBudget order-blue of the chart of order also selects the pods of the other/,
    chart: (made) =>
      made.map((each) =>
        each.kind === 'PodDisruptionBudget'
          ? { ...each, spec: { selector: { matchLabels: app } } }
          : each,
      ),
  },
  {
    title: 'pods without a port',
    code: 'no-port',
    message: /^The HTTP port of order is not known: its pods have the ports \(none\)\.$/,
    chart: changing((text) => text.replace(/"ports":\[[^\]]*\]/, '"ports":[]')),
  },
  {
    title: 'two ports of which none is named http',
    code: 'no-port',
    message: /have the ports web \(8080\), preview \(8081\)\.$/,
    chart: changing((text) => text.replaceAll('"name":"http"', '"name":"web"')),
  },
  {
    title: 'a port of shopctl.yaml that its pods do not have',
    code: 'no-port',
    message: /have the ports http \(8080\), preview \(8081\), not 3000\.$/,
    config: (text) => text.replace('chart: charts/app', 'chart: charts/app\n    port: 3000'),
  },
  {
    title: 'a release of that name that is not ours',
    code: 'foreign-release',
    message: /^The namespace has a Helm release order that shopctl did not create\.$/,
    arrange({ world }) {
      world.driver.releases = { order: { finished: true, marks: {} } }
      world.state.services.order = emptyService()
    },
  },
  {
    title: 'a Service of that name that is not ours',
    code: 'foreign-service',
    message: /^The namespace has a Service order that shopctl did not create\.$/,
    arrange({ world }) {
      world.driver.releases = {}
      world.state.services.order = aService({}, null, null)
    },
  },
  {
    title: 'the layout of an earlier shopctl',
    code: 'old-layout',
    message: /^order-blue is part of the Helm release order, which an earlier shopctl wrote\.$/,
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

  it('a Service that came into the namespace after the charts were found safe', async () => {
    const { world, deploy } = await aRelease()
    world.source.contents['charts/app/Chart.yaml'] = 'name: app'
    const before = [...world.log]
    world.state.others.push({ name: 'legacy', selector: app })
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      code: 'service-moves-traffic',
      exitCode: 2,
    })
    expect(world.log).toEqual(before)
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
        'The Service order would route to the port web, which the live pods of order do not have.',
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
      message: 'The live pods of order would lose the right to get services order.',
    })
    expect(shop.world.driver.writes).toHaveLength(1)
  })
})
