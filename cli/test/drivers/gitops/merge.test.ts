// What a merge in the config repo would do, and what no merge may do.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type ChangeInput, changesOf } from '../../../src/drivers/gitops/changes.ts'
import { vendor } from '../../../src/drivers/gitops/chart.ts'
import { mergeOf } from '../../../src/drivers/gitops/merge/merge.ts'
import { type CommitFiles, chartFiles } from '../../../src/drivers/gitops/merge/sides.ts'
import type { Target } from '../../../src/release/slot.ts'
import { applied, type Files } from '../../fakes/config-repo.ts'
import { aSlot, sharedChart, treeOf } from './tree.ts'

const services = ['order', 'payment']
const blue: Target = { color: 'blue', revision: 'aaaaaaaaaa' }
const green: Target = { color: 'green', revision: 'bbbbbbbbbb' }

/** Blue is live since r-1, and green was deployed. */
const main = changed(new Map(), {
  slots: services.flatMap((service) =>
    [blue, green].map(({ color, revision }) => aSlot(service, color, { revision })),
  ),
  sharedChart,
  moves: services.flatMap((service) => [
    { service, which: 'stable', to: blue, release: 'r-1' },
    { service, which: 'preview', to: green, release: null },
  ]),
})

function changed(files: Files, input: ChangeInput): Files {
  return applied(files, changesOf(treeOf(files), input))
}

/** As somebody edits files by hand. null: it is removed. */
function edited(
  files: Files,
  edits: Readonly<Record<string, ((text: string) => string) | string | null>>,
): Files {
  const result = new Map(files)
  for (const [path, edit] of Object.entries(edits)) {
    if (edit === null) {
      for (const file of files.keys())
        if (file === path || file.startsWith(`${path}/`)) result.delete(file)
      continue
    }
    const before = String(files.get(path) ?? '')
    const after = typeof edit === 'string' ? edit : edit(before)
    expect(after, path).not.toBe(before)
    result.set(path, after)
  }
  return result
}

function sideOf(files: Files): CommitFiles {
  const hash = (content: string | Uint8Array) => createHash('sha1').update(content).digest('hex')
  const hashes = new Map([...files].map(([path, content]) => [path, hash(content)]))
  return { tree: treeOf(files), hashes }
}

function merge(after: Files, before: Files = main) {
  const sides = { from: sideOf(before), to: sideOf(after) }
  const charts = new Map(
    chartFiles(sides).map((path) => {
      const content = Buffer.from(after.get(path) ?? '')
      return [path, content.includes(0) ? null : content]
    }),
  )
  return mergeOf({ ...sides, services, charts })
}

