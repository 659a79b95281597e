// A rollback while git is away, and the command after it.
import { describe, expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { failures, killing } from './kills.ts'
import { are, denied, drift, failing, move, sceneOf } from './move-scene.ts'
import { type Around, blue, green, held, outcomes, type Scene } from './scene.ts'

const away = failed({ code: 'config-repo-unreachable', message: 'no answer from git' })
const application = 'shop.local.services'

const elsewhere = { url: 'http://git/config.git', branch: 'x', path: 'local/services' }

const gitIsAway = ({ repo }: Scene): void =>
  void Object.assign(repo.faults, { fetch: away, push: away })
const gitIsBack = ({ repo }: Scene): void =>
  void Object.assign(repo.faults, { fetch: null, push: null })

/** Whether Argo CD syncs the Services, and the release that keeps it from it. */
function syncs({ argo }: Scene): [boolean, string | null] {
  const { automatic, emergency } = argo.show(application)
  return [automatic.sync, emergency]
}

/** Green is live since r-2, git is away, and r-9 has gone back to blue. */
async function afterEmergency(): Promise<Scene> {
  const scene = await sceneOf('green')
  gitIsAway(scene)
  await move(scene, blue, 'emergency')
  return scene
}

/** What is wrong at the end. null: nothing. */
function problemOf(scene: Scene, expected: readonly string[]): string | null {
  scene.argo.settle()
  const seen = JSON.stringify([scene.inGit(), scene.inCluster(), syncs(scene)])
  return seen === JSON.stringify([expected, expected, [true, null]]) ? null : seen
}

const confirm = (scene: Scene, around?: Around) => scene.driver(around).confirm([], held)

describe('an emergency', () => {
  it('moves the live Services without git, and nothing undoes it', async () => {
    const scene = await sceneOf('green')
    const before = scene.repo.head().commit
    gitIsAway(scene)
    const results = await move(scene, blue, 'emergency')
    const now = await scene.moves(null, null)
    expect(results).toEqual(now.map(({ resourceVersion }) => resourceVersion))
    expect([scene.inGit(), scene.inCluster()]).toEqual([are('green'), are('blue', 'green')])
    expect([scene.repo.head().commit, syncs(scene)]).toEqual([before, [false, 'r-9']])
    gitIsBack(scene)
    drift(scene, 'order-preview')
    await scene.clock.sleep(180_000)
    scene.argo.settle()
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
    expect(scene.progress.lines).toEqual([])
  })

  it('keeps its release when the previews follow', async () => {
    const scene = await afterEmergency()
    const previews = await scene.moves(blue, null, 'preview')
    await scene.driver().movePointers(previews, 'emergency', held)
    expect([scene.inCluster(), syncs(scene)]).toEqual([are('blue'), [false, 'r-9']])
  })

  it('ends an operation that would move the Services back', async () => {
    const scene = await sceneOf('green')
    scene.argo.faults.hanging.add(application)
    drift(scene, 'order')
    for (let left = 3; left > 0; left--) scene.argo.step()
    expect(scene.argo.show(application)).toMatchObject({ busy: true })
    gitIsAway(scene)
    await move(scene, blue, 'emergency')
    scene.argo.faults.hanging.clear()
    scene.argo.settle()
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
  })

  it('does without Argo CD too', async () => {
    const scene = await sceneOf('green')
    drift(scene, 'order')
    for (let left = 3; left > 0; left--) scene.argo.step()
    scene.argo.faults.down = true
    gitIsAway(scene)
    const from = scene.clock.monotonic()
    await move(scene, blue, 'emergency')
    expect(scene.clock.monotonic() - from).toBeLessThanOrEqual(20_000)
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
    expect(scene.progress.lines).toEqual([
      expect.stringMatching(/^! This goes on without Argo CD: /),
      expect.stringMatching(/^! Argo CD may still move .* to end the operation that runs/),
    ])
    scene.argo.restart()
    scene.argo.settle()
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
  })

  it.each<[string, boolean]>([
    ['on', true],
    ['off, as somebody has paused them', false],
  ])('that may not write the Services leaves the syncs as they were: %s', async (_, sync) => {
    const scene = await sceneOf('green')
    scene.argo.edit(application, { automatic: { sync, selfHeal: sync, prune: true } })
    gitIsAway(scene)
    expect(await move(scene, blue, 'emergency', denied)).toEqual(['not-allowed', 'not-allowed'])
    expect([scene.inCluster(), syncs(scene)]).toEqual([are('green'), [sync, null]])
  })

  it('that others outrun leaves the syncs off: some Services may have moved', async () => {
    const scene = await sceneOf('green')
    gitIsAway(scene)
    const around: Around = (name, run) => {
      if (name === 'objects.point') drift(scene, 'order')
      return run()
    }
    expect(await move(scene, blue, 'emergency', around)).toEqual(['conflict', 'conflict'])
    expect(await scene.pointer('payment')).toEqual(blue)
    expect(syncs(scene)).toEqual([false, 'r-9'])
  })

  it('needs no Application: nothing would undo it', async () => {
    const scene = await sceneOf('green')
    gitIsAway(scene)
    scene.argo.remove(application)
    const results = await move(scene, blue, 'emergency')
    expect(results.map(Number)).not.toContain(Number.NaN)
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
  })

  it('may follow another one', async () => {
    const scene = await afterEmergency()
    const moves = await scene.moves(green, 'r-10')
    await scene.driver().movePointers(moves, 'emergency', held)
    expect([scene.inCluster(), syncs(scene)]).toEqual([are('green'), [false, 'r-10']])
    gitIsBack(scene)
    await confirm(scene)
    expect(problemOf(scene, are('green'))).toBeNull()
    // The Services are where they were, and r-10 has moved them there.
    expect(scene.subjects().at(-1)).toBe('rollback (emergency)')
    expect(String(scene.repo.head().files.get('local/services/values.yaml'))).toContain('r-10')
  })
})

describe('the command after an emergency', () => {
  it('commits what is live, and lets Argo CD go on', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    await confirm(scene)
    expect(problemOf(scene, are('blue', 'green'))).toBeNull()
    const subject = 'rollback (emergency): order, payment green → blue'
    expect(scene.subjects().at(-1)).toBe(subject)
    expect(scene.repo.head().message).toContain('\nShopctl-Release: r-9\n')
    expect(scene.progress.lines).toEqual([
      'The config repo now says what r-9 made live, and Argo CD syncs again.',
    ])
    await confirm(scene)
    expect(scene.subjects().at(-1)).toBe(subject)
  })

  it.each(['switch', 'rollback'] as const)('is a %s, which moves on from there', async (mover) => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    const moves = await scene.moves(green, 'r-10')
    const results = await scene.driver().movePointers(moves, mover, held)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(problemOf(scene, are('green'))).toBeNull()
    expect(scene.subjects().slice(-2)).toEqual([
      'rollback (emergency): order, payment green → blue',
      `${mover}: order, payment blue → green`,
    ])
  })

  it('fails while git is away, and changes nothing', async () => {
    const scene = await afterEmergency()
    await expect(confirm(scene)).rejects.toMatchObject({ code: 'config-repo-unreachable' })
    expect([scene.inCluster(), syncs(scene)]).toEqual([are('blue', 'green'), [false, 'r-9']])
  })

  it('says that git was changed if it may not turn on the syncs', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    const no = refused({ code: 'not-allowed', message: 'no' })
    const failure = { code: 'not-allowed', exitCode: 1 }
    await expect(confirm(scene, failing('argo.setAutomatic', no))).rejects.toMatchObject(failure)
  })

  it('says whether it has changed anything', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    expect([await confirm(scene), await confirm(scene)]).toEqual([true, false])
  })

  it('fails if it is refused after that', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    const moves = await scene.moves(green, 'r-10')
    const around: Around = (name, run) => {
      if (name === 'argo.setAutomatic') scene.argo.edit(application, { source: elsewhere })
      return run()
    }
    const [result] = await scene.driver(around).movePointers(moves, 'switch', held)
    const reason = { code: 'application-differs', exitCode: 1 }
    expect(result).toMatchObject({ reason })
  })

  it('leaves the syncs off while Argo CD does not know the commit', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    scene.argo.faults.down = true
    await expect(confirm(scene)).rejects.toMatchObject({ code: 'argocd-late', exitCode: 1 })
    expect(syncs(scene)).toEqual([false, 'r-9'])
    scene.argo.restart()
    await confirm(scene)
    expect(problemOf(scene, are('blue', 'green'))).toBeNull()
  })

  it('is a rollback, and does not wait for an Argo CD that is down', async () => {
    const scene = await afterEmergency()
    gitIsBack(scene)
    scene.argo.faults.down = true
    const from = scene.clock.monotonic()
    const moves = await scene.moves(green, 'r-10')
    const results = await scene.driver().movePointers(moves, 'rollback', held)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(scene.clock.monotonic() - from).toBeLessThanOrEqual(20_000)
    expect(await scene.pointer('order')).toEqual(green)
    expect(syncs(scene)).toEqual([false, 'r-9'])
    scene.argo.restart()
    await confirm(scene)
    expect(problemOf(scene, are('green'))).toBeNull()
  })
})

