// A slot that goes live has at least as many pods as served before, with an autoscaler and without.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  copyTree,
  ensureLive,
  kubectl,
  kubectlOk,
  other,
  shopctl,
  shopctlOk,
  status,
  type Tree,
} from './shop.ts'

const order = ['--service', 'order']
const values = 'charts/values/order.yaml'
let tree: Tree

beforeAll(async () => {
  await ensureLive()
  tree = await copyTree()
}, 300_000)

afterAll(async () => {
  const live = await liveColor()
  // Its autoscaler would add pods again.
  const patch = JSON.stringify({ spec: { minReplicas: 2 } })
  await kubectl('patch', 'hpa', `order-${live}`, '--type=merge', `--patch=${patch}`)
  await scale(live, 2)
  await shopctlOk(['cleanup', ...order])
  await tree?.remove()
}, 120_000)

async function liveColor(): Promise<'blue' | 'green'> {
  return (await status()).services.order?.active ?? 'blue'
}

/** Pods of the slots, wanted and ready: `blue 4/4, green 2/2`. */
async function pods(): Promise<string> {
  const { slots } = (await status()).services.order ?? {}
  const each = (['blue', 'green'] as const).map((color) => {
    const slot = slots?.[color]
    return slot ? `${color} ${slot.ready}/${slot.replicas}` : `${color} -`
  })
  return each.join(', ')
}

/** The same for both slots, whichever is live. */
function both(text: string): string {
  return `blue ${text}, green ${text}`
}

async function scale(color: string, replicas: number): Promise<void> {
  await kubectlOk('scale', `deployment/order-${color}`, `--replicas=${replicas}`)
  await kubectlOk('rollout', 'status', `deployment/order-${color}`, '--timeout=60s')
}

async function change(what: string): Promise<void> {
  await tree.append('services/order/main.ts', `\n// ${what}\n`)
}

const inTree = () => ({ cwd: tree.dir })

test('a live slot that was scaled up is followed by one with as many pods, as plan says', async () => {
  await scale(await liveColor(), 4)
  await change('capacity: one')
  for (const verb of ['build', 'push']) await shopctlOk([verb, ...order], inTree())
  const { stdout } = await shopctlOk(['plan', ...order], inTree())
  expect(stdout).toContain('gets 4 pods, as many as the live slot; its values say 2')
  await shopctlOk(['release', ...order], inTree())
  expect(await pods()).toBe(both('4/4'))
}, 180_000)

test('a switch to fewer pods is refused, and the command that it names helps', async () => {
  const live = await liveColor()
  await scale(live, 2)
  await change('capacity: two')
  for (const verb of ['build', 'push', 'deploy', 'smoke'])
    await shopctlOk([verb, ...order], inTree())
  await scale(live, 3)
  const refused = await shopctl(['switch', ...order], inTree())
  expect(refused.stderr).toContain(`order ${other(live)} has 2 pods, but ${live}`)
  expect(refused.stderr).toContain('shopctl deploy --service order')
  expect(refused.exitCode).toBe(2)
  for (const verb of ['deploy', 'switch']) await shopctlOk([verb, ...order], inTree())
  expect(await pods()).toBe(both('3/3'))
  expect(await liveColor()).toBe(other(live))
}, 180_000)

test('a rollback to fewer pods goes at once and raises them', async () => {
  const live = await liveColor()
  await scale(live, 4)
  const { stderr } = await shopctlOk(['rollback', ...order])
  expect(stderr).toContain(`order ${other(live)} has 3 pods and gets 4`)
  await kubectlOk('rollout', 'status', `deployment/order-${other(live)}`, '--timeout=60s')
  expect(await pods()).toBe(both('4/4'))
}, 180_000)

test('another number in the values scales the live slot, and releases nothing', async () => {
  const live = await liveColor()
  await scale(live, 2)
  await tree.edit(values, 'replicas: 2', 'replicas: 3')
  const before = (await status()).services.order
  // The tree is that of the slot that stands by: back to what is live.
  await tree.edit('services/order/main.ts', '\n// capacity: two\n', '')
  const { stdout } = await shopctlOk(['release', ...order], inTree())
  expect(stdout).toContain('Nothing was released')
  await kubectlOk('rollout', 'status', `deployment/order-${live}`, '--timeout=60s')
  const after = (await status()).services.order
  expect(after?.active).toBe(live)
  expect(after?.slots[live]).toMatchObject({ replicas: 3, ready: 3 })
  expect(after?.slots[live]?.revision).toBe(before?.slots[live]?.revision)
}, 180_000)

describe('under an autoscaler', () => {
  async function least(color: string): Promise<string> {
    const output = '--output=jsonpath={.spec.minReplicas} to {.spec.maxReplicas}'
    return kubectlOk('get', 'hpa', `order-${color}`, output)
  }

  test('the new slot has as many pods, and the old one keeps its own', async () => {
    const autoscaling = 'autoscaling: { maxReplicas: 6, targetCPUUtilizationPercentage: 80 }'
    await tree.append(values, `\n${autoscaling}\n`)
    await shopctlOk(['release', ...order], inTree())
    const old = await liveColor()
    expect(await least(old)).toBe('3 to 6')
    // As its autoscaler does under load.
    await scale(old, 4)
    await change('capacity: three')
    await shopctlOk(['release', ...order], inTree())
    expect(await pods()).toBe(both('4/4'))
    expect(await least(old)).toBe('4 to 6')
    expect(await least(other(old))).toBe('3 to 6')
    await shopctlOk(['rollback', ...order])
    expect(await least(old)).toBe('3 to 6')
    expect(await least(other(old))).toBe('4 to 6')
    expect(await pods()).toBe(both('4/4'))
  }, 240_000)
})
