// What a newcomer gets wrong in shopctl.yaml: each is refused with its place, and with the setting that is wrong.
import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { configText } from '../fakes/config.ts'

function messageOf(text: string): string {
  try {
    parseConfig(text, 'shopctl.yaml')
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-config', exitCode: 2 })
    return error instanceof Error ? error.message : ''
  }
  return 'accepted'
}

function urlMistake(words: string): RegExp {
  return new RegExp(`:27:16: environments\\.local\\.secrets\\.order\\.url: ${words}$`)
}

it.each([
  ['name: shop', 'name:', /:1:1: name: expected text/],
  ['name: shop', 'name: My Shop', /:1:1: name: expected a DNS label/],
  ['name: shop', 'nmae: shop', /:1:1: name: expected text; it is missing/],
  ['services:', 'service:', /services: .*missing/],
  ['\n  order:', '\n  Order:', /:3:3: services\.Order: expected a DNS label/],
  ['\n  order:', '\n  order_service:', /:3:3: services\.order_service: /],
  ['\n  order:', '\n  123:', /:3:3: services\.123: /],
  ['chart: charts/app', 'chart: ~', /:4:5: services\.order\.chart: expected text/],
  ['chart: charts/app', 'chart: ""', /:4:5: services\.order\.chart: /],
  ['chart: charts/app', 'chart: [charts/app]', /:4:5: services\.order\.chart: expected text/],
  ['chart: charts/app', 'chart: C:/charts/app: x', /:4:/],
  [
    'context: order',
    'context: ../order',
    /:7:7: services\.order\.build\.context: expected a path in/,
  ],
  ['context: order', 'context: /srv/order', /:7:7: services\.order\.build\.context: /],
  ['context: order', 'context: --help', /:7:7: services\.order\.build\.context: .*dash/],
  [
    'prepare: [make, order]',
    'prepare: make order',
    /:8:7: services\.order\.build\.prepare: expected a list/,
  ],
  ['prepare: [make, order]', 'prepare: []', /:8:7: services\.order\.build\.prepare: /],
  ['prepare: [make, order]', 'prepare: [make, 1]', /:8:23: services\.order\.build\.prepare\.1: /],
  [
    'inputs: [order, kernel]',
    'inputs: order',
    /:9:7: services\.order\.build\.inputs: expected a list/,
  ],
  ['inputs: [order, kernel]', 'inputs: []', /:9:7: services\.order\.build\.inputs: /],
  ['inputs: [order, kernel]', '', /services\.order\.build\.inputs: .*missing/],
  ['smoke: order', 'smoke: /order', /:11:5: services\.order\.smoke: /],
  ['environments:', 'environment:', /environments: .*missing/],
  ['\n  local:', '\n  Local:', /:22:3: environments\.Local: expected a DNS label/],
  [
    'cluster: embedded',
    'cluster: minikube',
    /:23:5: environments\.local\.cluster: expected `embedded`/,
  ],
  ['cluster: embedded', 'cluster: { context: x }', /:23:5: environments\.local\.cluster/],
  [
    'namespace: shop',
    'namespace: shop\n    protected: "yes"',
    /:25:5: .*protected: expected true or false/,
  ],
  ['namespace: shop', 'namespace: true', /:24:5: environments\.local\.namespace: expected text/],
  ['namespace: shop', '', /environments\.local\.namespace: .*missing/],
  ['{ admin: random', '{ admin: 1234', /:26:19: .*postgres\.admin: expected text/],
  ['{ admin: random', '{ admin:', /:26:19: .*postgres\.admin: expected text/],
  ['postgres.order}', 'postgres.nope}', urlMistake('there is no secret value postgres\\.nope')],
  ['postgres.order}', 'postgers.order}', urlMistake('there is no secret value postgers\\.order')],
  ['postgres.order}', 'shopctl-hmac.key}', urlMistake('there is no .* shopctl-hmac\\.key')],
  ['postgres.order}', 'order.url}', urlMistake('it refers to itself: order\\.url → order\\.url')],
  [
    'order: random }',
    `order: "\${order.url}" }`,
    /:26:34: .*secrets\.postgres\.order: it refers to itself: postgres\.order → order\.url → postgres\.order$/,
  ],
  ['values: [charts', 'values: charts', /./],
  ['  order:', '\torder:', /:3:1: Tabs are not allowed/],
  ['name: shop', 'name = shop', /:1:1: /],
  ['name: shop', '{ "name": "shop", }\n', /:\d+:\d+: /],
  ['name: shop', '<<<<<<< HEAD\nname: shop', /:\d+:\d+: /],
])('%j written as %j', (from, to, expected) => {
  const text = configText.replace(from, to)
  expect(text).not.toBe(configText)
  expect(messageOf(text)).toMatch(/^shopctl\.yaml:\d+:\d+: /)
  expect(messageOf(text)).toMatch(expected)
})
