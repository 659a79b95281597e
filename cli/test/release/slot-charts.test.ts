// Which charts of a slot are refused: objects as helm renders them.
import { expect, test } from 'vitest'
import { checkApart, checkSlots } from '../../src/release/deploy/charts.ts'
import { findPorts } from '../../src/release/deploy/shared.ts'
import type { Manifest } from '../../src/release/ports/driver.ts'
import type { Color } from '../../src/release/slot.ts'

const wanted = { revision: '0123456789', image: 'registry/example/web@sha256:1' }

function labelsOf(color: Color) {
  return {
    'app.kubernetes.io/name': 'web',
    'shopctl.dev/color': color,
    'shopctl.dev/revision': wanted.revision,
  }
}

interface Changes {
  name?: string
  labels?: Record<string, string>
  matchLabels?: Record<string, string>
  image?: string
  ports?: object[]
}

function deployment(color: Color, changes: Changes = {}): Manifest {
  const { name = `web-${color}`, labels = labelsOf(color), image = wanted.image } = changes
  const matchLabels = changes.matchLabels ?? {
    'app.kubernetes.io/name': 'web',
    'shopctl.dev/color': color,
  }
  const ports = changes.ports ?? [{ name: 'http', containerPort: 8080 }]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image, ports }] } },
    },
  }
}

function object(kind: string, name: string, spec: object): Manifest {
  return { apiVersion: 'v1', kind, metadata: { name }, spec }
}

function check(
  make: (color: Color) => Manifest[],
  others: { name: string; selector: object }[] = [],
) {
  const slots = { blue: make('blue'), green: make('green') }
  const known = others as { name: string; selector: Record<string, string> }[]
  return checkSlots('web', slots, wanted, known) ?? checkApart('web', slots, [])
}

const name = { 'app.kubernetes.io/name': 'web' }

test('a Deployment for each slot is safe, and so is what belongs to it alone', () => {
  expect(
    check((color) => [
      deployment(color),
      object('ServiceAccount', `web-${color}`, {}),
      object('Service', `web-${color}-cache`, { selector: { 'app.kubernetes.io/name': 'cache' } }),
      object('PodDisruptionBudget', `web-${color}`, {
        selector: { matchLabels: { ...name, 'shopctl.dev/color': color } },
      }),
    ]),
  ).toBeNull()
})

const unsafe: [string, string, (color: Color) => Manifest[]][] = [
  ['the Deployment has another name', 'no-slot', (color) => [deployment(color, { name: 'web' })]],
  [
    'the pods lack the labels',
    'no-slot-labels',
    (color) => [deployment(color, { labels: { ...name, 'shopctl.dev/color': color } })],
  ],
  [
    'the Deployment selects by name only',
    'no-slot-labels',
    (color) => [deployment(color, { matchLabels: name })],
  ],
  [
    'the pods run another image',
    'no-slot-image',
    (color) => [deployment(color, { image: 'nginx:1.16.0' })],
  ],
  [
    'a second Deployment has the labels of the slot',
    'helper-gets-traffic',
    (color) => [deployment(color), deployment(color, { name: `web-${color}-worker` })],
  ],
  [
    'a Service of the name of the slot leads to it',
    'chart-moves-traffic',
    (color) => [object('Service', `web-${color}`, { selector: name }), deployment(color)],
  ],
  [
    'a budget is for both slots',
    'reaches-other-slot',
    (color) => [
      deployment(color),
      object('PodDisruptionBudget', `web-${color}`, { selector: { matchLabels: name } }),
    ],
  ],
  [
    'a network policy is for all pods',
    'reaches-other-slot',
    (color) => [deployment(color), object('NetworkPolicy', `web-${color}`, { podSelector: {} })],
  ],
  [
    'both slots share an object',
    'shared-object',
    (color) => [deployment(color), object('ConfigMap', 'web-settings', {})],
  ],
]

test.each(unsafe)('refused: %s', (_, code, make) => {
  expect(check(make)).toMatchObject({ kind: 'refusal', code })
})

test('refused: a Service of the namespace leads to the slot', () => {
  const others = [{ name: 'old-web', selector: name }]
  const refusal = check((color) => [deployment(color)], others)
  expect(refusal).toMatchObject({ kind: 'refusal', code: 'service-moves-traffic' })
})

test('only the ports of the slot count', () => {
  const cache = deployment('blue', { name: 'cache', ports: [{ name: 'http', containerPort: 1 }] })
  const slot = deployment('blue', { ports: [{ name: 'web', containerPort: 8080 }] })
  expect(findPorts('web', 'blue', [cache, slot], null)).toEqual({ stable: 'web', preview: 'web' })
  expect(findPorts('web', 'blue', [slot], 'http')).toMatchObject({ code: 'no-port' })
})
