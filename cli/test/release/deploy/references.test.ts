// Which Secrets and ConfigMaps the pods of a chart use, wherever a pod can name one.
import { expect, it } from 'vitest'
import { type Reference, referencesOf } from '../../../src/release/deploy/references.ts'
import type { Manifest } from '../../../src/release/ports/driver.ts'

function workload(kind: string, pod: object, metadata: object = {}): Manifest {
  const template = { spec: pod }
  const spec = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template }
  return {
    apiVersion: 'v1',
    kind,
    metadata: { name: 'order-blue', ...metadata },
    spec: kind === 'Pod' ? pod : spec,
  }
}

function secret(over: Partial<Reference> = {}): Reference {
  return { kind: 'Secret', name: 'a', optional: false, keys: [], ...over }
}

function configMap(over: Partial<Reference> = {}): Reference {
  return { ...secret(over), kind: 'ConfigMap' }
}

const inContainer = (container: object) => ({ containers: [container] })
const inVolume = (volume: object) => ({ volumes: [{ name: 'v', ...volume }] })
const items = [
  { key: 'tls.crt', path: 'crt' },
  { key: 'tls.key', path: 'key' },
]

const places: [string, object, Reference[]][] = [
  [
    'a variable',
    inContainer({ env: [{ valueFrom: { secretKeyRef: { name: 'a', key: 'url' } } }] }),
    [secret({ keys: ['url'] })],
  ],
  [
    'a variable that may be missing',
    inContainer({
      env: [{ valueFrom: { secretKeyRef: { name: 'a', key: 'u', optional: true } } }],
    }),
    [secret({ optional: true })],
  ],
  [
    'a variable of a ConfigMap',
    inContainer({ env: [{ valueFrom: { configMapKeyRef: { name: 'a', key: 'url' } } }] }),
    [configMap({ keys: ['url'] })],
  ],
  ['all variables', inContainer({ envFrom: [{ secretRef: { name: 'a' } }] }), [secret()]],
  [
    'all variables of a ConfigMap',
    inContainer({ envFrom: [{ prefix: 'X_', configMapRef: { name: 'a', optional: true } }] }),
    [configMap({ optional: true })],
  ],
  [
    'an init container',
    { initContainers: [{ envFrom: [{ secretRef: { name: 'a' } }] }], containers: [] },
    [secret()],
  ],
  ['a volume', inVolume({ secret: { secretName: 'a' } }), [secret()]],
  [
    'a volume of some keys',
    inVolume({ secret: { secretName: 'a', items } }),
    [secret({ keys: ['tls.crt', 'tls.key'] })],
  ],
  [
    'a volume that may be missing',
    inVolume({ secret: { secretName: 'a', items, optional: true } }),
    [secret({ optional: true })],
  ],
  ['a volume of a ConfigMap', inVolume({ configMap: { name: 'a' } }), [configMap()]],
  [
    'a projected volume',
    inVolume({
      projected: {
        sources: [
          { secret: { name: 'a', items } },
          { configMap: { name: 'ca' } },
          { serviceAccountToken: {} },
        ],
      },
    }),
    [configMap({ name: 'ca' }), secret({ keys: ['tls.crt', 'tls.key'] })],
  ],
  ['no image pull secret, which only the kubelet reads', { imagePullSecrets: [{ name: 'a' }] }, []],
  ['nothing', inContainer({ env: [{ name: 'A', value: 'b' }, {}], volumeMounts: [] }), []],
]
it.each(places)('finds what a pod names in %s', (_, pod, expected) => {
  for (const kind of ['Deployment', 'Job', 'CronJob', 'StatefulSet', 'Pod'])
    expect(referencesOf([workload(kind, pod)])).toEqual(expected)
})

it('merges what several pods name: needed by one is needed', () => {
  const one = inContainer({ envFrom: [{ secretRef: { name: 'a', optional: true } }] })
  const two = inContainer({ env: [{ valueFrom: { secretKeyRef: { name: 'a', key: 'z' } } }] })
  const three = inContainer({ env: [{ valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] })
  const objects = [workload('Deployment', one), workload('Job', two), workload('Job', three)]
  expect(referencesOf(objects)).toEqual([secret({ keys: ['b', 'z'] })])
})

it('leaves out what the chart makes itself, and what is in another namespace', () => {
  const pod = inContainer({
    envFrom: [{ secretRef: { name: 'a' } }, { configMapRef: { name: 'a' } }],
  })
  const own: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }
  expect(referencesOf([own, workload('Deployment', pod)])).toEqual([configMap()])
  expect(referencesOf([workload('Deployment', pod, { namespace: 'other' })])).toEqual([])
  expect(referencesOf([own])).toEqual([])
})
