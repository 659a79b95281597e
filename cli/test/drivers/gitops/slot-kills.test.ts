// Wherever the process is killed that writes, removes or puts back slots: the same command again brings the cluster to what
// git says, and no Service moves but the preview.
import { describe, expect, it, vi } from 'vitest'
import type { Driver } from '../../../src/release/ports/driver.ts'
import { failures, killing, upTo } from './kills.ts'
import {
  type Around,
  aWrite,
  blue,
  createScene,
  green,
  names,
  outcomes,
  type Scene,
  standing,
} from './scene.ts'

// Each has hundreds of runs.
vi.setConfig({ testTimeout: 60_000 })

const { signal } = new AbortController()
const next = 'cccccccccc'
const writes = names.map((service) =>
  aWrite(service, 'green', next, { values: { replicas: 3 }, atLeast: 5, declared: 3 }),
)
const slots = names.map((service) => ({ service, slot: green }))
const backs = slots.map((each) => ({ ...each, atLeast: 4, declared: 2 }))

type Act = (driver: Driver) => Promise<PromiseSettledResult<unknown>[]>
const write: Act = (driver) => driver.writeSlots(writes, signal)
const remove: Act = (driver) => driver.removeSlots(slots, signal)
const putBack: Act = (driver) => driver.putBack(backs, signal)

const ofGreen = (scene: Scene) => names.map((name) => standing(scene, `${name}-green`))
const stableBlue = names.map((name) => `${name} stable blue`).join(', ')

type Kind = [title: string, first: Act | null, act: Act, expected: string | null, commits: number]
const kinds: Kind[] = [
  ['a deploy', null, write, `${next} 5`, 1],
  ['a removal', null, remove, null, 1],
  ['a deploy is put back', write, putBack, `${green.revision} 4`, 2],
]

describe.each(kinds)('%s', (_, first, act, expected, commits) => {
  const sceneFor = async (): Promise<Scene> => {
    const scene = createScene()
    if (first) await first(scene.driver())
    scene.argo.settle()
    return scene
  }
  const callsOf = async (): Promise<number> => {
    let calls = 0
    const count: Around = (_, run) => {
      calls += 1
      return run()
    }
    await act((await sceneFor()).driver(count))
    return calls
  }

  it('is done by a second one, wherever the first one was killed', async () => {
    const bad = await failures(await callsOf(), upTo(4), async (at, variant) => {
      const scene = await sceneFor()
      const before = scene.subjects().length
      await act(scene.driver(killing(at, variant % 2 === 1)))
      for (let left = (variant >> 1) * 6; left > 0; left--) scene.argo.step()
      const results = await act(scene.driver())
      scene.argo.settle()
      if (results.some(({ status }) => status === 'rejected')) return String(outcomes(results))
      if (ofGreen(scene).some((each) => each !== expected)) return String(ofGreen(scene))
      if (scene.seen.some((each) => each !== stableBlue)) return String(scene.seen)
      if (standing(scene, 'order-blue') !== `${blue.revision} 2`) return 'the live slot was written'
      const made = scene.subjects().slice(before)
      return made.length === commits ? null : String(made)
    })
    expect(bad).toEqual([])
  }, 60_000)
})
