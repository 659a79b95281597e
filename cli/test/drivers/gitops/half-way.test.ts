// A switch was killed when git had all of it and the cluster one Service. Git would still move the other one.
import { expect, it } from 'vitest'
import { are, sceneOf, withMoves } from './move-scene.ts'
import { blue, green, held, type Scene } from './scene.ts'

async function halfWay(): Promise<Scene> {
  const scene = await sceneOf('blue')
  const { api, repo } = scene
  repo.someone(withMoves(scene, green, 'r-9'), 'switch\n\nShopctl-Operation: switch\n')
  const path = '/api/v1/namespaces/shop/services/order'
  const found = api.objects.get(path)
  const spec = found?.spec as { selector: Record<string, string> }
  const selector = {
    ...spec.selector,
    ...{ 'shopctl.dev/color': 'green', 'shopctl.dev/revision': green.revision },
  }
  api.put(path, { ...found, spec: { ...spec, selector } })
  expect(scene.inCluster()).toContain('order stable green')
  expect(scene.inCluster()).toContain('payment stable blue')
  return scene
}

/** As a rollback moves them: the one that was written, and the other one where it is. */
async function back(scene: Scene) {
  const moves = await scene.moves(blue, 'r-10')
  return moves.map((each) => ({ ...each, from: each.service === 'order' ? green : blue }))
}

it('a rollback takes back both, in one commit', async () => {
  const scene = await halfWay()
  const before = scene.subjects().length
  await scene.driver().movePointers(await back(scene), 'rollback', held)
  expect(scene.inCluster().filter((line) => line.includes('stable'))).toEqual([
    'order stable blue',
    'payment stable blue',
  ])
  expect(scene.subjects().slice(before)).toEqual(['rollback: order, payment green → blue'])
  scene.argo.settle()
  expect([scene.inGit(), scene.inCluster()]).toEqual([are('blue'), are('blue')])
})
