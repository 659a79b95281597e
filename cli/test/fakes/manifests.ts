// The objects of a chart as helm renders them, for the service `order`.
import { expect } from 'vitest'
import { checkApart, checkSlots } from '../../src/release/deploy/charts.ts'
import type { Manifest } from '../../src/release/ports/driver.ts'
import type { Refusal } from '../../src/release/refusal.ts'
import { type Color, slotLabels } from '../../src/release/slot.ts'
import type { OtherService } from '../../src/release/state.ts'

export const revision = '5f2a9c01aa'
export const image = 'registry/shop/order@sha256:1'

interface DeploymentOptions {
  name?: string
  namespace?: string
  /** Of the pods; undefined takes one away. */
  labels?: Record<string, string | undefined>
  /** What it selects by. */
  selects?: Record<string, string>
  containers?: object[]
}

export function deployment(color: Color, options: DeploymentOptions = {}): Manifest {
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
export function helper(kind: string, color: Color, labels: object): Manifest {
  const template = { metadata: { labels }, spec: { containers: [] } }
  const spec = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template }
  const apiVersion = kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
  const name = `order-${color}-helper`
  if (kind === 'Pod') return { apiVersion: 'v1', kind, metadata: { name, labels: { ...labels } } }
  return { apiVersion, kind, metadata: { name }, spec }
}

export function service(
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

export function object(
  kind: string,
  name: string,
  more: { namespace?: string; group?: string } = {},
) {
  const { namespace, group } = more
  const apiVersion = group ? `${group}/v1` : 'v1'
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) } }
}

/** For the pods with these labels. */
export function budget(color: Color, matchLabels: object): Manifest {
  const made = object('PodDisruptionBudget', `order-${color}`, { group: 'policy' })
  return { ...made, spec: { selector: { matchLabels } } }
}

/** For the pods that this selects. */
export function policy(color: Color, podSelector: object): Manifest {
  const made = object('NetworkPolicy', `order-${color}`, { group: 'networking.k8s.io' })
  return { ...made, spec: { podSelector } }
}

/** What shop-service makes. */
const shared: Manifest[] = [
  object('ServiceAccount', 'order'),
  object('Role', 'order', { group: 'rbac.authorization.k8s.io' }),
  service('order', undefined),
  service('order-preview', undefined),
]

export type Make = (color: Color) => Manifest[]

export function withSlot(more: Make): Make {
  return (color) => [...more(color), deployment(color)]
}

/** As helm orders them: much that has the name of the slot comes before its Deployment. */
export const ordinary: Make = (color) => [
  budget(color, { 'app.kubernetes.io/name': 'order', 'shopctl.dev/color': color }),
  object('ServiceAccount', `order-${color}`),
  object('ConfigMap', `order-${color}`),
  deployment(color),
  object('HorizontalPodAutoscaler', `order-${color}`, { group: 'autoscaling' }),
  object('Job', `order-${color}-migrate`, { group: 'batch' }),
]

/** The refusal of a chart that makes this of each color. */
export function checkChart(make: Make, others: OtherService[] = []): Refusal | null {
  const slots = { blue: make('blue'), green: make('green') }
  return (
    checkSlots('order', slots, { revision, image }, others) ?? checkApart('order', slots, shared)
  )
}

/** A chart that is refused: what it does, the code, a part of the message. */
export type Refused = [string, string, string, Make]

export function aRefusal(code: string, message: string): object {
  return {
    kind: 'refusal',
    code,
    message: expect.stringContaining(message),
    hint: expect.stringMatching(/\.$/),
  }
}
