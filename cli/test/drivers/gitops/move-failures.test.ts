// A switch that fails after its push is taken back. A rollback goes on.
import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../src/adapters/kubernetes/observer.ts'
import { failed, refused } from '../../../src/errors.ts'
import { pointBack } from '../../../src/release/move/pointers.ts'
import type { Mover } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import { killingAfter } from './kills.ts'
import { are, broken, denied, move, sceneOf, withMoves } from './move-scene.ts'
import { type Around, blue, createScene, green, held, names, type Scene } from './scene.ts'

describe('what fails after the push', () => {
  type Problem = [title: string, code: string, arrange: (scene: Scene) => unknown, around?: Around]
  const problems: Problem[] = [
    ['Argo CD is down', 'argocd-late', ({ argo }) => Object.assign(argo.faults, { down: true })],
    [
      'Argo CD is too slow',
      'argocd-late',
      ({ argo }) => Object.assign(argo.faults, { stepMs: 40_000 }),
    ],
    [
      'a window is closed, and only Argo CD may write',
      'sync-not-begun',
      ({ argo }) => Object.assign(argo.faults, { closed: true }),
      denied,
    ],
    [
      'the sync fails',
      'sync-failed',
      ({ argo }) =>
        Object.assign(argo.faults.failing, { 'shop.local.services': 'Service order: invalid' }),
      denied,
    ],
    [
      'Argo CD cannot compare',
      'argocd-error',
      ({ argo }) => Object.assign(argo.faults.complaints, { 'shop.local.services': 'no chart' }),
    ],
    ['the API server is away', 'cluster-unreachable', () => {}, broken],
  ]

  /** Whatever held Argo CD up is over. */
  const recovered = ({ argo }: Scene): void => {
    Object.assign(argo.faults, { stepMs: 250, closed: false, failing: {}, complaints: {} })
    argo.restart()
    argo.settle()
  }

  it.each(problems)(
    'of a switch is taken back in git, and nothing moves later: %s',
    async (_, code, arrange, around) => {
      const scene = await sceneOf('blue')
      arrange(scene)
      expect(await move(scene, green, 'switch', around)).toEqual([code, code])
      expect(scene.inGit()).toEqual(are('blue', 'green'))
      expect(scene.subjects()).toEqual([
        'switch: order, payment blue → green',
        'undo: order, payment green → blue',
      ])
      recovered(scene)
      expect(scene.inCluster()).toEqual(are('blue', 'green'))
    },
  )

  it('of a switch is taken back with the previews that went along', async () => {
    const scene = await sceneOf('green')
    await move(scene, blue, 'rollback')
    const before = scene.repo.head().files
    expect(await move(scene, green, 'switch', broken)).toEqual([
      'cluster-unreachable',
      'cluster-unreachable',
    ])
    expect(scene.repo.head().files).toEqual(before)
  })

  it('of a switch is taken back to what serves, also when git was ahead of it', async () => {
    const scene = await sceneOf('blue')
    scene.argo.faults.down = true
    // Killed right after its push.
    const moves = await scene.moves(green, 'r-9')
    await scene.driver(killingAfter('repo.push')).movePointers(moves, 'switch', held)
    expect(scene.inGit()).toEqual(are('green'))
    expect(await move(scene, green, 'switch')).toEqual(['argocd-late', 'argocd-late'])
    expect(scene.inGit()).toEqual(are('blue', 'green'))
    recovered(scene)
    expect(scene.inCluster()).toEqual(are('blue', 'green'))
  })

  it.each([4, 4.5, 5, 6, 8])(
    'of a switch moves no Service any more when it has ended: %i s for a step',
    async (seconds) => {
      const scene = createScene({ limitSeconds: 10 })
      scene.argo.faults.stepMs = seconds * 1_000
      expect(await move(scene, green, 'switch', denied)).toEqual(['argocd-late', 'argocd-late'])
      const last = scene.seen.splice(0).at(-1) ?? ''
      recovered(scene)
      const later = names.flatMap((name) => {
        const isBlue = last.includes(`${name} stable blue`)
        return isBlue ? scene.seen.filter((each) => each.includes(`${name} stable green`)) : []
      })
      expect(later).toEqual([])
      expect(scene.inCluster()).toEqual(are('blue', 'green'))
    },
  )

  it('of a switch is taken back where nobody has changed it since', async () => {
    const scene = await sceneOf('blue')
    await move(scene, green, 'switch', (name, run) => {
      if (name !== 'objects.point') return run()
      scene.repo.someone(withMoves(scene, null, null, ['order']))
      throw failed({ code: 'cluster-unreachable', message: 'no' })
    })
    expect(scene.inGit()).toEqual([
      ...['order stable none', 'order preview green'],
      ...['payment stable blue', 'payment preview green'],
    ])
    expect(scene.subjects().at(-1)).toBe('undo: payment green → blue')
  })

  it('of a switch stays in git if it cannot be taken back, and that is said', async () => {
    const scene = await sceneOf('blue')
    const gone = failed({ code: 'config-repo-unreachable', message: 'no answer from git' })
    const moved = await move(scene, green, 'switch', (name, run) => {
      if (name !== 'objects.point') return run()
      scene.repo.faults.push = gone
      throw failed({ code: 'cluster-unreachable', message: 'no' })
    })
    expect(scene.inGit()).toEqual(are('green'))
    expect(JSON.stringify(moved)).toContain('not-taken-back')
  })

  it('of a switch stays in git if nobody knows whether it has arrived, and that is said', async () => {
    const scene = await sceneOf('blue')
    const away = failed({ code: 'config-repo-unreachable', message: 'no answer from git' })
    await scene.repo.fetch()
    Object.assign(scene.repo.faults, { fetch: away, push: away })
    expect(await move(scene, green, 'switch')).toEqual(['not-taken-back', 'not-taken-back'])
  })

  it('of a switch ends no operation of others if git has nothing of it', async () => {
    const scene = await sceneOf('blue')
    const away = failed({ code: 'config-repo-unreachable', message: 'no answer from git' })
    const calls: string[] = []
    await move(scene, green, 'switch', (name, run) => {
      calls.push(name)
      // The push is lost on its way.
      if (name === 'repo.push') throw away
      return run()
    })
    expect(scene.subjects()).toEqual([])
    expect(calls.slice(calls.lastIndexOf('repo.push'))).not.toContain('argo.refresh')
  })

  it.each(problems.slice(0, 5).map(([title, , arrange]): [string, Problem[2]] => [title, arrange]))(
    'of a rollback does not stop it: %s',
    async (_, arrange) => {
      const scene = await sceneOf('green')
      arrange(scene)
      const from = scene.clock.monotonic()
      const now = await move(scene, blue, 'rollback')
      const took = scene.clock.monotonic() - from
      expect(scene.inGit()).toEqual(are('blue'))
      expect(await scene.pointer('order')).toEqual(blue)
      expect(await scene.pointer('payment')).toEqual(blue)
      expect(now).toEqual(
        (await scene.moves(null, null)).map(({ resourceVersion }) => resourceVersion),
      )
      expect(took).toBeLessThanOrEqual(20_000)
      // As the command goes on.
      await scene.driver().movePointers(await scene.moves(blue, null, 'preview'), 'rollback', held)
      recovered(scene)
      expect(scene.inCluster()).toEqual(are('blue'))
    },
  )

  it.each<Mover>(['rollback', 'undo'])('of a rollback is said: %s', async (mover) => {
    const scene = await sceneOf('green')
    scene.argo.faults.down = true
    await move(scene, blue, mover)
    expect(await scene.pointer('order')).toEqual(blue)
    expect(scene.progress.lines).toEqual([
      expect.stringMatching(/^! This goes on without Argo CD: /),
    ])
  })

  it('of a rollback that may not write is carried out when Argo CD is back', async () => {
    const scene = await sceneOf('green')
    scene.argo.faults.down = true
    const moves = await scene.moves(blue, 'r-9')
    const [result] = await scene.driver(denied).movePointers(moves, 'rollback', held)
    expect(result).toMatchObject({
      reason: {
        ...{ code: 'not-carried-out', exitCode: 1, message: expect.stringMatching(/^Git has it/) },
        hint: expect.stringMatching(/when it is back.* deployer.*rollback --emergency/),
      },
    })
    expect([scene.inGit(), scene.inCluster()]).toEqual([are('blue'), are('green')])
    recovered(scene)
    expect(scene.inCluster()).toEqual(are('blue'))
  })
})

