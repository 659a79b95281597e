// Switch and rollback of the gitops driver: what they commit, and what they do when something is in the way.
import { describe, expect, it } from 'vitest'
import { beforeChange, failed, refused } from '../../../src/errors.ts'
import type { Mover } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import { are, denied, drift, failing, move, sceneOf } from './move-scene.ts'
import { type Around, blue, green, held, names, outcomes, type Scene } from './scene.ts'

const servicesFile = 'local/services/values.yaml'

describe('one commit has all of', () => {
  it.each<[string, 'blue' | 'green', Target | null, Mover, string, string[]]>([
    ['a switch', 'blue', green, 'switch', 'switch: order, payment blue → green', are('green')],
    [
      'a rollback, with the previews',
      'green',
      blue,
      'rollback',
      'rollback: order, payment green → blue',
      are('blue'),
    ],
    [
      'a rollback to nothing',
      'green',
      null,
      'rollback',
      'rollback: order, payment green → none',
      are('none', 'green'),
    ],
    [
      'what puts a switch back, without the previews: they are still the ones to switch to',
      ...(['green', blue, 'undo', 'undo: order, payment green → blue'] as const),
      are('blue', 'green'),
    ],
  ])('%s', async (_, live, to, mover, subject, expected) => {
    const scene = await sceneOf(live)
    const before = scene.subjects().length
    const results = await move(scene, to, mover)
    expect(scene.subjects().slice(before)).toEqual([subject])
    expect([scene.inGit(), scene.inCluster()]).toEqual([expected, expected])
    const now = await scene.moves(to, null)
    expect(results).toEqual(now.map(({ resourceVersion }) => resourceVersion))
    expect(scene.progress.lines).toEqual([])
  })

  it('a move of the previews', async () => {
    const scene = await sceneOf('green')
    await scene.driver().movePointers(await scene.moves(blue, null, 'preview'), 'smoke', held)
    expect(scene.subjects().at(-1)).toBe('smoke (preview): order, payment green → blue')
    expect([scene.inGit(), scene.inCluster()]).toEqual([are('green', 'blue'), are('green', 'blue')])
  })

  it('a move, with the release that git and the Services name', async () => {
    const scene = await sceneOf('green')
    await move(scene, blue, 'rollback')
    expect(scene.repo.head().message).toContain('\nShopctl-Release: r-9\n')
    expect(String(scene.repo.head().files.get(servicesFile))).toContain('release: r-9')
    const service = scene.api.objects.get('/api/v1/namespaces/shop/services/order')
    expect(service?.metadata?.annotations).toMatchObject({ 'shopctl.dev/release': 'r-9' })
  })
})

it.each<[Mover, 'blue' | 'green', Target]>([
  ['switch', 'blue', green],
  ['rollback', 'green', blue],
])('a %s asks for nothing twice before it writes', async (mover, live, to) => {
  const scene = await sceneOf(live)
  await scene.repo.fetch()
  const calls: string[] = []
  const driver = scene.driver((name, run) => {
    calls.push(name)
    return run()
  })
  const moves = await scene.moves(to, 'r-9')
  driver.prepare(held)
  await driver.movePointers(moves, mover, held)
  const asked = calls.slice(0, calls.indexOf('objects.point'))
  expect(asked.sort()).toEqual([
    ...['argo.await', 'argo.list', 'argo.refresh', ...names.map(() => 'observer.pointer')],
    ...['repo.list', 'repo.local', 'repo.push', 'repo.read'],
  ])
})

describe('no commit is made', () => {
  it.each<[string, (scene: Scene) => Promise<unknown>]>([
    ['of no moves', (scene) => scene.driver().movePointers([], 'switch', held)],
    ['of the same move again', (scene) => move(scene, blue, 'rollback')],
    [
      'of the previews that went along',
      async (scene) =>
        scene.driver().movePointers(await scene.moves(blue, null, 'preview'), 'rollback', held),
    ],
  ])('%s', async (_, act) => {
    const scene = await sceneOf('green')
    await move(scene, blue, 'rollback')
    const before = scene.repo.head().commit
    await act(scene)
    expect(scene.repo.head().commit).toBe(before)
    expect([scene.inGit(), scene.inCluster()]).toEqual([are('blue'), are('blue')])
  })
})

