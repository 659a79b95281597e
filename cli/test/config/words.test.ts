// The words of the mistakes in shopctl.yaml: those of YAML, none of the validator.
import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { configText } from '../fakes/config.ts'

function mistakeOf(text: string): { message: string; hint: string } {
  try {
    parseConfig(text, 'shopctl.yaml')
  } catch (error) {
    return error as { message: string; hint: string }
  }
  throw new Error('accepted')
}

const ports = 'chart: charts/app\n    management: { port: '
const kind = 'cluster: { context: x, registry: localhost, immutableTags: '
const cases: [string, string, string][] = [
  ['name: shop', 'name: 7', 'expected text, not a number'],
  ['name: shop', 'name:', 'expected text; it has no value'],
  ['name: shop', 'name: [shop]', 'expected text, not a list'],
  ['name: shop', 'name: { a: b }', 'expected text, not a map'],
  ['name: shop', 'name: true', 'expected text, not true or false'],
  ['name: shop', '', 'expected text; it is missing'],
  ['services:', 'service:', 'expected a map; it is missing'],
  ['environments:', 'environment:', 'expected a map; it is missing'],
  ['chart: charts/app', 'chart: ""', 'expected text that is not empty'],
  ['inputs: [order, kernel]', 'inputs: order', 'expected a list, not text'],
  ['inputs: [order, kernel]', 'inputs: []', 'expected at least one item'],
  ['prepare: [make, order]', 'prepare: [make, ""]', 'expected text that is not empty'],
  ['chart: charts/app', `${ports}70000 }`, 'expected at most 65535'],
  ['chart: charts/app', `${ports}0 }`, 'expected at least 1'],
  ['chart: charts/app', `${ports}80.5 }`, 'expected a whole number'],
  ['chart: charts/app', `${ports}.nan }`, 'expected a number'],
  ['chart: charts/app', `${ports}"80" }`, 'expected a number, not text'],
  ['chart: charts/app', 'chart: charts/app\n    recycle: yes', 'expected true or false, not text'],
  [
    'chart: charts/app',
    'chart: charts/app\n    port: true',
    'expected the name of a port, or a number from 1 to 65535',
  ],
  ['cluster: embedded', `${kind}x }`, 'expected true or false, not text'],
  ['cluster: embedded', 'cluster: { context: x }', 'expected text; it is missing'],
  [
    'cluster: embedded',
    'cluster: x',
    'expected `embedded`, or a map with `registry` and either `context` or `eks: { name, region }`',
  ],
  ['cluster: embedded', 'cluster: { eks: x, registry: localhost }', 'expected a map, not text'],
  [
    'cluster: embedded',
    'cluster: { context: 7, registry: localhost, foo: 1 }',
    'expected text, not a number',
  ],
  [
    'cluster: embedded',
    'cluster: { eks: { name: 7, region: eu-central-1 }, registry: localhost }',
    'expected text, not a number',
  ],
  [
    'cluster: embedded',
    'cluster: { context: x, registry: localhost, registryRole: [x] }',
    'expected text, not a list',
  ],
  ['namespace: shop', 'namespace: shop\n    slack: 7', 'expected text, not a number'],
  [
    'namespace: shop',
    'namespace: shop\n    podSecurity: none',
    'expected one of privileged, baseline, restricted',
  ],
  [
    'namespace: shop',
    'namespace: shop\n    queueLimit: 1.5',
    'expected a whole number of messages above 0',
  ],
  [
    'namespace: shop',
    'namespace: shop\n    queueLimit: 0',
    'expected a whole number of messages above 0',
  ],
]
it.each(cases)('%j as %j', (from, to, expected) => {
  const { message } = mistakeOf(configText.replace(from, to))
  const [first = ''] = message.split('\n')
  expect(
    first.replace(/^shopctl\.yaml:\d+:\d+: \S+: |^shopctl\.yaml:\d+:\d+: the file: /, ''),
  ).toBe(expected)
  expect(message).not.toMatch(/array|record|object|boolean|string|Invalid|Too |received|[<>]=/)
})

it.each(['', '# nothing\n', '---\n', '\n\n', '~\n'])('%j is empty', (text) => {
  expect(mistakeOf(text)).toMatchObject({
    exitCode: 2,
    code: 'bad-config',
    message: 'shopctl.yaml is empty.',
    hint: expect.stringContaining('`name`, `services` and `environments`'),
  })
})

it('the mistakes after the first are indented like it', () => {
  const text = configText
    .replace('namespace: shop', 'namespace: 7')
    .replace('context: order', 'context: 3')
  expect(mistakeOf(text).message.split('\n')).toEqual([
    'shopctl.yaml:7:7: services.order.build.context: expected text, not a number',
    '  shopctl.yaml:24:5: environments.local.namespace: expected text, not a number',
  ])
})

it('the same mistake at the same place is listed once', () => {
  const service = '{ chart: c, build: &b { context: ., inputs: 7, migration: x } }'
  const others = ['b', 'c', 'd'].map((name) => `  ${name}: { chart: c, build: *b }\n`).join('')
  const text = `name: shop\nservices:\n  a: ${service}\n${others}environments:\n  local: { cluster: embedded, namespace: shop }\n`
  expect(mistakeOf(text)).toMatchObject({
    message: [
      'shopctl.yaml:3:42: services.a.build.inputs: expected a list, not a number',
      '  shopctl.yaml:3:53: services.a.build.migration: there is no such setting',
    ].join('\n'),
    hint: 'Correct it, then run the command again.',
  })
})
