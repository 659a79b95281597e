// A move whose lock is lost stops: another command may move the same Services by then.
import { expect, it } from 'vitest'
import type { Mover } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import { failures } from './kills.ts'
import { are, move, sceneOf, withMoves } from './move-scene.ts'
import { type Around, blue, green, type Scene } from './scene.ts'

type Case = [mover: Mover, live: 'blue' | 'green', to: Target]
const cases: Case[] = [
  ['switch', 'blue', green],
  ['rollback', 'green', blue],
  ['undo', 'green', blue],
  ['emergency', 'green', blue],
]

interface Losing {
  results: unknown[]
  /** The calls of ports after the loss. */
  after: string[]
  calls: number
}

/** The lock is lost before a call of a port. */
async function losing(scene: Scene, [mover, , to]: Case, at: number): Promise<Losing> {
  const lock = new AbortController()
  const after: string[] = []
  let calls = 0
  const around: Around = (name, run) => {
    if (calls++ === at) lock.abort()
    if (lock.signal.aborted) after.push(name)
    return run()
  }
  return { results: await move(scene, to, mover, around, lock.signal), after, calls }
}

it.each(cases)('a %s that has lost its lock writes no Service', async (...one) => {
  const { calls } = await losing(await sceneOf(one[1]), one, -1)
  const bad = await failures(calls, [0], async (at) => {
    const { after } = await losing(await sceneOf(one[1]), one, at + 1)
    // Both are written at once: the second one may be under way.
    const writes = after.filter((name) => name === 'objects.point').length
    return writes > 1 || after.indexOf('objects.point') > 0 ? String(after) : null
  })
  expect(bad).toEqual([])
})

it('a switch that has lost its lock is not pushed, or is taken back', async () => {
  const one: Case = ['switch', 'blue', green]
  const { calls } = await losing(await sceneOf('blue'), one, -1)
  const bad = await failures(calls, [0], async (at) => {
    const scene = await sceneOf('blue')
    const { results } = await losing(scene, one, at)
    const isDone = results.every((each) => each !== 'interrupted')
    scene.argo.settle()
    const expected = String(isDone ? are('green') : are('blue', 'green'))
    const [git, cluster] = [String(scene.inGit()), String(scene.inCluster())]
    return git === expected && cluster === expected ? null : `${isDone} ${git} ${cluster}`
  })
  expect(bad).toEqual([])
})

it('a switch that waits for Argo CD stops when its lock is lost', async () => {
  const scene = await sceneOf('blue')
  scene.argo.faults.down = true
  const lock = new AbortController()
  const from = scene.clock.monotonic()
  const { sleep } = scene.clock
  scene.clock.sleep = (ms, signal) => {
    if (scene.clock.monotonic() - from > 3_000) lock.abort()
    return sleep(ms, signal)
  }
  const results = await move(scene, green, 'switch', undefined, lock.signal)
  expect(results).toEqual(['interrupted', 'interrupted'])
  expect(scene.clock.monotonic() - from).toBeLessThan(10_000)
  expect(scene.inGit()).toEqual(are('blue', 'green'))
})

it('a switch that has lost its lock leaves alone what another command has begun', async () => {
  const scene = await sceneOf('blue')
  const { argo, repo } = scene
  const lock = new AbortController()
  const around: Around = async (name, run) => {
    if (name === 'argo.refresh' && !lock.signal.aborted) {
      lock.abort()
      repo.someone(withMoves(scene, null, 'r-10'))
      argo.faults.hanging.add('shop.local.services')
      await argo.refresh('shop.local.services')
      for (let left = 10; left > 0; left--) argo.step()
      repo.someone({ 'prod/x.yaml': 'x' })
    }
    return run()
  }
  expect(await move(scene, green, 'switch', around, lock.signal)).toEqual([
    'interrupted',
    'interrupted',
  ])
  expect([scene.inGit(), scene.subjects().at(-1)]).toEqual([are('none', 'green'), 'By hand'])
  const { operation } = argo.show('shop.local.services')
  expect(operation).toMatchObject({ phase: 'Running', revision: repo.head().parent })
})
