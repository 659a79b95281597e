// Which charts `deploy` refuses, and what comes near it: what they make must not change what serves.
import { describe, expect, it } from 'vitest'
import { checkApart, checkSlots } from '../../src/release/deploy/charts.ts'
import { checkShared, findPorts } from '../../src/release/deploy/shared.ts'
import type { AccessRule, PodTemplate } from '../../src/release/ports/cluster.ts'
import type { Manifest } from '../../src/release/ports/driver.ts'
import { isRefusal } from '../../src/release/refusal.ts'
import { type Color, slotLabels } from '../../src/release/slot.ts'
import type { OtherService } from '../../src/release/state.ts'

const revision = '5f2a9c01aa'
const image = 'registry/shop/order@sha256:1'

interface DeploymentOptions {
  name?: string
  namespace?: string
  /** Of the pods; undefined takes one away. */
  labels?: Record<string, string | undefined>
  /** What it selects by. */
  selects?: Record<string, string>
  containers?: object[]
}

function deployment(color: Color, options: DeploymentOptions = {}): Manifest {
  const { name = `order-${color}`, namespace, labels, selects, containers } = options
  const pods = { ...slotLabels('order', { color, revision }), app: 'order', ...labels }
  const matchLabels = selects ?? {
    'app.kubernetes.io/name': 'order',
    'shopctl.dev/color': color,
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...(namespace && { namespace }) },
    spec: {
      selector: { matchLabels },
      template: {
        metadata: { labels: JSON.parse(JSON.stringify(pods)) },
        spec: {
          containers: containers ?? [{ name: 'order', image, ports: [{ containerPort: 80 }] }],
        },
      },
    },
  }
}

/** A workload beside the slot's Deployment. */
function helper(kind: string, color: Color, labels: object): Manifest {
  const template = { metadata: { labels }, spec: { containers: [] } }
  const spec = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template }
  const apiVersion = kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
  const name = `order-${color}-helper`
  if (kind === 'Pod') return { apiVersion: 'v1', kind, metadata: { name, labels: { ...labels } } }
  return { apiVersion, kind, metadata: { name }, spec }
}

function service(
  name: string,
  selector: unknown,
  more: { namespace?: string; spec?: object } = {},
) {
  const { namespace, spec } = more
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...(namespace && { namespace }) },
    spec: { ...(selector !== undefined && { selector }), ports: [{ port: 80 }], ...spec },
  }
}

function object(kind: string, name: string, more: { namespace?: string; group?: string } = {}) {
  const { namespace, group } = more
  const apiVersion = group ? `${group}/v1` : 'v1'
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) } }
}

/** What shop-service makes. */
const shared: Manifest[] = [
  object('ServiceAccount', 'order'),
  object('Role', 'order', { group: 'rbac.authorization.k8s.io' }),
  service('order', undefined),
  service('order-preview', undefined),
]

type Make = (color: Color) => Manifest[]

/** The refusal of a chart that makes this of each color. */
function check(make: Make, others: OtherService[] = []) {
  const slots = { blue: make('blue'), green: make('green') }
  return (
    checkSlots('order', slots, { revision, image }, others) ?? checkApart('order', slots, shared)
  )
}

function withSlot(more: Make): Make {
  return (color) => [...more(color), deployment(color)]
}

/** As helm orders them: much that has the name of the slot comes before its Deployment. */
const ordinary: Make = (color) => [
  object('PodDisruptionBudget', `order-${color}`, { group: 'policy' }),
  object('ServiceAccount', `order-${color}`),
  object('ConfigMap', `order-${color}`),
  deployment(color),
  object('HorizontalPodAutoscaler', `order-${color}`, { group: 'autoscaling' }),
  object('Job', `order-${color}-migrate`, { group: 'batch' }),
]