describe('an error after the push says that something was changed', () => {
  it.each<[string, 'kept' | 'refresh' | 'read']>([
    ['if the commit that Argo CD has seen cannot be compared', 'kept'],
    ['if Argo CD may not be asked to look', 'refresh'],
    ['if a Service may not be read', 'read'],
  ])('%s', async (_, what) => {
    const scene = await sceneOf('blue')
    const no = refused({ code: 'not-allowed', message: 'no' })
    let isPushed = false
    const around: Around = (name, run) => {
      if (name === 'repo.push') isPushed = true
      // Argo CD compares with a later commit.
      if (name === 'argo.refresh') scene.repo.someone({ 'prod/x.yaml': 'x' })
      const calls = { kept: 'repo.keeps', refresh: 'argo.refresh', read: 'observer.pointer' }
      if (isPushed && name === calls[what]) throw no
      return run()
    }
    const moves = await scene.moves(green, 'r-9')
    const [result] = await scene.driver(around).movePointers(moves, 'switch', held)
    expect(result).toMatchObject({ reason: { code: 'not-allowed', exitCode: 1 } })
  })
})

it('a switch takes back what it has moved, and not what another release has moved alike', async () => {
  const scene = await sceneOf('blue')
  await move(scene, green, 'switch', (name, run) => {
    if (name !== 'objects.point') return run()
    scene.repo.someone(withMoves(scene, green, 'r-10', ['order']))
    throw failed({ code: 'cluster-unreachable', message: 'no' })
  })
  expect(scene.inGit()).toEqual([
    ...['order stable green', 'order preview green'],
    ...['payment stable blue', 'payment preview green'],
  ])
})

it('a switch of which one Service was written before it failed moves all or none', async () => {
  const scene = await sceneOf('blue')
  let points = 0
  const moved = await move(scene, green, 'switch', async (name, run) => {
    if (name === 'objects.point' && points++ === 1)
      throw failed({ code: 'cluster-unreachable', message: 'no' })
    return run()
  })
  // All are reported alike, so the release looks at the cluster for what was written.
  expect(moved).toEqual(['cluster-unreachable', 'cluster-unreachable'])
  expect(scene.inCluster()).toContain('order stable green')
  const side = (target: Target) => ({ ...target, version: '1', digest: 'sha256:1' })
  const moves = names.map((name) => ({ name, from: side(blue), to: side(green) }))
  const ports = {
    ...{ driver: scene.driver(), signal: held, lost: held },
    observer: createObserver(scene.api, 'shop', names),
  }
  await pointBack(ports, moves, 'r-9', new Map())
  expect([scene.inGit(), scene.inCluster()]).toEqual([are('blue', 'green'), are('blue', 'green')])
  scene.argo.settle()
  expect(scene.inCluster()).toEqual(are('blue', 'green'))
})
