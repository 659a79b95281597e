// Whatever Argo CD does in between, and wherever the process is killed: no Service goes back, and in the end the cluster is
// as git says.
import { describe, expect, it, vi } from 'vitest'
import type { Mover } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import { failingAt, failures, killing, upTo } from './kills.ts'
import { drift, sceneOf } from './move-scene.ts'
import { type Around, blue, green, held, names, outcomes, type Scene } from './scene.ts'

// Each has hundreds of runs.
vi.setConfig({ testTimeout: 60_000 })

/** What the Services have selected, one after the other. */
function ways({ seen }: Scene): string {
  const all = names.map((service) => {
    const colors = seen.map((line) => new RegExp(`${service} stable (\\w+)`).exec(line)?.[1] ?? '')
    return colors.filter((color, index) => color !== colors[index - 1]).join(' ')
  })
  return [...new Set(all)].sort().join(' / ')
}

function steps({ argo }: Scene, count: number): void {
  for (let left = count; left > 0; left--) argo.step()
}

/** A way of a Service that is right: from the first of these colors to the last one, without a step back. */
type Case = [mover: Mover, to: Target, way: string]
const cases: Case[] = [
  ['switch', green, 'blue green'],
  ['rollback', blue, 'green blue'],
  ['undo', blue, 'green blue'],
]

/** Before a switch, or after it. */
const sceneFor = (mover: Mover) => sceneOf(mover === 'switch' ? 'blue' : 'green')

type Disturb = (scene: Scene, index: number, name: string) => void

/** `disturb` runs before every call of a port. */
async function moving(scene: Scene, [mover, to]: Case, disturb: Disturb = () => {}) {
  let calls = 0
  const around: Around = (name, run) => {
    disturb(scene, calls++, name)
    return run()
  }
  const results = await scene.driver(around).movePointers(await scene.moves(to, 'r-9'), mover, held)
  return { results, calls }
}

async function callsOf(one: Case): Promise<number> {
  return (await moving(await sceneFor(one[0]), one)).calls
}

/** What is wrong at the end. null: nothing. */
function problemOf(scene: Scene, way?: string): string | null {
  scene.argo.settle()
  const [git, cluster] = [scene.inGit().join(), scene.inCluster().join()]
  if (git !== cluster) return `git says ${git}, and there is ${cluster}`
  return way === undefined || ways(scene) === way ? null : ways(scene)
}

describe.each(cases)('a %s never goes back', (...one) => {
  const [mover, , way] = one

  it('while Argo CD heals what somebody changes', async () => {
    const bad = await failures(await callsOf(one), upTo(10), async (at, count) => {
      const scene = await sceneFor(mover)
      const { results } = await moving(scene, one, (_, index) => {
        if (index !== at) return
        drift(scene, 'order-preview')
        steps(scene, count)
      })
      const problem = problemOf(scene, way)
      return results.every(({ status }) => status === 'fulfilled')
        ? problem
        : String(outcomes(results))
    })
    expect(bad).toEqual([])
  })

  it('while Argo CD is quick or slow', async () => {
    const bad = await failures(1, [0, 1, 2, 3, 20], async (_, count) => {
      const scene = await sceneFor(mover)
      await moving(scene, one, () => steps(scene, count))
      return problemOf(scene, way)
    })
    expect(bad).toEqual([])
  })

  it('while others push to other folders', async () => {
    const bad = await failures(await callsOf(one), [0, 3], async (at, count) => {
      const scene = await sceneFor(mover)
      const { results } = await moving(scene, one, (_, index) => {
        // Fewer than the driver tries.
        if (index < at || index > at + 8) return
        scene.repo.someone({ 'prod/x.yaml': String(index) })
        steps(scene, count)
      })
      const problem = problemOf(scene, way)
      return results.every(({ status }) => status === 'fulfilled')
        ? problem
        : String(outcomes(results))
    })
    expect(bad).toEqual([])
  })
})

describe('a rollback while Argo CD is down', () => {
  const one: Case = ['rollback', blue, 'green blue']

  /** Its controller stops before a call, with something to heal at hand, and is back after the rollback. */
  it('is done from any call on, and nothing moves back when Argo CD returns', async () => {
    const bad = await failures(await callsOf(one), upTo(7), async (at, count) => {
      const scene = await sceneFor('rollback')
      const { results } = await moving(scene, one, (_, index) => {
        if (index !== at) return
        if (count > 0) drift(scene, 'order-preview')
        steps(scene, count)
        scene.argo.faults.down = true
      })
      const isDone =
        (await scene.pointer('order'))?.color === 'blue' &&
        results.every(({ status }) => status === 'fulfilled')
      scene.argo.restart()
      return isDone ? problemOf(scene, one[2]) : `not done: ${outcomes(results)}`
    })
    expect(bad).toEqual([])
  })
})

