import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkServices, environmentOf, parseConfig } from '../../src/config/parse.ts'
import { aConfig, aFullConfig, configText } from '../fakes/config.ts'

const root = join(import.meta.dirname, '..', '..', '..')
function mistake(text: string): string {
  try {
    parseConfig(text, 'shopctl.yaml')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

describe('a time limit', () => {
  const withLimit = (value: string): string => `${configText}timeouts: { build: ${value} }\n`
  it.each([
    ['30', 30],
    ['0.5', 0.5],
    ['2147483', 2_147_483],
  ])('may be %s', (value, seconds) => {
    const { timeouts } = parseConfig(withLimit(value), 'shopctl.yaml')
    expect(timeouts).toMatchObject({ build: seconds, helm: 180 })
  })

  it.each(['0', '-1', '2147484', '1e12', '.inf', '.nan', '10m', '"30"', 'null', '[]'])(
    'may not be %s',
    (value) => {
      expect(mistake(withLimit(value))).toBe(
        'shopctl.yaml:30:13: timeouts.build: expected a number of seconds above 0 and up to 2147483',
      )
    },
  )

  it('has a usual value', () => {
    expect(aConfig().timeouts).toEqual({
      ...{ build: 1_200, push: 600, helm: 180, script: 600, hook: 30 },
      ...{ tools: 60, request: 4, pod: 15, scan: 60 },
    })
  })
})

describe('shopctl.yaml', () => {
  it('of this repository is right', () => {
    const config = parseConfig(readFileSync(join(root, 'shopctl.yaml'), 'utf8'), 'shopctl.yaml')
    expect(Object.keys(config.services)).toEqual(['order', 'inventory', 'payment', 'notification'])
    expect(config.environments.test).toMatchObject({ namespace: 'shop-test', protected: false })
    expect(config.environments.test?.dependencies).toEqual(config.environments.local?.dependencies)
    for (const each of Object.values(config.environments))
      expect(each.podSecurity).toBe('restricted')
  })

  const cases: [string, string, string, string][] = [
    [
      'a wrong type',
      'namespace: shop',
      'namespace: 7',
      ':24:5: environments.local.namespace: expected text, not a number',
    ],
    [
      'a bad name',
      'namespace: shop',
      'namespace: Shop_1',
      ':24:5: environments.local.namespace: expected a DNS label',
    ],
    [
      'a webhook instead of the name of its variable',
      'namespace: shop',
      'namespace: shop\n    slack: https://hooks.slack.com/services/T/B/secret',
      ':25:5: environments.local.slack: expected the name of an environment variable, not its value',
    ],
    [
      'a setting that does not exist',
      '    smoke: order',
      '    smoke: order/smoke.ts\n    smok: order',
      ':12:5: services.order.smok: there is no such setting',
    ],
    [
      'a missing setting',
      '    chart: charts/app\n',
      '',
      ':3:3: services.order.chart: expected text; it is missing',
    ],
    [
      'a port that none can have',
      'chart: charts/app',
      'chart: charts/app\n    port: 70000',
      ':5:5: services.order.port: ',
    ],
    [
      'a path of a URL without a slash',
      'chart: charts/app',
      'chart: charts/app\n    health: healthz',
      ':5:5: services.order.health: expected a path that begins with a slash',
    ],
    [
      'a management port without a number',
      'chart: charts/app',
      'chart: charts/app\n    management: { role: /role }',
      ':5:5: services.order.management.port: expected a number; it is missing',
    ],
    [
      'something that pods are not asked for',
      'chart: charts/app',
      'chart: charts/app\n    management: { port: 9090, orders: /orders }',
      ':5:31: services.order.management.orders: there is no such setting',
    ],
    [
      'no folder of migrations',
      'migrations: order/migrations',
      'migrations: []',
      ':10:7: services.order.build.migrations: expected at least one item',
    ],
    [
      'migrations that are no path',
      'migrations: order/migrations',
      'migrations: 7',
      ':10:7: services.order.build.migrations: expected a path, or a list of paths',
    ],
    ...['preview', 'blue', 'green', 'operator'].map((what): [string, string, string, string] => [
      `a service that is named as what another has, ${what}`,
      '\n  payment:',
      `\n  order-${what}:`,
      `:12:3: services.order-${what}: expected another name: shopctl uses order-${what} for order`,
    ]),
    ...['order', 'payment-blue'].map((name): [string, string, string, string] => [
      `a dependency that is named ${name}`,
      '{ name: postgres',
      `{ name: ${name}`,
      `:29:11: environments.local.dependencies.0.name: expected another name: shopctl uses ${name} for ${name.split('-')[0]}`,
    ]),
    [
      'a dependency that is named as the guard',
      '{ name: postgres',
      '{ name: shopctl-guard',
      ':29:11: environments.local.dependencies.0.name: expected another name: shopctl uses shopctl-guard for the environment',
    ],
    [
      'a path that leads away',
      'chart: charts/app',
      'chart: /etc',
      ':4:5: services.order.chart: expected a path relative to shopctl.yaml',
    ],
    [
      'an unknown kind of cluster',
      'cluster: embedded',
      'cluster: kind',
      ':23:5: environments.local.cluster: expected `embedded`',
    ],
    ...(
      [
        ['a region', 'name: shop, region: Frankfurt', 35, '.eks.region: expected a region of AWS'],
        [
          'a name',
          'name: "a b", region: eu-central-1',
          23,
          '.eks.name: expected the name of an EKS',
        ],
        [
          'a role',
          'name: shop, region: eu-central-1, role: deploy',
          57,
          '.eks.role: expected the ARN of a role',
        ],
        ['no region', 'name: shop', 16, '.eks.region: expected text; it is missing'],
      ] as const
    ).map(([what, eks, column, expected]): [string, string, string, string] => [
      `an EKS cluster with ${what}`,
      'cluster: embedded',
      `cluster: { eks: { ${eks} }, registry: r:1 }`,
      `:23:${column}: environments.local.cluster${expected}`,
    ]),
    ...[
      'context: a, eks: { name: shop, region: eu-central-1 }, registry: r:1',
      'registry: r:1',
    ].map((map): [string, string, string, string] => [
      `a cluster of { ${map} }`,
      'cluster: embedded',
      `cluster: { ${map} }`,
      ':23:5: environments.local.cluster: expected either `context` or `eks`',
    ]),
    [
      'a broker that is no dependency',
      'namespace: shop',
      'namespace: shop\n    broker: rabbit',
      ':25:5: environments.local.broker: expected the name of one of the dependencies',
    ],
    [
      'a script outside of the project',
      'name: shop\n',
      'name: shop\naudit: /etc/audit.ts\n',
      ':2:1: audit: expected a path relative to shopctl.yaml',
    ],
    ...(
      [
        ['an unknown hook', 'pre-rollback: a.mjs', 'pre-rollback: there is no such setting'],
        ['a hook outside of the project', 'pre-switch: ../a.mjs', 'pre-switch: expected a path in'],
        ['a hook that is no script', 'on-failure: a.sh', 'on-failure: expected a script in Java'],
        ['a hook without a script', 'pre-deploy:', 'pre-deploy: expected text; it has no value'],
      ] as const
    ).map(([what, hook, expected]): [string, string, string, string] => [
      what,
      'name: shop\n',
      `name: shop\nhooks:\n  ${hook}\n`,
      `:3:3: hooks.${expected}`,
    ]),
    ['text that is no YAML', 'name: shop', 'name: [shop', ':2:1: '],
  ]
  it.each(cases)('with %s: reports where and what was expected', (_, from, to, expected) => {
    expect(mistake(configText.replace(from, to))).toContain(`shopctl.yaml${expected}`)
  })

  it('may name a broker, and scripts for the whole', () => {
    const text = configText
      .replace('namespace: shop', 'namespace: shop\n    broker: postgres')
      .replace('name: shop\n', 'name: shop\nsmoke: smoke.ts\naudit: audit.ts\n')
    expect(parseConfig(text, 'shopctl.yaml')).toMatchObject({
      smoke: 'smoke.ts',
      audit: 'audit.ts',
      environments: { local: { broker: 'postgres' } },
    })
    expect(aConfig()).not.toHaveProperty('smoke')
  })

  it('needs of a service no more than a chart and what its image is made of', () => {
    const text = `name: bank
services:
  ledger:
    chart: chart
    build: { context: ., inputs: [main.py], migrations: [sql, more/sql] }
  ledgers:
    chart: chart
    build: { context: ., inputs: [main.py], migrations: sql }
environments:
  local: { cluster: embedded, namespace: bank, dependencies: [{ name: db, chart: db }] }
`
    const { services, environments } = parseConfig(text, 'shopctl.yaml')
    expect(services.ledger).toEqual({
      chart: 'chart',
      build: { context: '.', inputs: ['main.py'], migrations: ['sql', 'more/sql'] },
      health: '/healthz',
    })
    expect(services.ledgers?.build.migrations).toEqual(['sql'])
    expect(environments.local).toEqual({
      ...{ cluster: 'embedded', namespace: 'bank', driver: 'helm', protected: false, secrets: {} },
      dependencies: [{ name: 'db', chart: 'db', values: [] }],
      freezes: [],
      queueLimit: 10_000,
      watch: expect.objectContaining({ own: [] }),
    })
  })

  it.each(['sql', 'sql/', './sql', './sql//', 'a/../sql/'])(
    'has each path as git writes it, such as %s',
    (path) => {
      const text = configText
        .replace('charts/app', path)
        .replace('context: order', `context: ${path}`)
        .replace(/inputs: .*/, `inputs: [${path}, ., ./]`)
      for (const migrations of [path, `[${path}]`]) {
        const whole = text.replace('migrations: order/migrations', `migrations: ${migrations}`)
        expect(parseConfig(whole, 'shopctl.yaml').services.order).toMatchObject({
          chart: 'sql',
          build: { context: 'sql', inputs: ['sql', '.', '.'], migrations: ['sql'] },
        })
      }
    },
  )

  it('has the port and the paths on which the pods of a service answer', () => {
    expect(aFullConfig().services.order?.management).toEqual({
      port: 9090,
      role: '/role',
      readiness: '/readyz',
      messages: '/messages',
      accounting: '/accounting',
    })
  })

  it('lists several mistakes at once', () => {
    const text = configText
      .replace('namespace: shop', 'namespace: 7')
      .replace('context: order', 'context: 3')
    expect(mistake(text).split('\n')).toHaveLength(2)
  })
})

it('an unknown service or environment is refused with those there are', () => {
  expect(() => checkServices(aConfig(), ['order', 'ordr'])).toThrow(/"ordr"/)
  expect(() => environmentOf(aConfig(), 'prod')).toThrow(/"prod"/)
  try {
    environmentOf(aConfig(), 'prod')
  } catch (error) {
    expect(error).toMatchObject({ exitCode: 2, hint: 'Choose from: local.' })
  }
})
