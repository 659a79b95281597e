// What a chart makes for one slot must not reach the other, and only shopctl leads traffic to a slot.
import { describe, expect, it } from 'vitest'
import { type Color, otherColor, slotLabels } from '../../../src/release/slot.ts'
import {
  aRefusal,
  budget,
  checkChart,
  deployment,
  object,
  ordinary,
  policy,
  type Refused,
  revision,
  service,
  withSlot,
} from '../../fakes/manifests.ts'

const pods = 'app.kubernetes.io/name'

const refused: Refused[] = [
  ...(
    [
      ['without the color', () => ({ [pods]: 'order' })],
      ['by a label of the chart', () => ({ app: 'order' })],
      ['of its color', (color: Color) => ({ app: 'order', 'shopctl.dev/color': color })],
      ['of its revision', (color: Color) => ({ ...slotLabels('order', { color, revision }) })],
    ] as const
  ).map(
    ([how, selector]): Refused => [
      `makes a Service that selects the pods ${how}`,
      'chart-moves-traffic',
      'renders a Service order-blue that sends traffic to a slot',
      (color) => [...ordinary(color), service(`order-${color}`, selector(color))],
    ],
  ),
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
    'renders a Service web',
    (color) => [service('web', { app: 'order' }), ...ordinary(color)],
  ],
  [
    'makes a Service in one color only',
    'chart-moves-traffic',
    'renders a Service web',
    (color) => [
      ...ordinary(color),
      ...(color === 'green' ? [service('web', { app: 'order' })] : []),
    ],
  ],
  [
    'makes one object for both colors',
    'shared-object',
    'renders ConfigMap settings for more than one slot',
    withSlot(() => [object('ConfigMap', 'settings')]),
  ],
  [
    'makes one object for both colors in another namespace',
    'shared-object',
    'renders ConfigMap settings',
    withSlot(() => [object('ConfigMap', 'settings', { namespace: 'other' })]),
  ],
  [
    'makes one object of two versions of its group',
    'shared-object',
    'renders HorizontalPodAutoscaler order',
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
    'renders ClusterRole order',
    withSlot(() => [object('ClusterRole', 'order', { group: 'rbac.authorization.k8s.io' })]),
  ],
  [
    'makes an object that the other color has, in one color only',
    'shared-object',
    'renders ConfigMap order-blue',
    (color) => [
      ...ordinary(color),
      ...(color === 'green' ? [object('ConfigMap', 'order-blue')] : []),
    ],
  ],
  [
    'makes the Service that shopctl makes, without selector',
    'shared-object',
    'renders Service order for more than one slot',
    (color) => [...ordinary(color), ...(color === 'green' ? [service('order', undefined)] : [])],
  ],
  [
    'makes the account that shopctl makes',
    'shared-object',
    'renders ServiceAccount order',
    (color) => [
      ...ordinary(color),
      ...(color === 'blue' ? [object('ServiceAccount', 'order')] : []),
    ],
  ],
  [
    'makes a budget for both slots',
    'reaches-other-slot',
    'The PodDisruptionBudget order-blue of the chart of order',
    (color) => [deployment(color), budget(color, { [pods]: 'order' })],
  ],
  [
    'makes a budget for the other slot',
    'reaches-other-slot',
    'The PodDisruptionBudget order-blue of the chart of order',
    (color) => [deployment(color), budget(color, { 'shopctl.dev/color': otherColor(color) })],
  ],
  [
    'makes a network policy for all pods',
    'reaches-other-slot',
    'The NetworkPolicy order-blue of the chart of order',
    withSlot((color) => [policy(color, {})]),
  ],
]

describe('a chart is refused that', () => {
  it.each(refused)('%s: %s', (_, code, message, make) => {
    expect(checkChart(make)).toMatchObject(aRefusal(code, message))
  })
})

describe('a Service of the namespace', () => {
  it.each<[string, Record<string, string>]>([
    ['without the color', { 'app.kubernetes.io/name': 'order' }],
    ['by a label of the chart', { app: 'order' }],
    ['of a color', { 'shopctl.dev/color': 'green' }],
  ])('that selects the pods %s would lead traffic to them: refused', (_, selector) => {
    expect(checkChart(ordinary, [{ name: 'legacy', selector }])).toMatchObject({
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
    expect(checkChart(ordinary, [{ name: 'legacy', selector }])).toBeNull()
  })
})