const accepted: [string, Make][] = [
  ['of a slot and what belongs to it, all named after it', ordinary],
  ['of a Deployment alone', (color) => [deployment(color)]],
  ['with a Service without selector', withSlot((color) => [service(`order-${color}`, undefined)])],
  ['with a Service of an empty selector', withSlot((color) => [service(`order-${color}`, {})])],
  ['with a Service of no selector at all', withSlot((color) => [service(`order-${color}`, null)])],
  [
    'with an ExternalName',
    withSlot((color) => [
      service(`mail-${color}`, undefined, {
        spec: { type: 'ExternalName', externalName: 'mail.example.org' },
      }),
    ]),
  ],
  [
    'with a Service of a helper',
    withSlot((color) => [
      service(`cache-${color}`, { app: 'order-cache', 'shopctl.dev/color': color }),
    ]),
  ],
  [
    'with a Service that asks for a label more than the pods have',
    withSlot((color) => [service(`order-${color}`, { app: 'order', tier: 'front' })]),
  ],
  [
    'with a Service of the same labels in another namespace',
    withSlot((color) => [service(`order-${color}`, { app: 'order' }, { namespace: 'other' })]),
  ],
  [
    'with a helper that has the labels of the service, and not the revision',
    withSlot((color) => [
      helper('StatefulSet', color, {
        'app.kubernetes.io/name': 'order',
        'shopctl.dev/color': color,
      }),
    ]),
  ],
  [
    'with a second Deployment of pods of its own',
    withSlot((color) => [
      deployment(color, {
        name: `order-${color}-worker`,
        labels: { 'app.kubernetes.io/name': 'order-worker' },
        selects: { 'app.kubernetes.io/name': 'order-worker', 'shopctl.dev/color': color },
      }),
    ]),
  ],
  [
    'with objects of one name in a namespace for each color',
    withSlot((color) => [object('ConfigMap', 'settings', { namespace: `ns-${color}` })]),
  ],
  [
    'with objects of one name and another kind, or another group',
    (color) => [
      deployment(color),
      color === 'blue'
        ? object('Certificate', 'order-tls', { group: 'cert-manager.io' })
        : object('Certificate', 'order-tls', { group: 'networking.internal.knative.dev' }),
      color === 'blue' ? object('ConfigMap', 'settings') : object('Secret', 'settings'),
    ],
  ],
  [
    'with something of the name of the service that shopctl does not make',
    (color) =>
      color === 'blue' ? [deployment(color), object('ConfigMap', 'order')] : [deployment(color)],
  ],
]

