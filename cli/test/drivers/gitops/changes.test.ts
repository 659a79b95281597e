import { describe, expect, it } from 'vitest'
import { type ChangeInput, changesOf } from '../../../src/drivers/gitops/changes.ts'
import { vendor } from '../../../src/drivers/gitops/chart.ts'
import { stateOf } from '../../../src/drivers/gitops/read.ts'
import { applied, type Files } from '../../fakes/config-repo.ts'
import { aChart, aSlot, changedLines, sharedChart, treeOf } from './tree.ts'

const none: Files = new Map()
const after = (files: Files, input: ChangeInput): Files =>
  applied(files, changesOf(treeOf(files), input))
const textOf = (files: Files, path: string) => String(files.get(path))
const services = ['order', 'payment']
const first = after(none, {
  slots: services.map((service) => aSlot(service, 'blue')),
  sharedChart,
})

describe('the first deploy', () => {
  it('writes chart and values of each slot, and one chart of all services', () => {
    expect([...first.keys()].sort()).toEqual([
      'local/order/blue/Chart.yaml',
      `local/order/blue/charts/shop-slot-${aChart.hash}/Chart.yaml`,
      'local/order/blue/values.yaml',
      'local/payment/blue/Chart.yaml',
      `local/payment/blue/charts/shop-slot-${aChart.hash}/Chart.yaml`,
      'local/payment/blue/values.yaml',
      'local/services/Chart.yaml',
      `local/services/charts/shop-service-${sharedChart.hash}/Chart.yaml`,
      'local/services/values.yaml',
    ])
  })

  it('is what a person reads', () => {
    expect(textOf(first, 'local/order/blue/Chart.yaml')).toBe(`apiVersion: v2
name: order-blue
version: "1.0.0"
dependencies:
  - name: shop-slot
    version: "1.0.0"
`)
    expect(textOf(first, 'local/services/values.yaml')).toBe(`global:
  selectors:
    order:
      stable: null
      preview: null
    payment:
      stable: null
      preview: null
order:
  shopctl:
    system: shop
    service: order
    ports:
      stable: http
      preview: 8081
marks:
  order:
    rendered: "12345678"
  payment:
    rendered: "12345678"
payment:
  shopctl:
    system: shop
    service: payment
    ports:
      stable: http
      preview: 8081
`)
  })

  it('is read back', () => {
    expect(stateOf(treeOf(first))).toMatchObject({
      slots: {
        order: {
          blue: {
            color: 'blue',
            revision: '5f2a9c01aa',
            version: '1.2.3',
            digest: `sha256:${'5f2a9c01aa'.padEnd(64, '0')}`,
            chart: { name: 'shop-slot', version: '1.0.0', hash: aChart.hash },
            values: { replicas: 2 },
            marks: { revision: '5f2a9c01aa', checked: 'c0ffee', shared: '12345678' },
          },
          green: null,
        },
      },
      services: { order: { stable: null, preview: null, marks: { rendered: '12345678' } } },
    })
  })
})

it('a release of one service with the same chart changes at most 6 lines of one file', () => {
  const next = aSlot('order', 'blue', { version: '1.2.4', revision: '0123456789', shared: false })
  const { write, remove } = changesOf(treeOf(first), { slots: [next] })
  expect(remove).toEqual([])
  expect([...write.keys()]).toEqual(['local/order/blue/values.yaml'])
  const text = String(write.get('local/order/blue/values.yaml'))
  const lines = changedLines(textOf(first, 'local/order/blue/values.yaml'), text)
  const added = lines
    .filter((line) => line.startsWith('+'))
    .map((line) => line.split(':')[0]?.trim())
  expect(added).toEqual(['+    image', '+    version', '+    revision', '+  revision'])
  expect(lines.length - added.length).toBe(added.length)
})

it('the same deploy again changes nothing', () => {
  const slots = services.map((service) => aSlot(service, 'blue'))
  expect(changesOf(treeOf(first), { slots, sharedChart })).toEqual({ write: new Map(), remove: [] })
})

