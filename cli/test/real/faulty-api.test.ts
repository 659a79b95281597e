// An API server whose reads fail now and then does not end a command.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { reachThrough } from './api-proxy.ts'
import { type FaultyApi, startFaultyApi } from './faulty-api.ts'
import { copyTree, ensureLive, platformEnv, shopctlOk, status, type Tree } from './shop.ts'

let api: FaultyApi
let tree: Tree

beforeAll(async () => {
  await ensureLive()
  api = await startFaultyApi('faulty')
  tree = await copyTree()
  await reachThrough(tree, 'faulty')
  await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
}, 300_000)

afterAll(async () => {
  await api?.close()
  await tree?.remove()
})

test('all verbs pass while every eleventh read fails', async () => {
  const env = { ...(await platformEnv()), KUBECONFIG: api.kubeconfig }
  const before = (await status()).services.payment?.active
  const payment = ['--service', 'payment']
  for (const args of [
    ['status'],
    ['build', ...payment],
    ['push', ...payment],
    ['plan', ...payment],
    ['release', ...payment],
    ['messages', 'list'],
    ['audit', '--wait', '60'],
    ['rollback'],
    ['history'],
    ['cleanup', ...payment],
  ])
    await shopctlOk(args, { cwd: tree.dir, env })
  expect((await status()).services.payment?.active).toBe(before)
  for (const [fault, times] of Object.entries(api.injected)) expect(times, fault).toBeGreaterThan(0)
}, 300_000)
