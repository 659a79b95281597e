// Slots that are removed, and slots that become what they were.
import { describe, expect, it } from 'vitest'
import type { Target } from '../../../src/release/slot.ts'
import { autoscalerPath, deploymentPath } from '../../fakes/argocd-objects.ts'
import { aWrite, blue, createScene, green, names, outcomes, type Scene, standing } from './scene.ts'

const { signal } = new AbortController()
const next = 'cccccccccc'
const both = names.map((service) => aWrite(service, 'green', next))

const removals = names.map((service) => ({ service, slot: green }))

describe('a removal', () => {
  it('of several slots is one commit, and Argo CD prunes them', async () => {
    const scene = createScene()
    expect(outcomes(await scene.driver().removeSlots(removals, signal))).toEqual([
      undefined,
      undefined,
    ])
    expect(scene.subjects()).toEqual(['cleanup: order green removed, payment green removed'])
    expect(names.map((name) => standing(scene, `${name}-green`))).toEqual([null, null])
    expect(standing(scene, 'order-blue')).toBe(`${blue.revision} 2`)
    expect(Object.keys(await scene.driver().recorded())).not.toContain('order-green')
  })

  it('of what is gone makes no commit', async () => {
    const scene = createScene()
    await scene.driver().removeSlots(removals, signal)
    await scene.driver().removeSlots(removals, signal)
    expect(scene.subjects()).toHaveLength(1)
  })

  it('takes along what is in the cluster alone', async () => {
    const scene = createScene()
    const path = deploymentPath('shop', 'order-green')
    const left = scene.api.objects.get(path)
    await scene.driver().removeSlots(removals, signal)
    scene.api.put(path, { ...left })
    await scene.driver().removeSlots(removals, signal)
    expect([standing(scene, 'order-green'), scene.subjects().length]).toEqual([null, 1])
  })

  it('of a slot that was deployed again meanwhile is none', async () => {
    const scene = createScene()
    const stale: Target = { color: 'green', revision: 'eeeeeeeeee' }
    const results = await scene
      .driver()
      .removeSlots([{ service: 'order', slot: stale }, ...removals.slice(1)], signal)
    expect(outcomes(results)).toEqual(['conflict', 'conflict'])
    expect(scene.subjects()).toEqual([])
  })
})

describe('what stood in a slot before', () => {
  const back = (revision: string, atLeast = 0) => [
    { service: 'order', slot: { color: 'green' as const, revision }, atLeast, declared: 2 },
  ]

  it('is put back out of the history, however much came since', async () => {
    const scene = createScene()
    const before = scene.repo.head().files
    await scene.driver().writeSlots(both, signal)
    await scene.driver().writeSlots([aWrite('order', 'green', 'dddddddddd')], signal)
    scene.repo.someone({
      'local/order/green/values.yaml': `${before.get('local/order/green/values.yaml')}# bbbbbbbbbb by hand\n`,
    })
    await scene
      .driver()
      .removeSlots(
        [{ service: 'order', slot: { color: 'green', revision: green.revision } }],
        signal,
      )
    await scene.driver().writeSlots([aWrite('order', 'green', 'dddddddddd')], signal)
    expect(outcomes(await scene.driver().putBack(back(green.revision, 4), signal))).toEqual([true])
    expect(standing(scene, 'order-green')).toBe(`${green.revision} 4`)
    expect((await scene.driver().recorded())['order-green']).toMatchObject({
      finished: true,
      marks: { revision: green.revision },
    })
    expect(scene.subjects().at(-1)).toBe('deploy (put back): order green bbbbbbbbbb')
  })

  it('is put back with all files of its folder, and without those of now', async () => {
    const scene = createScene()
    const own = ({ repo }: Scene) =>
      [...repo.head().files].filter(([path]) => path.startsWith('local/order/green/')).sort()
    const before = own(scene)
    await scene.driver().writeSlots(both, signal)
    expect(own(scene)).not.toEqual(before)
    await scene.driver().putBack(back(green.revision), signal)
    expect(own(scene)).toEqual(before)
  })

  it.each<[string, number, number]>([
    ['as its chart says', 0, 2],
    ['as serve now', 4, 4],
  ])('gets as many pods %s, not those of the deploy that failed', async (_, atLeast, pods) => {
    const scene = createScene()
    const failed = aWrite('order', 'green', next, { values: { replicas: 10 } })
    await scene.driver().writeSlots([failed], signal)
    expect(standing(scene, 'order-green')).toBe(`${next} 10`)
    await scene.driver().putBack(back(green.revision, atLeast), signal)
    expect(standing(scene, 'order-green')).toBe(`${green.revision} ${pods}`)
  })

  it('gets the limits of its own autoscaler', async () => {
    const scene = createScene()
    const write = (revision: string, min: number, max: number) =>
      aWrite('order', 'green', revision, { values: { autoscaling: { min, max } } })
    await scene.driver().writeSlots([write(next, 3, 8)], signal)
    await scene.driver().writeSlots([write('dddddddddd', 1, 2)], signal)
    await scene.driver().putBack(back(next), signal)
    const { spec } = scene.api.objects.get(autoscalerPath('shop', 'order-green')) ?? {}
    expect(spec).toMatchObject({ minReplicas: 3, maxReplicas: 8 })
  })

  it('keeps its number of pods, with a warning, where its chart cannot be rendered', async () => {
    const scene = createScene()
    await scene.driver().writeSlots([aWrite('order', 'green', next)], signal)
    const driver = scene.driver((name, run) => {
      if (name === 'charts.render') throw new Error('no helm')
      return run()
    })
    expect(outcomes(await driver.putBack(back(green.revision), signal))).toEqual([true])
    expect(scene.progress.lines).toContain(
      '! order green keeps the number of pods of the failed deploy: no helm',
    )
  })

  it('is put back without a commit if it stands there already', async () => {
    const scene = createScene()
    expect(outcomes(await scene.driver().putBack(back(green.revision, 4), signal))).toEqual([true])
    expect([scene.subjects(), standing(scene, 'order-green')]).toEqual([[], `${green.revision} 4`])
  })

  it('is found without a look at the whole history', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    const limits: unknown[] = []
    const { log } = scene.repo
    scene.repo.log = (commit, paths, limit, given) => {
      limits.push(limit)
      return log(commit, paths, limit, given)
    }
    expect(outcomes(await scene.driver().putBack(back(green.revision), signal))).toEqual([true])
    expect(limits).toEqual([2])
  })

  it('is not known if it never was in git', async () => {
    const scene = createScene()
    expect(outcomes(await scene.driver().putBack(back('ffffffffff'), signal))).toEqual([false])
    expect(scene.subjects()).toEqual([])
  })

  it('is put back for several slots, each in a commit', async () => {
    const scene = createScene()
    await scene.driver().writeSlots(both, signal)
    const all = names.map((service) => ({ service, slot: green, atLeast: 0, declared: null }))
    let pushes = 0
    const driver = scene.driver((name, run) => {
      if (name === 'repo.push') pushes += 1
      return run()
    })
    expect(outcomes(await driver.putBack(all, signal))).toEqual([true, true])
    // One after the other: none is in the way of the other.
    expect(pushes).toBe(2)
    expect(names.map((name) => standing(scene, `${name}-green`)?.split(' ')[0])).toEqual([
      green.revision,
      green.revision,
    ])
  })
})