describe('a rollback while Argo CD is slow', () => {
  const one: Case = ['rollback', blue, 'green blue']

  /** It has begun to compare before the push, and goes on with that in the middle of the rollback or after it. */
  it('is not healed back to the commit before', async () => {
    const calls = await callsOf(one)
    const bad = await failures(calls, upTo(5), async (at, count) => {
      const scene = await sceneFor('rollback')
      scene.argo.faults.stepMs = 60_000
      let last = ''
      await moving(scene, one, (_, index, name) => {
        if (index === at) drift(scene, 'order-preview')
        if (index === at) steps(scene, count)
        // A step between the look for an operation and the write.
        if (name === 'objects.point' && last !== name) steps(scene, 1)
        last = name
      })
      return problemOf(scene, one[2])
    })
    expect(bad).toEqual([])
  })
})

describe('an emergency while Argo CD is slow', () => {
  const one: Case = ['emergency', blue, 'green blue']

  /** It has begun to compare before its syncs are turned off. `left`: what it does between the last look and the write. */
  it.each([0, 1, 2])('is not healed back to what git says (%i)', async (left) => {
    const calls = await callsOf(one)
    const bad = await failures(calls, upTo(5), async (at, count) => {
      const scene = await sceneFor('emergency')
      scene.argo.faults.stepMs = 60_000
      let last = ''
      await moving(scene, one, (_, index, name) => {
        if (index === at) drift(scene, 'order-preview')
        if (index === at) steps(scene, count)
        if (name === 'objects.point' && last !== name) steps(scene, left)
        last = name
      })
      scene.argo.settle()
      // Somebody saw it go back, or it has gone back for good.
      return ways(scene) === one[2] ? null : ways(scene)
    })
    expect(bad).toEqual([])
  })

  it('is seen to be right at the end of the command at the latest', async () => {
    const bad = await failures(await callsOf(one), upTo(5), async (at, count) => {
      const scene = await sceneFor('emergency')
      await moving(scene, one, (_, index) => {
        if (index === at) drift(scene, 'order-preview')
        steps(scene, index === at ? count : 0)
      })
      scene.argo.settle()
      return ways(scene) === one[2] ? null : ways(scene)
    })
    expect(bad).toEqual([])
  })
})

/** First it is killed, then this follows. */
type Sequel = [title: string, killed: Case, then: Case | null, rightWays: RegExp]
const sequels: Sequel[] = [
  ['a switch, and nothing else', ['switch', green, ''], null, /^blue( green)?$/],
  ['a switch, and a second one', ['switch', green, ''], ['switch', green, ''], /^blue green$/],
  [
    'a switch, and a rollback',
    ['switch', green, ''],
    ['rollback', blue, ''],
    /^blue( green blue)?$/,
  ],
  ['a rollback, and nothing else', ['rollback', blue, ''], null, /^green( blue)?$/],
  ['a rollback, and a second one', ['rollback', blue, ''], ['rollback', blue, ''], /^green blue$/],
]

describe('a process is killed:', () => {
  it.each(sequels)('%s', async (_, killed, then, right) => {
    // The half of them before the call, the other half after it; with more and more of Argo CD in between.
    const bad = await failures(await callsOf(killed), upTo(8), async (at, variant) => {
      const scene = await sceneFor(killed[0])
      const moves = await scene.moves(killed[1], 'r-9')
      await scene.driver(killing(at, variant % 2 === 1)).movePointers(moves, killed[0], held)
      steps(scene, Math.floor(variant / 2) * 2)
      const results = then ? (await moving(scene, then)).results : []
      if (results.some(({ status }) => status === 'rejected')) return `then ${outcomes(results)}`
      // No refresh was asked for: Argo CD polls the branch every three minutes.
      await scene.clock.sleep(180_000)
      const problem = problemOf(scene)
      const isRight = ways(scene)
        .split(' / ')
        .every((each) => right.test(each))
      return isRight ? problem : ways(scene)
    })
    expect(bad).toEqual([])
  })
})

describe('one call fails, or its answer is lost:', () => {
  it.each([0, 2, 5])(
    'a switch that failed is nowhere, and one that did not is everywhere (%i)',
    async (count) => {
      const one: Case = ['switch', green, '']
      const bad = await failures(await callsOf(one), [0, 1], async (at, variant) => {
        const scene = await sceneFor('switch')
        const before = scene.inGit().join()
        const after = before.replaceAll('blue', 'green')
        const moves = await scene.moves(green, 'r-9')
        const fault = failingAt(at, variant === 1)
        const results = await scene
          .driver((name, run) => {
            steps(scene, count)
            return fault(name, run)
          })
          .movePointers(moves, 'switch', held)
        const isDone = results.every(({ status }) => status === 'fulfilled')
        const problem = problemOf(scene)
        if (problem !== null) return problem
        const expected = isDone ? after : before
        return scene.inGit().join() === expected ? null : `${isDone} ${scene.inGit()}`
      })
      expect(bad).toEqual([])
    },
  )

  it('a rollback is done by a second one at the latest', async () => {
    const one: Case = ['rollback', blue, '']
    const bad = await failures(await callsOf(one), [0, 1], async (at, variant) => {
      const scene = await sceneFor('rollback')
      const moves = await scene.moves(blue, 'r-9')
      await scene.driver(failingAt(at, variant === 1)).movePointers(moves, 'rollback', held)
      const { results } = await moving(scene, one)
      if (results.some(({ status }) => status === 'rejected')) return String(outcomes(results))
      return problemOf(scene, 'green blue')
    })
    expect(bad).toEqual([])
  })
})
