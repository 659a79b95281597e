// Commands that are killed where it hurts, a controller of Argo CD that is killed, and two releases at once: one command
// more, and all is as it has to be.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cloneRepo, type Repo } from '../real/config-repo.ts'
import {
  activeColor,
  ensureGitops,
  expectAtRest,
  inArgocd,
  liveColors,
  watchFields,
} from '../real/gitops.ts'
import addArgocd from '../real/gitops-setup.ts'
import {
  copyTree,
  kubectlOk,
  releaseHolds,
  shopctl,
  shopctlOk,
  startShopctl,
  status,
  type Tree,
  until,
} from '../real/shop.ts'

const order = ['--service', 'order']
const switchOrder = ['switch', ...order, '--skip-smoke', '--reason', 'a test']
let trees: Tree[] = []
let repo: Repo
let removeArgocd: (() => Promise<void>) | undefined

beforeAll(async () => {
  removeArgocd = await addArgocd()
  await ensureGitops()
  trees = await Promise.all([copyTree(), copyTree()])
  repo = await cloneRepo()
  await trees[0]?.edit('services/order/routes.ts', "'Place an order'", "'Place an order, again'")
  for (const verb of ['build', 'push', 'deploy']) await shopctlOk([verb, ...order], inTree())
}, 900_000)

// Each test moves to and fro between the same two versions.
beforeEach(() => releaseHolds())

/** The tree with another version of order. */
function inTree(): { cwd: string } {
  return { cwd: trees[0]?.dir ?? '' }
}

afterAll(async () => {
  await Promise.all(trees.map((tree) => tree.remove()))
  await repo?.remove()
  await removeArgocd?.()
}, 300_000)

const moments = ['recorded', 'in git', 'in the cluster'] as const
type Moment = (typeof moments)[number]

/** Where the API server tells what a command has done so far: the object, and the fields to look at. */
const written: Record<'move' | 'deploy', [what: string[], fields: string]> = {
  move: [['service', 'order'], String.raw`{.spec.selector.shopctl\.dev/color}`],
  deploy: [['deployments', '--selector=app.kubernetes.io/name=order'], '{.metadata.name}'],
}
const journal: [string[], string] = [['configmap', 'shopctl-journal'], '{.data.head}']

interface Look {
  /** Waits until a command that starts after this has come so far. */
  seen(): Promise<void>
  stop(): Promise<unknown>
}

async function lookFor(moment: Moment, kind: keyof typeof written): Promise<Look> {
  if (moment === 'in git') {
    const head = () => repo.git('ls-remote', 'origin', 'main')
    const before = await head()
    const seen = () => until('a commit is in git', async () => (await head()) !== before)
    return { seen, stop: async () => {} }
  }
  const watch = await watchFields(...(moment === 'recorded' ? journal : written[kind]))
  const before = watch.seen.length
  const seen = () => until(`it is ${moment}`, () => watch.seen.length > before)
  return { seen, stop: watch.stop }
}

/** Starts the command, and kills it and all that it has started. */
async function killed(
  args: readonly string[],
  moment: Moment,
  kind: keyof typeof written = 'move',
): Promise<void> {
  const { seen, stop } = await lookFor(moment, kind)
  const { child, ended } = startShopctl(args, inTree().cwd)
  await seen()
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  const [, signal] = await ended
  await stop()
  expect(signal, 'a command that was still at work').toBe('SIGKILL')
}

/** Ends on this color, with nothing left to do. */
async function expectBackOn(color: string): Promise<void> {
  if ((await activeColor()) !== color || (await status()).operation) await shopctlOk(['rollback'])
  await expectAtRest(repo)
  expect(await activeColor()).toBe(color)
  expect((await status()).operation).toBeNull()
}

describe.each(moments)('killed when it is %s', (moment) => {
  test('a switch is undone by a rollback', async () => {
    const before = await activeColor()
    await killed(switchOrder, moment)
    await expectBackOn(before)
  }, 60_000)

  test('a rollback is ended by the next one', async () => {
    const before = await activeColor()
    await shopctlOk(switchOrder)
    await killed(['rollback'], moment)
    await expectBackOn(before)
  }, 60_000)

  test('a deploy is ended by the next one', async () => {
    await shopctlOk(['cleanup', ...order])
    const live = await liveColors()
    await killed(['deploy', ...order], moment, 'deploy')
    await shopctlOk(['deploy', ...order], inTree())
    await expectAtRest(repo)
    expect(await liveColors()).toEqual(live)
    expect((await status()).operation).toBeNull()
  }, 90_000)
})

test('a controller of Argo CD that is killed in the middle of a rollback does not hold it up', async () => {
  const before = await activeColor()
  await shopctlOk(switchOrder)
  const { seen } = await lookFor('in git', 'move')
  const { ended, stderr } = startShopctl(['rollback'], inTree().cwd)
  await seen()
  const pod = ['pod', 'argocd-application-controller-0', inArgocd]
  await kubectlOk('delete', ...pod, '--grace-period=0', '--force')
  const [exitCode] = await ended
  expect(exitCode, stderr()).toBe(0)
  expect(await activeColor()).toBe(before)
  await kubectlOk('wait', '--for=condition=Ready', ...pod, '--timeout=60s')
  await expectAtRest(repo)
  expect(await activeColor()).toBe(before)
}, 120_000)

/** Of the image that is live, by service. */
async function liveDigests(): Promise<Record<string, string | undefined>> {
  const entries = Object.entries((await status()).services).map(([name, { active, slots }]) => [
    name,
    active === null ? undefined : slots[active]?.digest,
  ])
  return Object.fromEntries(entries)
}

test('two releases at once from two clones, while others push: one goes first, and both are there', async () => {
  const [one, two] = trees
  await Promise.all([
    one?.edit('services/order/routes.ts', "'Place an order, again'", "'Place an order, by one'"),
    two?.edit('services/inventory/main.ts', /^/, 'process.env.BUILT = "by two"\n'),
  ])
  const before = await liveDigests()
  let pushing = true
  const pushes = (async () => {
    let count = 0
    for (; pushing && count < 200; count++) {
      await repo.commit('README.md', `${count}\n`)
      await sleep(1_000)
    }
    return count
  })()
  try {
    const release = (tree: Tree | undefined, service: string) =>
      shopctl(['release', '--service', service], { cwd: tree?.dir ?? '' })
    const ended = await Promise.all([release(one, 'order'), release(two, 'inventory')])
    for (const [index, { exitCode, stderr }] of ended.entries()) {
      if (exitCode === 0) continue
      expect(stderr).toMatch(/lock|holds/)
      const again = await release(trees[index], index === 0 ? 'order' : 'inventory')
      expect(again.exitCode, again.stderr).toBe(0)
    }
  } finally {
    pushing = false
  }
  expect(await pushes).toBeGreaterThan(5)
  const after = await liveDigests()
  for (const name of ['order', 'inventory']) expect(after[name], name).not.toBe(before[name])
  await expectAtRest(repo)
}, 300_000)