describe('a process is killed', () => {
  const countOf = async (run: (around: Around) => Promise<unknown>): Promise<number> => {
    let calls = 0
    await run((_, call) => {
      calls += 1
      return call()
    })
    return calls
  }

  /** Kills an emergency before and after each of its calls. `complete` returns what is wrong after that. */
  const killedEmergencies = async (
    complete: (scene: Scene) => Promise<string | null>,
  ): Promise<string[]> => {
    const first = await sceneOf('green')
    const calls = await countOf((around) => move(first, blue, 'emergency', around))
    return failures(calls, [0, 1], async (at, variant) => {
      const scene = await sceneOf('green')
      gitIsAway(scene)
      await move(scene, blue, 'emergency', killing(at, variant === 1))
      return complete(scene)
    })
  }

  it('in an emergency, and a second one completes it', async () => {
    const bad = await killedEmergencies(async (scene) => {
      const results = await move(scene, blue, 'emergency')
      gitIsBack(scene)
      await confirm(scene)
      const isDone = results.every((each) => !Number.isNaN(Number(each)))
      return isDone ? problemOf(scene, are('blue', 'green')) : String(results)
    })
    expect(bad).toEqual([])
  })

  it('in an emergency, and a rollback completes it through git', async () => {
    const bad = await killedEmergencies(async (scene) => {
      gitIsBack(scene)
      const moves = await scene.moves(blue, 'r-9')
      const results = await scene.driver().movePointers(moves, 'rollback', held)
      if (results.some(({ status }) => status === 'rejected')) return String(outcomes(results))
      const [stable] = scene.inCluster()
      const problem = problemOf(scene, scene.inGit())
      return stable === 'order stable blue' ? problem : String(scene.inCluster())
    })
    expect(bad).toEqual([])
  })

  it('in the command after it, and the next one completes it', async () => {
    const first = await afterEmergency()
    gitIsBack(first)
    const calls = await countOf((around) => confirm(first, around))
    const bad = await failures(calls, [0, 1], async (at, variant) => {
      const scene = await afterEmergency()
      gitIsBack(scene)
      await confirm(scene, killing(at, variant === 1)).catch(() => {})
      scene.argo.settle()
      await confirm(scene)
      return problemOf(scene, are('blue', 'green'))
    })
    expect(bad).toEqual([])
  })
})
