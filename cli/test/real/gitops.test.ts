// An environment that Argo CD releases: the same day as with helm, under load, and by hand.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { cloneRepo, env, type Repo } from './config-repo.ts'
import {
  activeColor,
  addHook,
  expectAtRest,
  follow,
  freshGitops,
  inArgocd,
  liveColors,
  orderNow,
  refresh,
  removeHook,
  startSync,
  toAndFro,
  watchOrder,
} from './gitops.ts'
import {
  copyTree,
  edgeUrl,
  freshEnvironment,
  kubectlOk,
  other,
  releaseHolds,
  type Status,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
} from './shop.ts'
import { underLoad } from './under-load.ts'

let tree: Tree
let repo: Repo

beforeAll(async () => {
  await freshEnvironment()
  await freshGitops()
  tree = await copyTree()
  repo = await cloneRepo()
}, 900_000)

afterAll(async () => {
  await tree?.remove()
  await repo?.remove()
})

/** What both drivers must agree on after each step. */
function seen({ services, operation, lock }: Status) {
  const slotsOf = (slots: Status['services'][string]['slots']) =>
    Object.fromEntries(
      Object.entries(slots).map(([color, slot]) => [
        color,
        slot && {
          digest: slot.digest,
          version: slot.version,
          full: slot.ready === slot.replicas,
          smoked: slot.smoked,
        },
      ]),
    )
  const each = Object.entries(services).map(([name, { active, epoch, slots }]) => [
    name,
    { active, epoch, ...slotsOf(slots) },
  ])
  return { operation, lock, ...Object.fromEntries(each) }
}

const order = ['--service', 'order']
const day: string[][] = [
  ['release'],
  ['deploy', ...order],
  ['smoke', ...order],
  ['switch', ...order],
  ['rollback'],
  ['switch', ...order],
  ['cleanup'],
  ['rollback', '--to', 'r-1'],
]

test('the whole day is the same as with helm', async () => {
  await shopctlOk(['gitops', 'init'])
  for (const [index, step] of day.entries()) {
    if (index === 1) {
      await tree.edit('services/order/routes.ts', "'Place an order'", "'Place an order, version 2'")
      for (const verb of ['build', 'push']) await shopctlOk([verb, ...order], { cwd: tree.dir })
    }
    if (day[index - 1]?.[0] === 'rollback') {
      await releaseHolds()
      await releaseHolds(async (args) => (await shopctlOk([...args, '--env', 'test'])).stdout)
    }
    const at = Date.now()
    await shopctlOk(step, { cwd: tree.dir })
    const took = Date.now() - at
    const withGit = seen(await status())
    await expectAtRest(repo)
    if (step[0] === 'cleanup')
      expect(await kubectlOk('get', 'jobs', '--output=name')).not.toContain('order-blue')
    const again = Date.now()
    await shopctlOk([...step, '--env', 'test'], { cwd: tree.dir })
    console.info(`${step.join(' ')}: ${took} ms, with helm ${Date.now() - again} ms`)
    expect(withGit, step.join(' ')).toEqual(
      seen(await shopctlJson<Status>(['status', '--env', 'test'])),
    )
  }
  const files = (await repo.git('ls-files', `${env}/**/values.yaml`)).split('\n')
  const texts = await Promise.all(files.map((file) => readFile(join(repo.folder, file), 'utf8')))
  expect(
    Math.max(
      ...texts
        .join('\n')
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThan(160)
}, 600_000)

test('switches to and fro under load lose nothing, and no selector is ever seen to go back', async () => {
  await releaseHolds()
  await shopctlOk(['deploy', ...order], { cwd: tree.dir })
  await shopctlOk(['smoke', ...order], { cwd: tree.dir })
  const watch = await watchOrder()
  const before = await activeColor()
  const there = [before, other(before)]
  await underLoad({ url: edgeUrl }, async () => {
    await toAndFro(repo, 1)
    await addHook(repo)
    await startSync()
    await shopctlOk(['switch', ...order])
    await startSync()
    await shopctlOk(['rollback'])
  })
  await removeHook(repo)
  await expectAtRest(repo)
  expect(await watch.stop()).toEqual([...Array(2).fill(there).flat(), before])
}, 400_000)

test('by hand: a color that is changed in git moves the traffic, one in the cluster is put back', async () => {
  const { active, slots } = (await orderNow()) ?? {}
  const before = active ?? 'blue'
  const to = other(before)
  await underLoad({ url: edgeUrl }, async () => {
    await repo.edit(`${env}/services/values.yaml`, (text) => {
      const document = parseDocument(text)
      const stable = ['global', 'selectors', 'order', 'stable']
      document.setIn([...stable, 'color'], to)
      document.setIn([...stable, 'revision'], slots?.[to]?.revision)
      return document.toString()
    })
    await refresh()
    await follow(to)
    const revision = slots?.[before]?.revision
    const selector = { 'shopctl.dev/color': before, 'shopctl.dev/revision': revision }
    const patch = JSON.stringify({ spec: { selector } })
    await kubectlOk('patch', 'service', 'order', '--type=merge', `--patch=${patch}`)
    await follow(to)
  })
  await expectAtRest(repo)
  const { commits } = await shopctlJson<{ commits: object[] }>(['gitops', 'log'])
  expect(commits[0]).toMatchObject({ author: 'Jane <jane@example.com>', note: null })
}, 120_000)

test('nothing moves back after a rollback, however often Argo CD looks', async () => {
  await releaseHolds()
  await shopctlOk(['switch', ...order])
  await shopctlOk(['rollback'])
  const live = await liveColors()
  for (let n = 0; n < 15; n++) {
    await refresh('hard', '--all')
    await sleep(1_000)
    expect(await liveColors()).toEqual(live)
  }
  await expectAtRest(repo)
}, 120_000)

test('while git is away, only a rollback in an emergency works, and git says so later', async () => {
  await releaseHolds()
  await shopctlOk(['switch', ...order])
  const to = other(await activeColor())
  await kubectlOk('scale', 'statefulset', 'git', '--replicas=0', inArgocd)
  try {
    await kubectlOk('wait', '--for=delete', 'pod/git-0', inArgocd, '--timeout=30s')
    const refused = await shopctl(['rollback'])
    expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^1 .*--emergency/s)
    await shopctlOk(['rollback', '--emergency', '--reason', 'git is away'])
    await follow(to)
    expect((await shopctlOk(['status'])).stdout).toContain('did without git')
    await refresh('hard')
    await sleep(5_000)
    expect(await activeColor()).toBe(to)
  } finally {
    await kubectlOk('scale', 'statefulset', 'git', '--replicas=1', inArgocd)
    await kubectlOk('rollout', 'status', 'statefulset/git', inArgocd, '--timeout=60s')
  }
  await shopctlOk(['deploy', ...order], { cwd: tree.dir })
  expect(await activeColor()).toBe(to)
  await expectAtRest(repo)
}, 180_000)