describe('a switch changes nothing', () => {
  const rule = refused({ code: 'push-rejected', message: 'protected branch' })
  const away = failed({ code: 'config-repo-unreachable', message: 'no answer' })
  const text = (scene: Scene) => String(scene.repo.head().files.get(servicesFile))
  it.each<[string, string, (scene: Scene) => unknown]>([
    [
      'without its Application',
      'application-missing',
      ({ argo }) => argo.remove('shop.local.services'),
    ],
    [
      'while its Application follows another branch',
      'application-differs',
      ({ argo }) =>
        argo.edit('shop.local.services', {
          source: { url: 'http://git/config.git', branch: 'x', path: 'local/services' },
        }),
    ],
    [
      'while Argo CD does not sync by itself',
      'application-differs',
      ({ argo }) =>
        argo.edit('shop.local.services', {
          automatic: { sync: false, selfHeal: false, prune: false },
        }),
    ],
    [
      'while an operation runs that does not end',
      'argocd-late',
      (scene) => {
        drift(scene, 'order-preview')
        for (let left = 3; left > 0; left--) scene.argo.step()
        scene.argo.faults.down = true
      },
    ],
    [
      'if the server rejects the push',
      'push-rejected',
      ({ repo }) => Object.assign(repo.faults, { push: rule }),
    ],
    [
      'if the config repo is away',
      'config-repo-unreachable',
      ({ repo }) => Object.assign(repo.faults, { fetch: away }),
    ],
    [
      'if the config repo is away, and so is the push to what was seen last',
      'config-repo-unreachable',
      async ({ repo }) => {
        await repo.fetch()
        Object.assign(repo.faults, { fetch: away, push: beforeChange(away) })
      },
    ],
    [
      'if the login may not push, and the config repo is away after that',
      'config-repo-unreachable',
      async ({ repo }) => {
        await repo.fetch()
        Object.assign(repo.faults, { fetch: away, push: rule })
      },
    ],
    [
      'if somebody pushes to the same file',
      'conflict',
      (scene) =>
        scene.repo.beforePush.push(() =>
          scene.repo.someone({ [servicesFile]: `${text(scene)}# mine\n` }),
        ),
    ],
    [
      'if git has been edited into something else',
      'bad-config-repo',
      ({ repo }) => repo.someone({ [servicesFile]: 'global:\n  selectors: 3\n' }),
    ],
  ])('%s', async (_, code, arrange) => {
    const scene = await sceneOf('blue')
    await arrange(scene)
    const others = () => scene.subjects().filter((subject) => subject !== 'By hand')
    expect(await move(scene, green, 'switch')).toEqual([code, code])
    expect(others()).toEqual([])
    expect([scene.inCluster(), scene.progress.lines]).toEqual([are('blue', 'green'), []])
  })

  it('if a Service was changed since it was read', async () => {
    const scene = await sceneOf('blue')
    const moves = await scene.moves(green, 'r-9')
    drift(scene, 'payment')
    expect(outcomes(await scene.driver().movePointers(moves, 'switch', held))).toEqual([
      'conflict',
      'conflict',
    ])
    expect([scene.subjects(), scene.inCluster()]).toEqual([[], are('blue', 'green')])
  })

  it('if the branch lost what this process has seen', async () => {
    const scene = await sceneOf('blue')
    const driver = scene.driver()
    const first = scene.repo.head().commit
    scene.repo.someone({ 'prod/x.yaml': 'x' })
    await driver.recorded()
    scene.repo.force(first)
    const results = await driver.movePointers(await scene.moves(green, 'r-9'), 'switch', held)
    expect(outcomes(results)).toEqual(['history-rewritten', 'history-rewritten'])
    expect([scene.subjects(), scene.inCluster()]).toEqual([[], are('blue', 'green')])
  })
})

it('a commit of this process that somebody has removed is missed', async () => {
  const scene = await sceneOf('blue')
  const driver = scene.driver()
  const first = scene.repo.head().commit
  await driver.movePointers(await scene.moves(green, 'r-2'), 'switch', held)
  scene.repo.force(first)
  const results = await driver.movePointers(await scene.moves(blue, 'r-3'), 'switch', held)
  expect(outcomes(results)).toEqual(['history-rewritten', 'history-rewritten'])
})

