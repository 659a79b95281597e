import type { V1Deployment } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  pointerOf,
  queryOf,
  readyEndpoints,
  selectorOf,
  slotOf,
} from '../../../src/adapters/kubernetes/objects.ts'

/** The labels of its pods define a slot. A chart is free to label the Deployment. */
function podsWith(...images: string[]) {
  return {
    metadata: {
      labels: {
        'app.kubernetes.io/name': 'order',
        'shopctl.dev/color': 'green',
        'shopctl.dev/revision': 'b',
      },
    },
    spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })) },
  }
}

function deployment(status: object, replicas = 2): V1Deployment {
  return {
    metadata: {
      generation: 3,
      annotations: {
        'shopctl.dev/version': 'v2',
        'shopctl.dev/migrations': 'm1',
        'meta.helm.sh/release-name': 'order-green',
      },
    },
    spec: { replicas, selector: {}, template: podsWith('registry/shop/order@sha256:b') },
    status: { observedGeneration: 3, ...status },
  }
}

describe('a slot', () => {
  it('is read from its Deployment', () => {
    const slot = slotOf(deployment({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 }))
    expect(slot).toEqual({
      color: 'green',
      revision: 'b',
      version: 'v2',
      digest: 'sha256:b',
      template: expect.any(String),
      replicas: 2,
      ready: 2,
      migrations: 'm1',
      settings: {},
      helmRelease: 'order-green',
      kept: false,
      declared: null,
      autoscaler: null,
    })
  })

  it('of a chart with only the labels has its digest as version', () => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
    const template = podsWith('proxy:1', `registry/order@${digest}`)
    expect(slotOf({ spec: { selector: {}, template } })).toEqual({
      color: 'green',
      revision: 'b',
      version: '0123456789ab',
      digest,
      template: expect.any(String),
      replicas: 1,
      ready: 0,
      migrations: null,
      settings: {},
      helmRelease: null,
      kept: false,
      declared: null,
      autoscaler: null,
    })
  })

  it('has the plain settings of its own container', () => {
    const container = (name: string, value: string) => ({
      name,
      env: [
        { name: 'LEVEL', value },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'order', key: 'password' } } },
      ],
    })
    const template = podsWith()
    const containers = [container('proxy', 'info'), container('order', 'debug')]
    const slot = slotOf({ spec: { selector: {}, template: { ...template, spec: { containers } } } })
    expect(slot?.settings).toEqual({ LEVEL: 'debug' })
  })

  it('has another template after a change of what its pods run, and not after a restart', () => {
    const made = (change: (pods: NonNullable<ReturnType<typeof podsWith>>) => void) => {
      const pods = podsWith('registry/shop/order@sha256:b')
      change(pods)
      return slotOf({ spec: { selector: {}, template: pods } })?.template
    }
    const before = made(() => {})
    const restarted = made(({ metadata }) =>
      Object.assign(metadata ?? {}, { annotations: { 'shopctl.dev/restarted-at': 'now' } }),
    )
    expect(restarted).toBe(before)
    const changed = made(({ spec }) =>
      Object.assign(spec?.containers[0] ?? {}, { env: [{ name: 'LEVEL', value: 'debug' }] }),
    )
    expect(changed).not.toBe(before)
  })

  it('reports whether Helm keeps it', () => {
    const slot = deployment({})
    slot.metadata = { annotations: { 'helm.sh/resource-policy': 'keep' } }
    expect(slotOf(slot)).toMatchObject({ kept: true, helmRelease: null })
  })

  const cases: [string, object, number][] = [
    [
      'counts no pod before the controller has seen the change',
      { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
      0,
    ],
    [
      'does not count pods of the revision before',
      { replicas: 4, updatedReplicas: 2, readyReplicas: 3 },
      1,
    ],
    ['is not ready while nothing is', { replicas: 2, updatedReplicas: 2 }, 0],
  ]
  it.each(cases)('%s', (_, status, ready) => {
    expect(slotOf(deployment(status))?.ready).toBe(ready)
  })

  it('is not a Deployment of another tool', () => {
    expect(slotOf({ metadata: { labels: {} } })).toBeNull()
    const template = podsWith('order@sha256:b')
    template.metadata.labels['shopctl.dev/color'] = 'red'
    expect(slotOf({ spec: { selector: {}, template } })).toBeNull()
  })
})

it('a Service without a selector of shopctl names no slot', () => {
  const metadata = { resourceVersion: '7' }
  const target = { color: 'green', revision: 'b' } as const
  expect(pointerOf({ metadata })).toEqual({ target: null, resourceVersion: '7', release: null })
  expect(pointerOf({ metadata, spec: { selector: { app: 'order' } } }).target).toBeNull()
  expect(pointerOf({ metadata, spec: { selector: selectorOf('order', target) } }).target).toEqual(
    target,
  )
  const nowhere = { selector: selectorOf('order', null) }
  expect(pointerOf({ metadata, spec: nowhere }).target).toBeNull()
})

it('a Service has the release that moved it last', () => {
  const annotations = { 'shopctl.dev/release': 'r-41' }
  expect(pointerOf({ metadata: { annotations } }).release).toBe('r-41')
})

it('only ready endpoints count', () => {
  const endpoint = (name: string, ready?: boolean) => ({
    addresses: ['10.0.0.1'],
    targetRef: { name },
    ...(ready !== undefined && { conditions: { ready } }),
  })
  const slice = {
    addressType: 'IPv4',
    endpoints: [endpoint('a', true), endpoint('b', false), endpoint('c')],
  }
  expect(readyEndpoints([slice])).toEqual(['a', 'c'])
})

it('a selector becomes a query', () => {
  expect(queryOf({ 'app.kubernetes.io/name': 'order' })).toBe(
    'labelSelector=app.kubernetes.io%2Fname%3Dorder',
  )
})