describe('a move', () => {
  const to = { color: 'blue', revision: '5f2a9c01aa' } as const
  const move = { service: 'order', which: 'stable', to, release: 'r-41' } as const

  it('changes the lines of its selector only', () => {
    const moved = after(first, { moves: [move] })
    const path = 'local/services/values.yaml'
    expect(changedLines(textOf(first, path), textOf(moved, path))).toEqual([
      '+      stable:',
      '+        color: blue',
      '+        revision: "5f2a9c01aa"',
      '+        release: r-41',
    ])
    const again = { ...move, to: { ...to, color: 'green' }, release: 'r-42' } as const
    expect(
      changedLines(textOf(moved, path), textOf(after(moved, { moves: [again] }), path)),
    ).toEqual([
      '-        color: blue',
      '-        release: r-41',
      '+        color: green',
      '+        release: r-42',
    ])
    expect(stateOf(treeOf(moved)).services.order).toMatchObject({
      stable: { ...to, release: 'r-41' },
    })
    expect(stateOf(treeOf(moved)).services.payment).toMatchObject({ stable: null })
  })

  it('of all services and both pointers is one file', () => {
    const moves = services.flatMap((service) =>
      (['stable', 'preview'] as const).map((which) => ({ ...move, service, which, release: null })),
    )
    const { write } = changesOf(treeOf(first), { moves })
    expect([...write.keys()]).toEqual(['local/services/values.yaml'])
    const { services: state } = stateOf(treeOf(applied(first, { write, remove: [] })))
    for (const service of services)
      expect(state[service]).toMatchObject({ stable: { ...to, release: null }, preview: to })
  })
})

it('a removed slot keeps its folder, without chart and values', () => {
  const removed = after(first, { removals: [{ service: 'order', color: 'blue' }] })
  const left = [...removed].filter(([path]) => path.startsWith('local/order/'))
  expect(left).toEqual([
    ['local/order/blue/Chart.yaml', 'apiVersion: v2\nname: order-blue\nversion: "1.0.0"\n'],
    ['local/order/blue/values.yaml', ''],
  ])
  expect(stateOf(treeOf(removed)).slots.order?.blue).toBe('removed')
  const again = after(removed, { slots: [aSlot('order', 'blue')] })
  expect(stateOf(treeOf(again)).slots).toEqual(stateOf(treeOf(first)).slots)
})

it('a slot that never was is not removed', () => {
  const removals = [{ service: 'order', color: 'green' }] as const
  expect(changesOf(treeOf(first), { removals })).toEqual({ write: new Map(), remove: [] })
})

describe('another chart', () => {
  const files = [{ path: 'Chart.yaml', content: Buffer.from('name: web\nversion: 2.1.0\n') }]
  const web = vendor(files, 'charts/web')

  it('takes the place of the one before, in the same commit', () => {
    const changes = changesOf(treeOf(first), {
      slots: [aSlot('order', 'blue', { chart: web, shared: false })],
    })
    expect(changes.remove).toEqual([`local/order/blue/charts/shop-slot-${aChart.hash}`])
    expect([...changes.write.keys()].sort()).toEqual([
      'local/order/blue/Chart.yaml',
      `local/order/blue/charts/web-${web.hash}/Chart.yaml`,
      'local/order/blue/values.yaml',
    ])
    const state = stateOf(treeOf(applied(first, changes)))
    expect(state.slots.order?.blue).toMatchObject({ chart: { name: 'web', version: '2.1.0' } })
  })

  it('of the Services is that of all services', () => {
    const next = vendor(
      [{ path: 'Chart.yaml', content: Buffer.from('name: shop-service\nversion: 2.1.0\n') }],
      'charts/shop-service',
    )
    const changed = after(first, { slots: [aSlot('order', 'blue')], sharedChart: next })
    const text = textOf(changed, 'local/services/Chart.yaml')
    expect(text.match(/version: "2\.1\.0"/g)).toHaveLength(2)
    expect(text).toMatch(/alias: order[\s\S]*alias: payment/)
    expect([...changed.keys()].filter((path) => path.startsWith('local/services/charts/'))).toEqual(
      [`local/services/charts/shop-service-${next.hash}/Chart.yaml`],
    )
  })
})

