import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkServices, environmentOf, parseConfig } from '../../src/config/parse.ts'
import { aConfig, configText } from '../fakes/config.ts'

const root = join(import.meta.dirname, '..', '..', '..')
function mistake(text: string): string {
  try {
    parseConfig(text, 'shopctl.yaml')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

describe('shopctl.yaml', () => {
  it('of this repository is right', () => {
    const config = parseConfig(readFileSync(join(root, 'shopctl.yaml'), 'utf8'), 'shopctl.yaml')
    expect(Object.keys(config.services)).toEqual(['order', 'inventory', 'payment', 'notification'])
    expect(config.environments.test).toMatchObject({ namespace: 'shop-test', protected: false })
    expect(config.environments.test?.dependencies).toEqual(config.environments.local?.dependencies)
  })

  const cases: [string, string, string, string][] = [
    [
      'a wrong type',
      'namespace: shop',
      'namespace: 7',
      ':24:5: environments.local.namespace: expected string, received number',
    ],
    [
      'a bad name',
      'namespace: shop',
      'namespace: Shop_1',
      ':24:5: environments.local.namespace: expected a DNS label',
    ],
    [
      'a setting that does not exist',
      '    smoke: order',
      '    smoke: order/smoke.ts\n    smok: order',
      ':12:5: services.order.smok: there is no such setting',
    ],
    [
      'a missing setting',
      '    smoke: order/smoke.ts\n',
      '',
      ':3:3: services.order.smoke: expected string; it is missing',
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
    ['text that is no YAML', 'name: shop', 'name: [shop', ':2:1: '],
  ]
  it.each(cases)('with %s: says where and what was expected', (_, from, to, expected) => {
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