const pods = 'app.kubernetes.io/name'
const refusals: [string, string, string, Make][] = [
  ['makes nothing', 'no-slot', 'makes no Deployment order-blue.', () => []],
  [
    'names the Deployment otherwise',
    'no-slot',
    'makes no Deployment order-blue, but order',
    () => [deployment('blue', { name: 'order' })],
  ],
  [
    'names both by one color',
    'no-slot',
    'makes no Deployment order-green, but order-blue',
    () => [deployment('blue')],
  ],
  [
    'puts the Deployment elsewhere',
    'no-slot',
    'makes no Deployment order-blue',
    (color) => [deployment(color, { namespace: 'other' })],
  ],
  [
    'makes a StatefulSet of it',
    'no-slot',
    'makes no Deployment order-blue.',
    (color) => [{ ...deployment(color), kind: 'StatefulSet' }],
  ],
  ...Object.keys(slotLabels('order', { color: 'blue', revision })).map(
    (key): [string, string, string, Make] => [
      `leaves ${key} out of the pods`,
      'no-slot-labels',
      `lack ${key}: `,
      (color) => [deployment(color, { labels: { [key]: undefined } })],
    ],
  ),
  [
    'labels the pods with another revision',
    'no-slot-labels',
    `lack shopctl.dev/revision: ${revision}.`,
    (color) => [deployment(color, { labels: { 'shopctl.dev/revision': 'latest' } })],
  ],
  [
    'labels the pods of both with one color',
    'no-slot-labels',
    'pods of order-green lack shopctl.dev/color: green',
    (color) => [deployment(color, { labels: { 'shopctl.dev/color': 'blue' } })],
  ],
  [
    'labels the pods with another name',
    'no-slot-labels',
    `lack ${pods}: order.`,
    (color) => [deployment(color, { labels: { [pods]: 'shop-order' } })],
  ],
  [
    'has no labels on the pods',
    'no-slot-labels',
    `lack ${pods}: order, shopctl.dev/color: blue, shopctl.dev/revision: ${revision}.`,
    (color) => [{ ...deployment(color), spec: { template: {} } }],
  ],
  [
    'selects the pods of both colors',
    'no-slot-labels',
    'order-blue does not select its pods by shopctl.dev/color',
    (color) => [deployment(color, { selects: { [pods]: 'order' } })],
  ],
  [
    'selects by the other color',
    'no-slot-labels',
    'order-green does not select its pods by shopctl.dev/color',
    (color) => [deployment(color, { selects: { 'shopctl.dev/color': 'blue' } })],
  ],
  [
    'selects by what changes with each deploy',
    'slot-selects-revision',
    'order-blue selects its pods by shopctl.dev/revision',
    (color) => [deployment(color, { selects: slotLabels('order', { color, revision }) })],
  ],
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'].map(
    (kind): [string, string, string, Make] => [
      `gives the pods of a ${kind} the labels of the slot`,
      'helper-gets-traffic',
      `${kind} order-blue-helper`,
      withSlot((color) => [helper(kind, color, slotLabels('order', { color, revision }))]),
    ],
  ),
  ...(
    [
      ['without the color', () => ({ [pods]: 'order' })],
      ['by a label of the chart', () => ({ app: 'order' })],
      ['of its color', (color: Color) => ({ app: 'order', 'shopctl.dev/color': color })],
      ['of its revision', (color: Color) => ({ ...slotLabels('order', { color, revision }) })],
    ] as const
  ).map(([how, selector]): [string, string, string, Make] => [
    `makes a Service that selects the pods ${how}`,
    'chart-moves-traffic',
    'makes a Service order-blue that leads traffic to a slot',
    (color) => [...ordinary(color), service(`order-${color}`, selector(color))],
  ]),
  [
    'makes a headless Service',
    'chart-moves-traffic',
    'order-blue-headless',
    withSlot((color) => [
      service(`order-${color}-headless`, { app: 'order' }, { spec: { clusterIP: 'None' } }),
    ]),
  ],
  [
    'makes the Services of both colors one',
    'chart-moves-traffic',
    'makes a Service web',
    (color) => [service('web', { app: 'order' }), ...ordinary(color)],
  ],
  [
    'makes a Service in one color only',
    'chart-moves-traffic',
    'makes a Service web',
    (color) => [
      ...ordinary(color),
      ...(color === 'green' ? [service('web', { app: 'order' })] : []),
    ],
  ],
  [
    'makes one object for both colors',
    'shared-object',
    'makes ConfigMap settings for more than one slot',
    withSlot(() => [object('ConfigMap', 'settings')]),
  ],
  [
    'makes one object for both colors in another namespace',
    'shared-object',
    'makes ConfigMap settings',
    withSlot(() => [object('ConfigMap', 'settings', { namespace: 'other' })]),
  ],
  [
    'makes one object of two versions of its group',
    'shared-object',
    'makes HorizontalPodAutoscaler order',
    withSlot((color) => [
      {
        ...object('HorizontalPodAutoscaler', 'order'),
        apiVersion: color === 'blue' ? 'autoscaling/v1' : 'autoscaling/v2',
      },
    ]),
  ],
  [
    'makes one object of the cluster for both colors',
    'shared-object',
    'makes ClusterRole order',
    withSlot(() => [object('ClusterRole', 'order', { group: 'rbac.authorization.k8s.io' })]),
  ],
  [
    'makes an object that the other color has, in one color only',
    'shared-object',
    'makes ConfigMap order-blue',
    (color) => [
      ...ordinary(color),
      ...(color === 'green' ? [object('ConfigMap', 'order-blue')] : []),
    ],
  ],
  [
    'makes the Service that shopctl makes, without selector',
    'shared-object',
    'makes Service order for more than one slot',
    (color) => [...ordinary(color), ...(color === 'green' ? [service('order', undefined)] : [])],
  ],
  [
    'makes the account that shopctl makes',
    'shared-object',
    'makes ServiceAccount order',
    (color) => [
      ...ordinary(color),
      ...(color === 'blue' ? [object('ServiceAccount', 'order')] : []),
    ],
  ],
]

