// The config repo renders what the charts render by themselves, with the real helm.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { selectorOf } from '../../../src/adapters/kubernetes/objects.ts'
import { createShell } from '../../../src/adapters/shell.ts'
import { changesOf, type SlotInput } from '../../../src/drivers/gitops/changes.ts'
import { readYamlFile, writeYaml } from '../../../src/drivers/gitops/yaml.ts'
import { colors } from '../../../src/release/slot.ts'
import { edgeOf, helm, serviceValues, slotValues } from '../../charts/helm.ts'
import { applied } from '../../fakes/config-repo.ts'
import { aSlot, charts, treeOf, unpack, vendored } from './tree.ts'

const shell = createShell()
let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'render-'))
})
afterEach(() => rm(root, { recursive: true }))

async function template(name: string, chart: string, files: string[] = [], values?: object) {
  const text = await shell.check({
    program: helm(),
    args: [
      ...['template', name, chart, '--namespace', 'shop'],
      ...files.flatMap((file) => ['--values', file]),
      ...(values ? ['--values', '-'] : []),
    ],
    env: { KUBECONFIG: '/dev/null' },
    input: JSON.stringify(values ?? {}),
  })
  return text
    .split(/^---\n/m)
    .map((part) => part.replaceAll(/^# Source: .*\n/gm, '').trim())
    .filter((part) => part !== '')
    .sort()
}

async function input(service: string, color: 'blue' | 'green', folder: string, files: string[]) {
  const write = aSlot(service, color).write
  const values = await Promise.all(
    files.map(async (file) => readYamlFile(await readFile(file, 'utf8'), file).values),
  )
  return { write, chart: await vendored(folder), values } satisfies SlotInput
}

describe.each([
  ['order', ['local', 'test']],
  ['inventory', []],
  ['payment', []],
  ['notification', ['local', 'test']],
])('%s', (service, special) => {
  const cases = [[], ...special.map((env) => [`${env}/${service}.yaml`])].flatMap((more) =>
    colors.map((color) => ({ color, files: [`${service}.yaml`, ...more] })),
  )
  it.each(cases)('$color is rendered alike with $files', async ({ color, files }) => {
    const paths = files.map((file) => join(charts, 'values', file))
    const chart = join(charts, 'shop-slot')
    const slot = await input(service, color, chart, paths)
    const values = slotValues(service, color)
    const changes = changesOf(treeOf(new Map()), {
      slots: [{ ...slot, write: { ...slot.write, values, shared: null } }],
    })
    await unpack(changes.write, root)
    const name = `${service}-${color}`
    const expected = await template(name, chart, paths, values)
    expect(expected.length).toBeGreaterThan(2)
    expect(await template(name, join(root, 'local', service, color))).toEqual(expected)
  })
})

it('the shared objects of all services are rendered alike, but for the selectors', async () => {
  const names = ['order', 'inventory', 'payment', 'notification']
  const chart = join(charts, 'shop-service')
  const valuesOf = (service: string) => ({
    ...serviceValues(service),
    ...(service === 'order' ? edgeOf('local/order.yaml') : {}),
  })
  const slots = names.map((service): SlotInput => {
    const slot = aSlot(service, 'green')
    const shared = { values: valuesOf(service), marks: {} }
    return { ...slot, write: { ...slot.write, shared } }
  })
  const changes = changesOf(treeOf(new Map()), { slots, sharedChart: await vendored(chart) })
  await unpack(changes.write, root)
  const rendered = await template('services', join(root, 'local/services'))
  const expected = await Promise.all(names.map((name) => template(name, chart, [], valuesOf(name))))
  const selector = /\n {2}selector:\n(?: {4}.*(?:\n|$)){4}/g
  expect(rendered.map((part) => part.replace(selector, '').trim()).sort()).toEqual(
    expected.flat().sort(),
  )
})

describe('a Service', () => {
  const green = { color: 'green', revision: '12e4567890' } as const
  it.each([
    ['of a new service selects no pod', [], { selector: null, release: undefined }],
    [
      'selects the slot, and names the release',
      [{ service: 'order', which: 'stable', to: green, release: 'r-41' }],
      { selector: green, release: 'r-41' },
    ],
    [
      'selects no pod where it is said so',
      [
        { service: 'order', which: 'stable', to: green, release: 'r-41' },
        { service: 'order', which: 'stable', to: null, release: null },
      ],
      { selector: null, release: undefined },
    ],
  ] as const)('%s', async (_, moves, { selector, release }) => {
    const slots = [aSlot('order', 'green'), aSlot('payment', 'blue')]
    const chart = await vendored(join(charts, 'shop-service'))
    let files = applied(new Map(), changesOf(treeOf(new Map()), { slots, sharedChart: chart }))
    for (const move of moves) files = applied(files, changesOf(treeOf(files), { moves: [move] }))
    await unpack(files, root)
    const rendered = await template('services', join(root, 'local/services'))
    const service = rendered
      .map(
        (part) => readYamlFile(part, 'rendered').values as Record<string, Record<string, unknown>>,
      )
      .find(({ kind, metadata }) => String(kind) === 'Service' && metadata?.name === 'order')
    expect(service?.spec?.selector).toEqual(selectorOf('order', selector))
    expect(service?.metadata?.annotations).toEqual(
      release === undefined ? undefined : { 'shopctl.dev/release': release },
    )
  })
})

describe("somebody's own chart", () => {
  const files: Record<string, string> = {
    'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 0.1.0-rc.1\nappVersion: "7"\n',
    'values.yaml': 'a: { b: 1, c: 2 }\nenabled: yes\nmode: 0644\nports: [1, 2]\n',
    'values.schema.json': JSON.stringify({
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(
        ['shopctl', 'a', 'enabled', 'mode', 'ports', 'odd', 'tags', 'none', 'inner'].map((key) => [
          key,
          {},
        ]),
      ),
    }),
    'templates/_helpers.tpl': '{{ define "name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}',
    'templates/all.yaml': [
      'kind: All',
      'name: {{ include "name" . }}',
      'chart: {{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Chart.AppVersion }}',
      'values: {{ omit .Values "global" "none" | toJson }}',
      'file: {{ .Files.Get "files/a.txt" | quote }}',
      'sum: {{ include (print $.Template.BasePath "/other.yaml") . | sha256sum }}',
    ].join('\n'),
    'templates/other.yaml': 'kind: Other\nisNull: {{ eq .Values.none nil }}\n',
    'templates/other.yaml.orig': 'kind: Old\n',
    'templates/.#all.yaml': 'kind: Draft\n',
    'templates/notes/draft.yaml': 'kind: Draft\n',
    '.helmignore': '# what editors leave\n*.orig\nnotes/\n',
    'files/a.txt': 'a\n',
    'charts/inner/Chart.yaml': 'apiVersion: v2\nname: inner\nversion: 1.0.0\n',
    'charts/inner/templates/inner.yaml': 'kind: Inner\nname: {{ .Chart.Name }}\n',
  }
  const odd = `
odd: ["12:30", 12:30:00, 2001-01-01, 0o17, 1_000, 010, 1e3, on, ~, "012", "1e3", "", " a ", "a: b", "x\\ny\\n"]
a: { b: null }
none: null
ports: [3]
`
  it.each([
    ['by itself', ''],
    ['with values over its own', 'a: { c: 3 }\nenabled: no\n'],
    ['with values that look like others', odd],
  ])('is rendered alike %s', async (_, values) => {
    const folder = join(root, 'charts/web')
    await unpack(new Map(Object.entries(files)), folder)
    await writeFile(join(root, 'values.yaml'), values)
    const slot = await input('order', 'green', folder, [join(root, 'values.yaml')])
    const changes = changesOf(treeOf(new Map()), { slots: [slot] })
    await unpack(changes.write, root)
    const expected = await template(
      'order-green',
      folder,
      [join(root, 'values.yaml')],
      slot.write.values,
    )
    expect(expected.filter((part) => part.includes('Draft') || part.includes('Old'))).toEqual([])
    expect(expected).toHaveLength(3)
    expect(await template('order-green', join(root, 'local/order/green'))).toEqual(expected)
  })

  it('brings packed dependencies along', async () => {
    const folder = join(root, 'charts/web')
    const { inner, outer } = Object.groupBy(Object.entries(files), ([path]) =>
      path.startsWith('charts/') ? 'inner' : 'outer',
    ) as Record<'inner' | 'outer', [string, string][]>
    await unpack(new Map(outer), folder)
    await unpack(new Map(inner), root)
    await mkdir(join(folder, 'charts'))
    const args = ['package', join(root, 'charts/inner'), '--destination', join(folder, 'charts')]
    await shell.check({ program: helm(), args })
    const slot = await input('order', 'green', folder, [])
    await unpack(changesOf(treeOf(new Map()), { slots: [slot] }).write, root)
    const expected = await template('order-green', folder, [], slot.write.values)
    expect(expected).toContain('kind: Inner\nname: inner')
    expect(await template('order-green', join(root, 'local/order/green'))).toEqual(expected)
  })

  it('switches its own dependencies by tags', async () => {
    const folder = join(root, 'charts/web')
    const tagged = {
      ...files,
      'Chart.yaml': `${files['Chart.yaml']}dependencies: [{ name: inner, version: 1.0.0, tags: [extra] }]\n`,
      'values.yaml': `${files['values.yaml']}tags: { extra: false }\n`,
    }
    await unpack(new Map(Object.entries(tagged)), folder)
    const slot = await input('order', 'green', folder, [])
    await unpack(changesOf(treeOf(new Map()), { slots: [slot] }).write, root)
    const expected = await template('order-green', folder, [], slot.write.values)
    expect(expected).toHaveLength(2)
    expect(await template('order-green', join(root, 'local/order/green'))).toEqual(expected)
  })
})

it('a removed slot renders nothing', async () => {
  const first = changesOf(treeOf(new Map()), { slots: [aSlot('order', 'green')] })
  const files = applied(new Map(), first)
  const removal = changesOf(treeOf(files), { removals: [{ service: 'order', color: 'green' }] })
  await unpack(applied(files, removal), root)
  expect(await template('order-green', join(root, 'local/order/green'))).toEqual([])
})

it('helm reads values as they were written', async () => {
  const values = {
    texts: [
      'yes',
      'on',
      'y',
      'null',
      '~',
      '',
      '12e4567890',
      '0644',
      '0o17',
      '0b1',
      '12:30',
      '.5',
      '=',
      '-',
      '2001-01-01',
      '# a',
      'a #b',
      '1_0',
      'a\nb\n',
      ' a',
      'é',
      '0x1F',
      '!a',
      '&a',
      '{}',
    ],
    numbers: [0, 1.5, -3, 20000000],
    more: { yes: true, no: false, null: null, '1': [], empty: {}, nested: [{ a: [{ b: 1 }] }] },
  }
  await unpack(
    new Map([
      ['c/Chart.yaml', 'apiVersion: v2\nname: c\nversion: 1.0.0\n'],
      ['c/values.yaml', writeYaml(values)],
      ['c/templates/a.yaml', 'kind: A\nall: {{ .Values | toJson }}\n'],
    ]),
    root,
  )
  const [text = ''] = await template('c', join(root, 'c'))
  expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual(values)
})
