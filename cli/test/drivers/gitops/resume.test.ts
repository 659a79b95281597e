// A switch that is killed is finished by a resume, wherever it was killed, and no Service goes back meanwhile.
import { describe, expect, it, vi } from 'vitest'
import { failures, killing, upTo } from './kills.ts'
import { sceneOf } from './move-scene.ts'
import { type Around, blue, green, held, names, outcomes, type Scene } from './scene.ts'

// Each has hundreds of runs.
vi.setConfig({ testTimeout: 60_000 })

/** How many Services lead to green. */
function greens(seen = ''): number {
  return seen.split('green').length
}

describe('a switch is killed, and resumed', () => {
  /** As `resume` asks for it: all Services once more, whichever lead to green already. */
  const toGreen = async (scene: Scene, release: string, around?: Around) => {
    const moves = (await scene.moves(green, release)).map((each) => ({ ...each, from: blue }))
    return scene.driver(around).movePointers(moves, 'switch', held)
  }
  const calls = sceneOf('blue').then(async (scene) => {
    let count = 0
    await toGreen(scene, 'r-9', (_, run) => {
      count += 1
      return run()
    })
    return count
  })
  const endOf = async (scene: Scene, release: string): Promise<string | null> => {
    const results = await toGreen(scene, release)
    if (results.some(({ status }) => status === 'rejected')) return String(outcomes(results))
    scene.argo.settle()
    const [git, cluster] = [scene.inGit().join(), scene.inCluster().join()]
    if (git !== cluster) return `git says ${git}, and there is ${cluster}`
    if (cluster.includes('blue')) return cluster
    const isBack = scene.seen.some((each, index) => greens(each) < greens(scene.seen[index - 1]))
    if (isBack) return String(scene.seen)
    const pointers = await Promise.all(names.map((each) => scene.observer.pointer(each, 'stable')))
    return pointers.every((each) => each?.release === release) ? null : 'the release is another one'
  }

  it('wherever it was killed', async () => {
    const bad = await failures(await calls, upTo(8), async (at, variant) => {
      const scene = await sceneOf('blue')
      await toGreen(scene, 'r-9', killing(at, variant % 2 === 1))
      for (let left = Math.floor(variant / 2) * 2; left > 0; left--) scene.argo.step()
      return endOf(scene, 'r-10')
    })
    expect(bad).toEqual([])
  })

  it('wherever its resume was killed, too', async () => {
    const count = await calls
    const everySecond = upTo(count).filter((at) => at % 2 === 1)
    const bad = await failures(count, everySecond, async (first, second) => {
      const scene = await sceneOf('blue')
      await toGreen(scene, 'r-9', killing(first, true))
      for (let left = second % 3; left > 0; left--) scene.argo.step()
      await toGreen(scene, 'r-10', killing(second, true))
      return endOf(scene, 'r-11')
    })
    expect(bad).toEqual([])
  })
})
