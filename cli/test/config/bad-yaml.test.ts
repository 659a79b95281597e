// Text that is no proper YAML, or means more than the settings: each mistake with file, line and column.
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { configText } from '../fakes/config.ts'

function thrown(text: string): unknown {
  try {
    return parseConfig(text, 'shopctl.yaml')
  } catch (error) {
    return error
  }
}

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat([...'bcdefgh'].map((key, at) => `${key}: &${key} [${`*${'abcdefg'[at]}, `.repeat(9)}]`))
  .join('\n')
const merged = configText.replace('services:', 'x: &x { a: 1 }\nservices:\n  <<: *x')

describe('shopctl.yaml with', () => {
  const cases: [string, string, string][] = [
    ['an alias of nothing', 'name: *sekrets\n', ':1:7: there is no anchor &sekrets'],
    [
      'an alias before its anchor',
      'name: shop\nservices: *later\nenvironments: &later {}\n',
      ':2:11: there is no anchor &later',
    ],
    ['aliases of aliases of aliases', `${bomb}\n`, ':2:8: its aliases stand for too many'],
    ['an alias of itself', 'name: &a [*a]\n', ':1:'],
    ['an alias of the whole', '&a\nname: *a\n', ':2:7: the value of the anchor &a contains'],
    [
      'a mistake behind an alias',
      'name: shop\nservices:\n  a: &a\n    chart: 7\n  b: *a\n',
      ':4:5: services.a.chart: expected text',
    ],
    ['the same key twice', 'name: shop\nname: shop\n', ':2:1: Map keys must be unique'],
    ['a merge key', merged, ':4:3: services.<<: '],
    ['a tag', 'name: !foo shop\n', ':1:7: '],
    ['binary data', 'name: !!binary aGVsbG8=\n', ':1:1: name: expected text'],
    ['two documents', `${configText}---\nname: other\n`, ':30:1: expected one document'],
    ['a tab as indentation', 'name: shop\nservices:\n\torder:\n', ':3:1: '],
    ['a list', '- name: shop\n', ':1:1: the file: expected a map'],
    ['a NUL', 'name: sh\0op\n', ':1:'],
    [
      'an escaped NUL',
      configText.replace('chart: charts/app', 'chart: "charts/\\0app"'),
      ':4:12: ',
    ],
    ['a list as a key', '? [a, b]\n: c\n', ':1:'],
    ['text after the end of a quote', 'name: "shop" x\n', ':1:'],
    ['a thousand levels', `name: ${'['.repeat(20_000)}\n`, ':1:'],
    [
      'a name that every object of JavaScript has',
      configText.replace('\n  order:', '\n  constructor:'),
      ':3:3: services.constructor: ',
    ],
    ['__proto__ as a service', configText.replace('\n  order:', '\n  __proto__:'), ':3:3: '],
    ['__proto__ as an environment', configText.replace('\n  local:', '\n  __proto__:'), ':22:3: '],
    [
      '__proto__ as a Secret',
      configText.replace('postgres: { admin', '__proto__: { admin'),
      ':26:7: ',
    ],
    [
      '__proto__ as a key of a Secret',
      configText.replace('{ admin: random', '{ __proto__: random'),
      ':26:19: ',
    ],
    [
      'a key that no Secret can have',
      configText.replace('{ admin: random', '{ "a b": random'),
      ':26:19: environments.local.secrets.postgres.a b: ',
    ],
    ['__proto__ as a setting', configText.replace('chart:', '__proto__: {}\n    chart:'), ':4:5: '],
  ]
  it.each(cases)('%s', (_, text, expected) => {
    expect(thrown(text)).toMatchObject({
      code: 'bad-config',
      exitCode: 2,
      message: expect.stringContaining(`shopctl.yaml${expected}`),
    })
  })

  it.each([
    ['a byte order mark', `\uFEFF${configText}`],
    ['lines that end with CRLF', configText.replaceAll('\n', '\r\n')],
    ['an end of the document', `---\n${configText}...\n`],
    ['tabs before comments', configText.replace('name: shop', 'name: shop\t# the shop')],
  ])('%s is right', (_, text) => {
    expect(thrown(text)).toMatchObject({ name: 'shop' })
  })
})