/** `file:line:column: message` */
function refusals(after: Files, before: Files = main): string[] {
  return merge(after, before).refusals.map(
    ({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`,
  )
}

const values = 'local/services/values.yaml'
const greenValues = 'local/order/green/values.yaml'
const blueValues = 'local/order/blue/values.yaml'
const replace = (from: string | RegExp, to: string) => (text: string) => text.replace(from, to)

/** Moves order by hand. */
const flip = (color: string, revision: string) => (text: string) =>
  text.replace(
    /(order:\n {6}stable:\n {8}color: )blue(\n {8}revision: )\S+/,
    `$1${color}$2${revision}`,
  )

describe('a merge that may be', () => {
  it('changes nothing', () => {
    expect(merge(main)).toEqual({ slots: [], moves: [], refusals: [], notes: [] })
  })

  it('changes comments and marks', () => {
    const after = edited(main, {
      [blueValues]: (text) => `# Ours\n${text.replace('c0ffee', 'decaf')}`,
    })
    expect(merge(after)).toEqual({ slots: [], moves: [], refusals: [], notes: [] })
  })

  it('is a deploy to the standby', () => {
    const chart = vendor(
      [{ path: 'Chart.yaml', content: Buffer.from('name: shop-slot\nversion: 1.1.0\n') }],
      'charts/shop-slot',
    )
    const revision = 'cccccccccc'
    const slot = aSlot('order', 'green', { revision, version: '2.0.0', chart })
    const input = [{ replicas: 3, config: { LEVEL: 'debug', MORE: 'x' }, resources: { cpu: 1 } }]
    const found = merge(
      changed(main, {
        slots: [{ ...slot, values: input }],
        sharedChart,
        moves: [
          { service: 'order', which: 'preview', to: { color: 'green', revision }, release: null },
        ],
      }),
    )
    expect(found.refusals).toEqual([])
    expect(found.slots).toEqual([
      {
        ...{ service: 'order', color: 'green', action: 'changed', live: false },
        version: { from: '1.2.3', to: '2.0.0' },
        image: {
          from: `sha256:${green.revision.padEnd(64, '0')}`,
          to: `sha256:${revision.padEnd(64, '0')}`,
        },
        revision: { from: green.revision, to: revision },
        chart: {
          from: expect.stringMatching(/^shop-slot 1\.0\.0 [0-9a-f]{12}$/),
          to: expect.stringMatching(/^shop-slot 1\.1\.0 [0-9a-f]{12}$/),
        },
        replicas: { from: '2', to: '3' },
        config: ['LEVEL', 'MORE'],
        values: ['resources'],
      },
    ])
    const to = { color: 'green', revision }
    expect(found.moves).toEqual([
      { service: 'order', which: 'preview', from: green, to, release: null },
    ])
  })

  it('is a switch of one service by hand, which names what it leaves behind', () => {
    const found = merge(edited(main, { [values]: flip('green', green.revision) }))
    expect(found).toEqual({
      slots: [],
      moves: [{ service: 'order', which: 'stable', from: blue, to: green, release: 'r-1' }],
      refusals: [],
      notes: ['order went live in r-1 together with payment.'],
    })
  })

  it('is a switch of all services', () => {
    const moves = services.map((service) => ({
      ...{ service, which: 'stable' as const, to: green, release: 'r-2' },
    }))
    expect(merge(changed(main, { moves }))).toMatchObject({ refusals: [], notes: [] })
  })

  it('is a cleanup of the standby', () => {
    const removals = [{ service: 'order', color: 'green' as const }]
    const found = merge(changed(main, { removals }))
    expect(found).toMatchObject({
      slots: [{ action: 'removed', service: 'order', color: 'green', live: false }],
      refusals: [],
    })
  })

  it.each([
    ['the number of pods', blueValues, replace('replicas: 2', 'replicas: 5')],
    [
      'an autoscaler',
      blueValues,
      replace('replicas: 2', 'replicas: 2\n  autoscaling: { maxReplicas: 9 }'),
    ],
  ])('changes %s of the live slot', (_, file, edit) => {
    expect(refusals(edited(main, { [file]: edit }))).toEqual([])
  })

  it('names replicas that are no number as they are', () => {
    const { slots } = merge(
      edited(main, { [greenValues]: replace('replicas: 2', 'replicas: { most: 5 }') }),
    )
    expect(slots[0]?.replicas).toEqual({ from: '2', to: '{"most":5}' })
  })

  it('begins an environment', () => {
    const begun = { slots: [{ service: 'order', color: 'blue' as const }], argocd: 'kind: x\n' }
    const found = merge(changed(new Map(), { begun }), new Map())
    expect(found).toEqual({
      ...{ slots: [], moves: [], refusals: [] },
      notes: [
        'local/argocd.yaml changes. Argo CD does not follow it: an administrator applies it.',
      ],
    })
  })

  it('repairs what is broken on main, live or not', () => {
    for (const file of [blueValues, greenValues, values]) {
      const broken = edited(main, { [file]: 'a: [\n' })
      expect(refusals(main, broken), file).toEqual([])
    }
  })
})