it('somebody may push to other files meanwhile', async () => {
  const scene = await sceneOf('blue')
  scene.repo.beforePush.push(() =>
    scene.repo.someone({ 'prod/x.yaml': 'x', 'local/order/blue/x.txt': 'x' }),
  )
  await move(scene, green, 'switch')
  expect(scene.subjects()).toEqual(['By hand', 'switch: order, payment blue → green'])
  expect(scene.inCluster()).toEqual(are('green'))
  expect(scene.repo.head().files.has('prod/x.yaml')).toBe(true)
})

it('says so when others push all the time, and changes nothing', async () => {
  const scene = await sceneOf('blue')
  let pushes = 0
  const moves = await scene.moves(green, 'r-9')
  const driver = scene.driver((name, run) => {
    if (name === 'repo.push') scene.repo.someone({ 'prod/x.yaml': String(pushes++) })
    return run()
  })
  const [result] = await driver.movePointers(moves, 'switch', held)
  expect(result).toMatchObject({
    reason: { code: 'conflict', message: expect.stringMatching(/^Others pushed .* 30 tries/) },
  })
  expect([pushes, scene.inGit(), scene.inCluster()]).toEqual([
    30,
    are('blue', 'green'),
    are('blue', 'green'),
  ])
})

describe('a Service', () => {
  it.each<[string, Around]>([
    ['that may not be written is left to Argo CD', denied],
    [
      'that is always changed meanwhile is left to Argo CD',
      failing('objects.point', failed({ code: 'conflict', message: 'x' })),
    ],
  ])('%s', async (_, around) => {
    const scene = await sceneOf('blue')
    const results = await move(scene, green, 'switch', around)
    expect(scene.inCluster()).toEqual(are('green'))
    const now = await scene.moves(null, null)
    expect(results).toEqual(now.map(({ resourceVersion }) => resourceVersion))
    expect(scene.progress.lines).toEqual([])
  })

  it('that somebody changes before it is written is written all the same', async () => {
    const scene = await sceneOf('blue')
    let times = 0
    await move(scene, green, 'switch', (name, run) => {
      if (name === 'objects.point' && times++ === 0) drift(scene, 'order')
      return run()
    })
    expect(scene.inCluster()).toEqual(are('green'))
    // One for each Service, and a second one.
    expect(times).toBe(3)
  })
})

it.each<[Mover, 'blue' | 'green', Target]>([
  ['switch', 'blue', green],
  ['rollback', 'green', blue],
])('a %s ends an operation that hangs', async (mover, live, to) => {
  const scene = await sceneOf(live)
  scene.argo.faults.hanging.add('shop.local.services')
  drift(scene, 'order')
  for (let left = 3; left > 0; left--) scene.argo.step()
  expect(scene.argo.show('shop.local.services')).toMatchObject({ busy: true })
  const moving = move(scene, to, mover, (name, run) => {
    if (name === 'repo.push') scene.argo.faults.hanging.clear()
    return run()
  })
  await moving
  expect([scene.inCluster(), scene.progress.lines]).toEqual([are(to.color), []])
})

it('the end of all moves at once is waited for, and what goes wrong in one is said', async () => {
  const scene = await sceneOf('blue')
  let fail = (): void => {}
  const gate = new Promise<void>((_, reject) => {
    fail = () => reject(failed({ code: 'sync-failed', message: 'no' }))
  })
  let points = 0
  let isHeld = false
  const driver = scene.driver(async (name, run) => {
    if (name === 'objects.point') points += 1
    if (name === 'argo.await' && points === 1 && !isHeld) {
      isHeld = true
      await gate
    }
    return run()
  })
  const moves = await scene.moves(green, 'r-9')
  const results = await Promise.all(
    moves.map((each) => driver.movePointers([each], 'switch', held)),
  )
  expect(results.flat().map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  const settling = driver.settle()
  fail()
  await expect(settling).rejects.toMatchObject({ code: 'sync-failed' })
})