describe('a chart is taken', () => {
  it.each(accepted)('%s', (_, make) => {
    expect(check(make)).toBeNull()
  })
})

describe('a chart is refused that', () => {
  it.each(refusals)('%s: %s', (_, code, message, make) => {
    expect(check(make)).toMatchObject({
      kind: 'refusal',
      code,
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/\.$/),
    })
  })

  it('says what to write instead', () => {
    expect(
      check(() => [deployment('blue', { labels: { 'shopctl.dev/color': undefined } })]),
    ).toEqual(expect.objectContaining({ hint: expect.stringContaining('`shopctl.color`') }))
    expect(check(() => [deployment('blue', { selects: {} })])?.hint).toContain(
      '{{ .Values.shopctl.color }}',
    )
  })
})

describe('a Service of the namespace', () => {
  it.each<[string, Record<string, string>]>([
    ['without the color', { 'app.kubernetes.io/name': 'order' }],
    ['by a label of the chart', { app: 'order' }],
    ['of a color', { 'shopctl.dev/color': 'green' }],
  ])('that selects the pods %s would lead traffic to them: refused', (_, selector) => {
    expect(check(ordinary, [{ name: 'legacy', selector }])).toMatchObject({
      code: 'service-moves-traffic',
      message: expect.stringContaining('The Service legacy of the namespace'),
    })
  })

  it.each<[string, Record<string, string>]>([
    ['that selects nothing', {}],
    ['of another service', { 'app.kubernetes.io/name': 'payment' }],
    ['of a color of another service', { app: 'payment', 'shopctl.dev/color': 'green' }],
    ['of a revision that was there before', { app: 'order', 'shopctl.dev/revision': 'old' }],
  ])('%s is none of our business', (_, selector) => {
    expect(check(ordinary, [{ name: 'legacy', selector }])).toBeNull()
  })
})

describe('the port that takes HTTP', () => {
  const ofPorts = (...ports: [string | null, number][]) => [
    object('ConfigMap', 'order-green'),
    deployment('green', {
      containers: [
        { name: 'proxy' },
        {
          name: 'order',
          ports: ports.map(([name, containerPort]) => ({ ...(name && { name }), containerPort })),
        },
      ],
    }),
  ]
  const find = (manifests: Manifest[], port: string | number | null = null) =>
    findPorts('order', 'green', manifests, port)

  it.each<[string, [string | null, number][], string | number | null, object]>([
    [
      'is the one named http',
      [
        ['metrics', 9090],
        ['http', 80],
      ],
      null,
      { stable: 'http', preview: 'http' },
    ],
    ['is the only one, by its name', [['web', 3000]], null, { stable: 'web', preview: 'web' }],
    ['is the only one, by its number', [[null, 3000]], null, { stable: 3000, preview: 3000 }],
    [
      'is the one that shopctl.yaml names',
      [
        ['http', 80],
        ['web', 3000],
      ],
      'web',
      { stable: 'web', preview: 'web' },
    ],
    [
      'is the one whose number it names',
      [
        [null, 80],
        [null, 3000],
      ],
      3000,
      { stable: 3000, preview: 3000 },
    ],
    [
      'has a name where it has one, also by number',
      [
        ['web', 3000],
        ['b', 1],
      ],
      3000,
      { stable: 'web', preview: 'web' },
    ],
    [
      'has the preview plane beside it',
      [
        ['http', 80],
        ['preview', 81],
      ],
      null,
      { stable: 'http', preview: 'preview' },
    ],
  ])('%s', (_, ports, port, expected) => {
    expect(find(ofPorts(...ports), port)).toEqual(expected)
  })

  it.each<[string, [string | null, number][], string | number | null, string]>([
    ['there is none', [], null, 'offer none.'],
    [
      'none of two is named http',
      [
        ['web', 80],
        [null, 81],
      ],
      null,
      'offer web (80), 81.',
    ],
    ['the one that was named is not there', [['http', 80]], 'web', 'offer http (80), and not web.'],
    ['no port has that number', [['http', 80]], 8080, 'offer http (80), and not 8080.'],
    ['a name is asked for by its number in quotes', [['http', 80]], '80', 'and not 80.'],
  ])('cannot be told where %s', (_, ports, port, message) => {
    const found = find(ofPorts(...ports), port)
    expect(found).toMatchObject({
      code: 'no-port',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('services.order.port'),
    })
    expect(isRefusal(found)).toBe(true)
  })

  it('is one of the slot, whatever other workloads the chart has', () => {
    const containers = [{ name: 'cache', ports: [{ name: 'http', containerPort: 6379 }] }]
    const other = deployment('green', { name: 'order-green-cache', containers })
    expect(find([other, ...ofPorts(['web', 3000])])).toEqual({ stable: 'web', preview: 'web' })
    expect(find([other])).toMatchObject({ code: 'no-slot' })
  })
})