const live = 'is live, and cannot change'
const chartOf = (slot: string) =>
  [...main.keys()].find((path) => path.startsWith(`local/order/${slot}/charts/`)) ?? ''

describe('a merge that must not be', () => {
  it.each<[string, Parameters<typeof edited>[1], string[]]>([
    [
      'changes the configuration of the live slot',
      { [blueValues]: replace('LEVEL: info', 'LEVEL: debug') },
      [`${blueValues}:4:5: order blue ${live}: config.LEVEL. Change green, then move the Service.`],
    ],
    [
      'changes what helm reads beside the values of the live slot',
      { [blueValues]: (text: string) => `${text}global: { a: 1 }\n` },
      [`${blueValues}:1:1: order blue ${live}: global. Change green, then move the Service.`],
    ],
    [
      'changes the image of the live slot',
      { [blueValues]: replace(/@sha256:a{10}/, '@sha256:dddddddddd') },
      [`${blueValues}:9:5: order blue ${live}: image. Change green, then move the Service.`],
    ],
    [
      'removes the live slot',
      { [blueValues]: '{}\n', 'local/order/blue/Chart.yaml': replace(/dependencies:.*/s, '') },
      [
        'local/order/blue/Chart.yaml:1:1: order blue is live, and cannot be removed. Change green, then move the Service.',
      ],
    ],
    [
      'deletes the folder of the live slot',
      { 'local/order/blue': null },
      [
        'local/order/blue/Chart.yaml:1:1: order blue is live, and cannot be removed. Change green, then move the Service.',
      ],
    ],
    [
      'moves a Service away from a slot that it changes',
      { [values]: flip('green', green.revision), [blueValues]: replace('info', 'debug') },
      [
        `${blueValues}:4:5: order blue is live until this is merged, and cannot change: config.LEVEL. Move the Service first, in a merge of its own.`,
      ],
    ],
    [
      'moves a Service to a slot that it changes',
      { [values]: flip('green', green.revision), [greenValues]: replace('info', 'debug') },
      [
        `${greenValues}:4:5: order green goes live with this, and cannot change: config.LEVEL. Change it first, in a merge of its own.`,
      ],
    ],
    [
      'moves a Service to the color alone',
      { [values]: flip('green', blue.revision) },
      [
        `${values}:4:7: order stable: the slot green has the revision bbbbbbbbbb, not aaaaaaaaaa: no pod would be selected.`,
      ],
    ],
    [
      'moves a Service to no slot',
      {
        [values]: replace(
          /stable:\n {8}color: blue\n {8}revision: \S+\n {8}release: r-1/,
          'stable: null',
        ),
      },
      [`${values}:4:7: order stable: no slot would be live.`],
    ],
    [
      'writes a selector that is none',
      { [values]: flip('grene', green.revision) },
      [`${values}:5:9: global.selectors.order.stable.color: expected blue or green.`],
    ],
    [
      'names an image by its tag',
      { [greenValues]: replace(/@sha256:\w+/, ':1.2.3') },
      [
        `${greenValues}:9:5: shop-slot.shopctl.image: expected a digest, as \`name@sha256:…\`: a tag can move.`,
      ],
    ],
    [
      'copies the other slot',
      { [greenValues]: replace('color: green', 'color: blue') },
      [`${greenValues}:8:5: shop-slot.shopctl.color: expected green.`],
    ],
    [
      'has values that are nonsense',
      { [greenValues]: replace('replicas: 2', 'replicas: [2') },
      [expect.stringMatching(/^local\/order\/green\/values\.yaml:\d+:\d+: .*flow/i) as string],
    ],
    [
      'leaves a merge conflict',
      { [greenValues]: replace('  replicas: 2\n', '<<<<<<< ours\n  replicas: 2\n=======\n') },
      [`${greenValues}:2:1: it has the markers of a merge conflict.`],
    ],
    [
      'changes a chart by hand',
      { [chartOf('green')]: 'name: shop-slot\nversion: 9.9.9\n' },
      [
        expect.stringMatching(
          /^local\/order\/green\/charts\/.*\/Chart\.yaml:1:1: the chart was changed by hand/,
        ) as string,
      ],
    ],
    [
      'adds a file to a chart',
      { [chartOf('green').replace('Chart.yaml', 'templates/more.yaml')]: 'kind: Pod\n' },
      [expect.stringMatching(/templates\/more\.yaml:1:1: the chart was changed by hand/) as string],
    ],
    [
      'adds a manifest beside a chart',
      { 'local/order/green/templates/more.yaml': 'kind: Pod\n' },
      [
        'local/order/green/templates/more.yaml:1:1: it belongs to no slot: `shopctl deploy` writes no such file.',
      ],
    ],
    [
      'adds a service that shopctl.yaml does not name',
      { 'local/checkout/blue/Chart.yaml': 'name: a\n', 'local/checkout/blue/values.yaml': '{}\n' },
      [
        'local/checkout/blue/Chart.yaml:1:1: shopctl.yaml names no service checkout, so Argo CD has no Application for it.',
      ],
    ],
    [
      'adds a third color',
      { 'local/order/red/values.yaml': '{}\n' },
      [
        'local/order/red/values.yaml:1:1: it belongs to no slot: `shopctl deploy` writes no such file.',
      ],
    ],
    [
      'removes a Service',
      {
        'local/services/Chart.yaml': replace(
          / {2}- name: shop-service\n.*\n {4}alias: order\n/,
          '',
        ),
      },
      [`${values}:4:7: order stable: no slot would be live.`],
    ],
    [
      'removes the chart of the Services',
      { [`local/services/charts/shop-service-${sharedChart.hash}`]: null },
      [`local/services/Chart.yaml:4:1: local/services/charts has no shop-service.`],
    ],
  ])('%s', (_, edits, expected) => {
    expect(refusals(edited(main, edits))).toEqual(expected)
  })

  it('moves a Service to a slot that was removed', () => {
    const removals = [{ service: 'order', color: 'green' as const }]
    const before = changed(main, { removals })
    const after = edited(before, { [values]: flip('green', green.revision) })
    expect(refusals(after, before)).toEqual([
      `${values}:4:7: order stable: the slot green was removed: it has no chart.`,
    ])
  })

  it('has all reasons', () => {
    const after = edited(main, {
      [blueValues]: replace('info', 'debug'),
      [greenValues]: 'a: [\n',
      'local/payment/blue': null,
    })
    expect(refusals(after)).toHaveLength(3)
  })
})

it('says what else changes the Services', () => {
  const chart = vendor(
    [{ path: 'Chart.yaml', content: Buffer.from('name: shop-service\nversion: 2.1.0\n') }],
    'charts/shop-service',
  )
  const slots = [aSlot('order', 'green', { revision: green.revision })]
  const after = changed(edited(main, { [values]: replace('stable: http', 'stable: web') }), {
    slots: slots.map((slot) => ({
      ...slot,
      write: {
        ...slot.write,
        shared: {
          values: { shopctl: { ports: { stable: 'http', preview: 8082 } } },
          marks: { rendered: '2' },
        },
      },
    })),
    sharedChart: chart,
  })
  const found = merge(after)
  expect(found.refusals).toEqual([])
  expect(found.notes).toEqual([
    expect.stringContaining('the values of the Services change: order.shopctl.'),
    'The chart of the Services changes: that is for all of them, live or not.',
  ])
})

it('says which chart cannot be checked', () => {
  const picture = chartOf('green').replace('Chart.yaml', 'logo.png')
  expect(merge(edited(main, { [picture]: 'a\0b' }))).toMatchObject({
    refusals: [],
    notes: [`The chart of ${picture} is not checked: this file is no text.`],
  })
})
