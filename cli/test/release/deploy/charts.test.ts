// Which charts of a slot are taken, and which are refused because what they make does not show its slot.
import { describe, expect, it } from 'vitest'
import { slotLabels } from '../../../src/release/slot.ts'
import {
  aRefusal,
  checkChart,
  deployment,
  helper,
  type Make,
  object,
  ordinary,
  policy,
  type Refused,
  revision,
  service,
  withSlot,
} from '../../fakes/manifests.ts'

const pods = 'app.kubernetes.io/name'

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
    'with a network policy of the slot',
    withSlot((color) => [policy(color, { matchLabels: { 'shopctl.dev/color': color } })]),
  ],
  [
    'with a network policy of a helper',
    withSlot((color) => [policy(color, { matchLabels: { app: 'order-cache' } })]),
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

const refused: Refused[] = [
  ['makes nothing', 'no-slot', 'renders no Deployment order-blue.', () => []],
  [
    'names the Deployment otherwise',
    'no-slot',
    'renders no Deployment order-blue, but order',
    () => [deployment('blue', { name: 'order' })],
  ],
  [
    'names both by one color',
    'no-slot',
    'renders no Deployment order-green, but order-blue',
    () => [deployment('blue')],
  ],
  [
    'puts the Deployment elsewhere',
    'no-slot',
    'renders no Deployment order-blue',
    (color) => [deployment(color, { namespace: 'other' })],
  ],
  [
    'makes a StatefulSet of it',
    'no-slot',
    'renders no Deployment order-blue.',
    (color) => [{ ...deployment(color), kind: 'StatefulSet' }],
  ],
  ...Object.keys(slotLabels('order', { color: 'blue', revision })).map(
    (key): Refused => [
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
    (kind): Refused => [
      `gives the pods of a ${kind} the labels of the slot`,
      'helper-gets-traffic',
      `${kind} order-blue-helper`,
      withSlot((color) => [helper(kind, color, slotLabels('order', { color, revision }))]),
    ],
  ),
  [
    'runs another image than the one that was built',
    'no-slot-image',
    'No container of order-blue runs the image that was built for order.',
    (color) => [deployment(color, { containers: [{ name: 'order', image: 'nginx:1.16.0' }] })],
  ],
]

describe('a chart is taken', () => {
  it.each(accepted)('%s', (_, make) => {
    expect(checkChart(make)).toBeNull()
  })
})

describe('a chart is refused that', () => {
  it.each(refused)('%s: %s', (_, code, message, make) => {
    expect(checkChart(make)).toMatchObject(aRefusal(code, message))
  })

  it('says what to write instead', () => {
    expect(
      checkChart(() => [deployment('blue', { labels: { 'shopctl.dev/color': undefined } })]),
    ).toEqual(expect.objectContaining({ hint: expect.stringContaining('`shopctl.color`') }))
    expect(checkChart(() => [deployment('blue', { selects: {} })])?.hint).toContain(
      '{{ .Values.shopctl.color }}',
    )
  })
})
