// Somebody has forced the branch back, so git does not have what is live.
import { beforeEach, describe, expect, it } from 'vitest'
import { are, move } from './move-scene.ts'
import { aWrite, blue, createScene, green, held, outcomes, type Scene } from './scene.ts'

const differs = 'config-repo-differs'
let scene: Scene
let first: string
let lost: string

/** r-2 made green live. Its commit is gone, and Argo CD has not looked since. */
beforeEach(async () => {
  scene = createScene()
  first = scene.repo.head().commit
  await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'switch', held)
  scene.argo.settle()
  lost = scene.repo.head().commit
  scene.repo.force(first)
})

/** What the next command would plan a move from. */
const movesFrom = async (to: typeof blue) =>
  (await scene.moves(to, 'r-9')).map((each) => ({ ...each, from: green }))

describe('while the cluster runs a release that git does not have', () => {
  it('nothing is planned, and both are named', async () => {
    await expect(scene.driver().recorded()).rejects.toMatchObject({
      ...{ kind: 'refused', code: differs },
      message: expect.stringMatching(
        /order: git says blue \(a{10}, r-1\), the cluster green \(b{10}, r-2\)/,
      ),
      hint: expect.stringMatching(/Argo CD.*push.*`shopctl rollback`/s),
    })
  })

  it.each<[string, (scene: Scene) => Promise<unknown[]>]>([
    [
      'a deploy',
      async () => outcomes(await scene.driver().writeSlots([aWrite('order', 'blue', 'c')], held)),
    ],
    [
      'a cleanup',
      async () =>
        outcomes(await scene.driver().removeSlots([{ service: 'order', slot: blue }], held)),
    ],
    [
      'a switch',
      async () =>
        outcomes(
          await scene
            .driver()
            .movePointers(await movesFrom({ color: 'blue', revision: 'c' }), 'switch', held),
        ).slice(1),
    ],
  ])('nothing is changed by %s', async (_, act) => {
    expect(await act(scene)).toEqual([differs])
    expect(scene.repo.head().commit).toBe(first)
    expect(scene.inCluster()).toEqual(are('green'))
  })

  it('a rollback makes both say the same', async () => {
    const results = await scene.driver().movePointers(await movesFrom(blue), 'rollback', held)
    expect(outcomes(results)).toEqual([expect.any(String), expect.any(String)])
    expect(scene.progress.lines.filter((line) => !line.includes('rewritten'))).toEqual([])
    scene.argo.settle()
    expect([scene.inGit(), scene.inCluster()]).toEqual([are('blue'), are('blue')])
    await scene.driver().recorded()
  })

  it('the commit can be pushed back', async () => {
    scene.repo.force(lost)
    await scene.driver().recorded()
    expect(scene.progress.lines).toEqual([])
  })
})

describe('what differs for another reason', () => {
  it('is found as late as before the push', async () => {
    scene.repo.force(lost)
    const driver = scene.driver()
    await driver.recorded()
    scene.repo.beforePush.push(() => {
      const { files } = scene.repo.at(first)
      const file = 'local/services/values.yaml'
      scene.repo.someone({ [file]: String(files.get(file)) })
    })
    const results = await driver.writeSlots([aWrite('order', 'blue', 'c')], held)
    expect(outcomes(results)).toEqual([differs])
    expect(scene.subjects().at(-1)).toBe('By hand')
  })

  it('is fine in an emergency, until that is over', async () => {
    scene.repo.force(lost)
    await scene.driver().movePointers(await scene.moves(blue, 'r-3'), 'emergency', held)
    expect([scene.inGit()[0], scene.inCluster()[0]]).toEqual([are('green')[0], are('blue')[0]])
    await scene.driver().recorded()
    await scene.driver().confirm([], held)
    expect(outcomes(await scene.driver().removeSlots([], held))).toEqual([])
    expect(scene.inGit()[0]).toBe(are('blue')[0])
  })

  it('is fine if a Service is missing: Argo CD makes it', async () => {
    for (const path of [...scene.api.objects.keys()])
      if (path.endsWith('/services/order') || path.endsWith('/services/payment'))
        scene.api.remove(path)
    await scene.driver().recorded()
  })
})

describe('that the branch was rewritten', () => {
  it('is said once, with both commits', async () => {
    await move(scene, blue, 'rollback')
    const line = `! Somebody has rewritten the branch of the config repo: ${lost.slice(0, 12)}, which this machine has seen there, is not part of ${first.slice(0, 12)}.`
    expect(scene.progress.lines).toEqual([expect.stringContaining(line)])
    await scene.driver().recorded()
    expect(scene.progress.lines).toHaveLength(1)
  })

  it('is not said of pushes by others', async () => {
    scene.repo.force(lost)
    scene.repo.someone({ 'prod/x.yaml': 'x' })
    await scene.driver().recorded()
    expect(scene.progress.lines).toEqual([])
  })
})
