// What only an API server can show of charts/shop-slot and charts/shop-service: field ownership, immutable fields, and
// that nothing of a slot changes when the other one is deployed.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { chartsIn, everyKind, ok, type Slot, settled } from './charts.ts'

const here = chartsIn('charts')
const { deploy, field, kubectl, share, tool, written } = here
const blue: Slot = { service: 'order', color: 'blue', release: '1', values: everyKind }
const green: Slot = { service: 'order', color: 'green', release: '2' }

beforeAll(async () => {
  await here.create()
  await here.guard()
  await ok(share('order'))
  await ok(deploy(blue))
  // As the autoscaler would, some 15 s later.
  await ok(kubectl('scale', 'deployment/order-blue', '--replicas=2'))
  await here.makeLive('order', 'blue', '1')
  await here.guarded('deployment/order-blue')
})

afterAll(here.remove)

function readLive() {
  return written('order', 'blue')
}

const setting = fc.stringMatching(/^[A-Z]{4,9}$/)
const values = fc.record({
  replicas: fc.integer({ min: 1, max: 3 }),
  config: fc.dictionary(setting, fc.string({ unit: 'grapheme-ascii' }), { maxKeys: 2 }),
  autoscaling: fc.constantFrom({}, everyKind.autoscaling),
  podDisruptionBudget: fc.record({ maxUnavailable: fc.integer({ min: 1, max: 3 }) }),
})
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deploy' as const),
      release: fc.constantFrom('2', '3', '4'),
      migrate: fc.boolean(),
      values,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('share' as const),
      ports: fc.constantFrom(
        { stable: 'http', preview: 'preview' },
        { stable: 8080, preview: 8081 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cleanup' as const) }) },
)

it('nothing of the live slot changes by any sequence of deploys of the other', async () => {
  const before = await settled(readLive)
  expect(before.map(({ kind }) => kind).sort()).toEqual([
    'Deployment',
    'HorizontalPodAutoscaler',
    'Job',
    'PodDisruptionBudget',
  ])
  const selector = await field('service/order', '.spec.selector')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      for (const { kind, ...rest } of steps) {
        if (kind === 'deploy') await ok(deploy({ ...green, ...rest }))
        if (kind === 'share') await ok(share('order', rest))
        if (kind === 'cleanup') {
          await ok(tool('helm', ['uninstall', 'order-green', '--ignore-not-found']))
        }
        expect(await readLive()).toEqual(before)
        expect(await field('service/order', '.spec.selector')).toBe(selector)
      }
    }),
    { numRuns: 4, endOnFailure: true },
  )
}, 180_000)

describe('a deploy of a slot', () => {
  it('applies exactly what `helm template` renders', async () => {
    const slot = { ...green, values: { ...everyKind, replicas: 3, config: { A: '1' } } }
    await ok(deploy(slot))
    const parse = (text: string) => parseAllDocuments(text).map((document) => document.toJS())
    const manifest = await ok(tool('helm', ['get', 'manifest', 'order-green']))
    expect(parse(manifest)).toEqual(parse(await here.template(slot)))
    expect(parse(manifest)).toHaveLength(4)
  })

  it('leaves no setting of the one before', async () => {
    await ok(deploy({ ...green, release: '4', values: { config: { NEW: 'setting' } } }))
    await ok(deploy({ ...green, release: '5', values: { config: { NEWER: 'setting' } } }))
    expect(await field('deployment/order-green', '.metadata.labels.shopctl\\.dev/revision')).toBe(
      '5555555555',
    )
    const path = '.spec.template.spec.containers[0].env[*].name'
    const variables = (await field('deployment/order-green', path)).split(' ')
    expect(variables).toContain('NEWER')
    expect(variables).not.toContain('NEW')
  })

  it('sets right what somebody changed', async () => {
    await ok(kubectl('set', 'image', 'deployment/order-green', 'order=x'))
    await ok(kubectl('scale', 'deployment/order-green', '--replicas=0'))
    await ok(deploy({ ...green, release: '6' }))
    expect(await field('deployment/order-green', '.spec.replicas')).toBe('2')
    expect(
      await field('deployment/order-green', '.spec.template.spec.containers[0].image'),
    ).toContain('sha256:666')
  })

  it('brings back what somebody deleted', async () => {
    await ok(kubectl('delete', 'deployment/order-green', 'poddisruptionbudget/order-green'))
    await ok(deploy({ ...green, release: '7' }))
    expect(await field('deployment/order-green', '.spec.replicas')).toBe('2')
    expect(await field('poddisruptionbudget/order-green', '.spec.maxUnavailable')).toBe('1')
  })

  it('begins with the pods that it is given, whatever an autoscaler made of the one before', async () => {
    await ok(deploy({ ...green, release: '8', values: { ...everyKind, replicas: 3 } }))
    await ok(kubectl('scale', 'deployment/order-green', '--replicas=4'))
    await ok(deploy({ ...green, release: '9', values: { ...everyKind, replicas: 3 } }))
    expect(await field('deployment/order-green', '.spec.replicas')).toBe('3')
  })

  it('runs the migrations again, or not at all', async () => {
    const uid = () => field('job/order-green-migrate', '.metadata.uid')
    await ok(deploy({ ...green, release: '8' }))
    const first = await uid()
    await ok(deploy({ ...green, release: '8' }))
    expect(await uid()).not.toBe(first)
    await ok(deploy({ ...green, release: '8', migrate: false }))
    expect((await kubectl('get', 'job/order-green-migrate')).exitCode).not.toBe(0)
  })
})

describe('an upgrade of what both slots share', () => {
  it('keeps the selectors, which belong to another field manager', async () => {
    const before = await field('service/order', '.metadata.uid}{.spec.selector')
    await ok(share('order', { ports: { stable: 8080, preview: 'preview' } }))
    expect(await field('service/order', '.metadata.uid}{.spec.selector')).toBe(before)
    expect(await field('service/order', '.spec.ports[0].targetPort')).toBe('8080')
    await ok(share('order'))
    expect(await field('service/order', '.metadata.uid}{.spec.selector')).toBe(before)
    expect(before).toContain('1111111111')
  })
})

describe('helm uninstall', () => {
  it('of the standby takes all of it and nothing else', async () => {
    const before = await readLive()
    await ok(deploy({ ...green, values: everyKind }))
    expect(await written('order', 'green')).toHaveLength(4)
    await ok(tool('helm', ['uninstall', 'order-green', '--wait']))
    expect(await written('order', 'green')).toEqual([])
    expect(await readLive()).toEqual(before)
  })

  it('of the live slot leaves every object as it was, and the release can be made anew', async () => {
    const before = await readLive()
    expect(before).toHaveLength(4)
    const { exitCode } = await tool('helm', ['uninstall', 'order-blue'])
    expect(exitCode).not.toBe(0)
    expect(await readLive()).toEqual(before)

    const status = async () =>
      JSON.parse(await ok(tool('helm', ['status', 'order-blue', '-o=json'])))
    expect(await status()).toMatchObject({ info: { status: 'uninstalling' } })
    const release = ['secrets', '--selector=owner=helm,name=order-blue']
    await ok(kubectl('delete', ...release))
    await ok(deploy(blue))
    expect(await status()).toMatchObject({ info: { status: 'deployed' } })
    expect(await readLive()).toEqual(before)
  })
})