describe('what the slots share', () => {
  const live: PodTemplate = {
    ports: [
      { name: 'http', number: 8080 },
      { name: null, number: 9090 },
    ],
    serviceAccount: 'order',
    labels: {},
  }
  const follow = { resources: ['services'], resourceNames: ['order'], verbs: ['get', 'watch'] }
  const withRole = (rules: AccessRule[], account = 'order'): Manifest[] => [
    object('ServiceAccount', account),
    { ...object('Role', 'order', { group: 'rbac.authorization.k8s.io' }), rules },
  ]
  const leading = (targetPort?: string | number): Manifest[] => [
    service('order', undefined, {
      spec: { ports: [{ port: 80, ...(targetPort !== undefined && { targetPort }) }] },
    }),
  ]

  it.each<[string, Manifest[], PodTemplate]>([
    ['leads to a port by name', leading('http'), live],
    ['leads to a port by number', leading(9090), live],
    ['leads to a named port by its number', leading(8080), live],
    ['leads to its own port', leading(), { ...live, ports: [{ name: null, number: 80 }] }],
    ['has no Service', [], live],
  ])('is written when it %s of the live pods', (_, manifests, template) => {
    expect(checkShared('order', manifests, template, [])).toBeNull()
  })

  it.each<[string, Manifest[]]>([
    ['a name', leading('web')],
    ['a number', leading(3000)],
    ['its own number', leading()],
  ])('is refused when the live pods lack the port that it leads to by %s', (_, manifests) => {
    expect(checkShared('order', manifests, live, [])).toMatchObject({
      code: 'live-lacks-port',
      message: expect.stringContaining('The Service order would lead to the port'),
      hint: expect.stringContaining('shopctl release --service order'),
    })
  })

  it.each<[string, AccessRule[]]>([
    ['a verb', [{ ...follow, verbs: ['get'] }]],
    ['an object', [{ ...follow, resourceNames: ['payment'] }]],
    ['a resource', [{ ...follow, resources: ['secrets'] }]],
    ['everything', []],
  ])('is refused when it would take %s from the pods that serve', (_, rules) => {
    expect(checkShared('order', withRole(rules), live, [follow])).toMatchObject({
      code: 'live-lacks-right',
      message: expect.stringMatching(/lose the right to (get|watch) services order\./),
    })
  })

  it.each<[string, Manifest[], PodTemplate, AccessRule[]]>([
    ['keeps every right', withRole([follow]), live, [follow]],
    ['gives more', withRole([{ ...follow, verbs: ['get', 'list', 'watch'] }]), live, [follow]],
    [
      'says the same in two rules',
      withRole([
        { ...follow, verbs: ['watch'] },
        { ...follow, verbs: ['get'] },
      ]),
      live,
      [follow],
    ],
    [
      'takes nothing from an account that nobody runs as',
      withRole([]),
      { ...live, serviceAccount: 'own' },
      [follow],
    ],
    [
      'takes nothing from pods without an account',
      withRole([]),
      { ...live, serviceAccount: null },
      [follow],
    ],
    ['had given nothing', withRole([]), live, []],
  ])('is written when it %s', (_, manifests, template, rules) => {
    expect(checkShared('order', manifests, template, rules)).toBeNull()
  })
})
