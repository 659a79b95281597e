// 100 moves of a shop that Argo CD releases, under load.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cloneRepo, type Repo } from '../real/config-repo.ts'
import {
  activeColor,
  addHook,
  ensureGitops,
  expectAtRest,
  removeHook,
  startSync,
  toAndFro,
  watchOrder,
} from '../real/gitops.ts'
import addArgocd from '../real/gitops-setup.ts'
import { copyTree, edgeUrl, other, releaseHolds, shopctlOk, type Tree } from '../real/shop.ts'
import { underLoad } from '../real/under-load.ts'

const moves = 100
/** How often order moves to and fro while a hook of 12 s runs. */
const hooked = 5
const order = ['--service', 'order']
let tree: Tree
let repo: Repo
let removeArgocd: (() => Promise<void>) | undefined

beforeAll(async () => {
  removeArgocd = await addArgocd()
  await ensureGitops()
  tree = await copyTree()
  repo = await cloneRepo()
  await tree.edit('services/order/routes.ts', "'Place an order'", "'Place an order, again'")
  for (const verb of ['build', 'push', 'deploy', 'smoke'])
    await shopctlOk([verb, ...order], { cwd: tree.dir })
}, 900_000)

afterAll(async () => {
  await tree?.remove()
  await repo?.remove()
  await removeArgocd?.()
}, 300_000)

test(`${moves} moves lose nothing, and no selector is ever seen to go back`, async () => {
  const before = await activeColor()
  const watch = await watchOrder()
  const outcome = await underLoad({ url: edgeUrl }, async () => {
    await toAndFro(repo, moves / 2 - hooked)
    await addHook(repo)
    for (let n = 0; n < hooked; n++) {
      for (const move of [['switch', ...order], ['rollback']]) {
        await startSync()
        await shopctlOk(move)
      }
      await releaseHolds()
    }
    await removeHook(repo)
    await expectAtRest(repo)
  })
  console.info(`${outcome.load.accepted} orders, ${outcome.failures} requests failed`)
  const there = [before, other(before)]
  expect(await watch.stop()).toEqual([
    ...Array(moves / 2)
      .fill(there)
      .flat(),
    before,
  ])
}, 1_800_000)
