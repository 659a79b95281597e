import type { V1Deployment } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  pointerOf,
  queryOf,
  readyEndpoints,
  selectorOf,
  slotOf,
} from '../../src/adapters/kubernetes/objects.ts'

function deployment(status: object, replicas = 2): V1Deployment {
  return {
    metadata: {
      generation: 3,
      labels: {
        'app.kubernetes.io/name': 'order',
        'shopctl.dev/color': 'green',
        'shopctl.dev/revision': 'b',
      },
      annotations: { 'shopctl.dev/version': 'v2', 'shopctl.dev/digest': 'sha256:b' },
    },
    spec: { replicas, selector: {}, template: {} },
    status: { observedGeneration: 3, ...status },
  }
}

describe('a slot', () => {
  it('is what its Deployment says', () => {
    const slot = slotOf(deployment({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 }))
    expect(slot).toEqual({
      color: 'green',
      revision: 'b',
      version: 'v2',
      digest: 'sha256:b',
      replicas: 2,
      ready: 2,
    })
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

  it('is no Deployment of somebody else', () => {
    expect(slotOf({ metadata: { labels: {} } })).toBeNull()
  })
})

it('a Service without our selector names no slot', () => {
  const metadata = { resourceVersion: '7' }
  const target = { color: 'green', revision: 'b' } as const
  expect(pointerOf({ metadata })).toEqual({ target: null, resourceVersion: '7' })
  expect(pointerOf({ metadata, spec: { selector: { app: 'order' } } }).target).toBeNull()
  expect(pointerOf({ metadata, spec: { selector: selectorOf('order', target) } }).target).toEqual(
    target,
  )
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