it('what a person added stays', () => {
  const path = 'local/order/blue/values.yaml'
  const text = textOf(first, path).replace('  replicas: 2\n', '  replicas: 2 # the least\n')
  const commented = new Map([...first, [path, `# Ask Jane first.\n${text}`]])
  const next = aSlot('order', 'blue', { version: '1.2.4', shared: false })
  const lines = changedLines(
    textOf(commented, path),
    textOf(after(commented, { slots: [next] }), path),
  )
  expect(lines).toEqual(['-    version: "1.2.3"', '+    version: "1.2.4"'])
})

it('a file with DOS line ends keeps them', () => {
  const path = 'local/services/values.yaml'
  const dos = new Map([...first, [path, textOf(first, path).replaceAll('\n', '\r\n')]])
  const to = { color: 'blue', revision: '1' } as const
  const moved = after(dos, { moves: [{ service: 'order', which: 'stable', to, release: null }] })
  expect(textOf(moved, path)).not.toMatch(/[^\r]\n/)
  expect(stateOf(treeOf(moved)).services.order?.stable).toEqual({ ...to, release: null })
})

it.each(['services', 'global', 'marks', 'tags'])('a service cannot be named %s', (service) => {
  expect(() => changesOf(treeOf(none), { slots: [aSlot(service, 'blue')] })).toThrow(
    `no place for a service named ${service}`,
  )
})

describe('a file that somebody edited is refused with its place:', () => {
  const values = 'local/order/blue/values.yaml'
  const selectors = 'local/services/values.yaml'
  it.each<[string, string, (text: string) => string, RegExp]>([
    ['broken YAML', values, (text) => `${text}a: [\n`, /blue\/values\.yaml:\d+:\d+: /],
    ['a list', values, () => '- a\n', /blue\/values\.yaml:1:1: expected a map/],
    [
      'a merge conflict',
      selectors,
      (text) => text.replace('order:', '<<<<<<< HEAD\norder:\n=======\n>>>>>>> other'),
      /services\/values\.yaml:6:1: it has the markers of a merge conflict/,
    ],
    [
      'a revision without quotes',
      values,
      (text) => text.replace('    revision: "5f2a9c01aa"', '    revision: 1234567890'),
      /values\.yaml:\d+:5: shop-slot\.shopctl\.revision: expected text/,
    ],
    [
      'no image',
      values,
      (text) => text.replace(/ *image: .*\n/, ''),
      /values\.yaml:\d+:3: shop-slot\.shopctl\.image: expected text/,
    ],
    ['no slot', values, () => 'marks: {}\n', /values\.yaml:1:1: shop-slot: it is missing/],
    [
      'a mark that is a number',
      values,
      (text) => text.replace('checked: c0ffee', 'checked: 12e4'),
      /values\.yaml:\d+:3: marks\.checked: expected text, in quotes/,
    ],
    [
      'another color',
      selectors,
      (text) => text.replace('stable: null', 'stable: { color: red, revision: "1" }'),
      /values\.yaml:4:17: global\.selectors\.order\.stable\.color: expected blue or green/,
    ],
    [
      'text for a selector',
      selectors,
      (text) => text.replace('stable: null', 'stable: blue'),
      /values\.yaml:4:7: global\.selectors\.order\.stable: expected a map or null/,
    ],
    [
      'text for all selectors',
      selectors,
      (text) => text.replace(/selectors:\n( {4}.*\n)+/, 'selectors: none\n'),
      /values\.yaml:2:3: global\.selectors: expected a map/,
    ],
    [
      'another dependency',
      'local/order/blue/Chart.yaml',
      (text) => text.replace('shop-slot', 'web'),
      /blue\/Chart\.yaml:1:1: its dependency is web, but local\/order\/blue\/charts has other charts/,
    ],
    [
      'a dependency without version',
      'local/order/blue/Chart.yaml',
      (text) => text.replace(/ {4}version: .*\n/, ''),
      /Chart\.yaml:\d+:5: dependencies\.0: expected the texts/,
    ],
  ])('%s', (_, path, change, message) => {
    const files = new Map([...first, [path, change(textOf(first, path))]])
    expect(() => stateOf(treeOf(files))).toThrow(message)
  })
})
