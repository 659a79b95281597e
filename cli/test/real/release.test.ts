// The main job: four services live, a second version of one released under load, back, and forward again.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Exchange, settle, startShoppers } from '../../../services/shop/shoppers.ts'
import {
  copyTree,
  edgeUrl,
  freshEnvironment,
  kubectlOk,
  other,
  releaseHolds,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  testWithProbe,
} from './shop.ts'

interface Switched {
  release: string
  services: { name: string; from: string | null; to: string; epoch: number | null }[]
}

interface Audit {
  balanced: boolean
  orders: Record<'accepted' | 'confirmed' | 'rejected' | 'cancelled' | 'open', number>
  violations: object[]
}

function failures(exchanges: readonly Exchange[]): Exchange[] {
  return exchanges.filter(({ status: code }) => code === 0 || code >= 400)
}

/** The live pods consume and the standby ones do not, as the pods themselves say. */
async function expectOnlyLiveConsumes(): Promise<void> {
  const { services } = await status()
  for (const [name, { active, slots }] of Object.entries(services)) {
    expect(active, name).not.toBeNull()
    for (const color of ['blue', 'green'] as const) {
      const slot = slots[color]
      if (slot && color === active)
        expect(slot.consumers, `${name} ${color} is live`).toBeGreaterThan(0)
      if (slot && color !== active) expect(slot.consumers, `${name} ${color} is standby`).toBe(0)
    }
  }
}

testWithProbe()

describe('a release', { timeout: 300_000 }, () => {
  let tree: Tree
  beforeAll(async () => {
    await freshEnvironment()
    tree = await copyTree()
  })
  afterAll(() => tree.remove())

  test('the very first one makes blue live in all four services', async () => {
    await shopctlOk(['release'])
    const { services, operation, lock } = await status()
    expect(Object.keys(services).sort()).toEqual(['inventory', 'notification', 'order', 'payment'])
    for (const { active, epoch, slots } of Object.values(services)) {
      expect(active).toBe('blue')
      expect(epoch).toBe(1)
      expect(slots.blue?.ready).toBe(slots.blue?.replicas)
      expect(slots.green).toBeNull()
    }
    expect(operation).toBeNull()
    expect(lock).toBeNull()
    await expectOnlyLiveConsumes()
  })

  test('has nothing to roll back to', async () => {
    const { exitCode, stderr } = await shopctl(['rollback'])
    expect(stderr).toMatch(/nothing to roll back/i)
    expect(exitCode).toBe(2)
  })

  test('again, with nothing changed, touches no pod', async () => {
    const pods = await kubectlOk('get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}')
    await shopctlOk(['release'])
    expect(await kubectlOk('get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}')).toBe(pods)
  })

  test('an order comes to each of its ends', async () => {
    const place = async (sku: string, token: string): Promise<string> => {
      const answer = await fetch(`${edgeUrl}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
        body: JSON.stringify({
          items: [{ sku, quantity: 1 }],
          customer: { email: 'a@example.com' },
          payment: { token },
        }),
      })
      expect(answer.status).toBe(202)
      return ((await answer.json()) as { id: string }).id
    }
    const ids = [
      await place('mug', 'tok_ok'),
      await place('mug', 'tok_declined'),
      await place('no-such', 'tok_ok'),
    ]
    const orders = await settle(edgeUrl, ids)
    expect(ids.map((id) => orders.find((order) => order.id === id)?.status)).toEqual([
      'confirmed',
      'cancelled',
      'rejected',
    ])
  })

  test('of version 2 under load drops no request and loses no order; so do rollback and roll forward', async () => {
    await tree.edit(
      'services/order/routes.ts',
      "summary: 'Place an order'",
      "summary: 'Place an order, version 2'",
    )
    const shoppers = startShoppers(edgeUrl)
    try {
      await shopctlOk(['release', '--service', 'order'], { cwd: tree.dir })
      const released = await status()
      expect(released.services.order?.active).toBe('green')
      expect(released.services.payment?.active).toBe('blue')
      await expectOnlyLiveConsumes()

      const back = await shopctlJson<Switched>(['rollback'], { cwd: tree.dir })
      // The database counts: one more for every move, and for nothing else.
      const epoch = (released.services.order?.epoch ?? 0) + 1
      const moved = { name: 'order', from: 'green', to: 'blue', epoch }
      expect(back.services).toEqual([expect.objectContaining(moved)])
      expect((await status()).services.order?.active).toBe('blue')

      await releaseHolds()
      await shopctlOk(['switch', '--service', 'order'], { cwd: tree.dir })
      expect((await status()).services.order?.active).toBe('green')
      await expectOnlyLiveConsumes()
    } finally {
      await shoppers.stop()
    }
    expect(failures(shoppers.exchanges)).toEqual([])
    expect(new Set(shoppers.exchanges.map(({ color }) => color))).toEqual(
      new Set(['blue', 'green']),
    )
    const orders = await settle(edgeUrl, shoppers.placed)
    expect(shoppers.placed.length).toBeGreaterThan(50)
    expect(orders.filter(({ status: end }) => end === 'confirmed')).toHaveLength(
      shoppers.placed.length,
    )
  })

  test('of all four switches them as one, and one rollback takes them all back', async () => {
    const before = await status()
    for (const name of Object.keys(before.services))
      await tree.append(`services/${name}/main.ts`, '\n// version 3\n')
    await shopctlOk(['release'], { cwd: tree.dir })
    const after = await status()
    const colors = ({ services }: typeof before): string[] =>
      Object.values(services).map(({ active }) => String(active))
    expect(colors(after)).toEqual(colors(before).map(other))
    await shopctlOk(['rollback'])
    expect(colors(await status())).toEqual(colors(before))
  })

  test('after all that, orders, payments, stock, mail and events balance', async () => {
    const sum = await shopctlJson<Audit>(['audit', '--wait', '60'])
    expect(sum).toMatchObject({ version: 1, env: 'test', balanced: true, violations: [] })
    const { accepted, confirmed, rejected, cancelled, open } = sum.orders
    expect(accepted).toBe(confirmed + rejected + cancelled + open)
    expect(accepted).toBeGreaterThan(50)
    const { stdout } = await shopctlOk(['audit'])
    expect(stdout).toMatch(/^test {2}live plane {2}balanced/)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  test('cleanup removes what does not serve; a rollback then says what to do instead', async () => {
    // The connections of this program are still open: it waits for those only so long.
    await shopctlOk(['cleanup', '--now', '--timeout', '10'])
    for (const { active, slots } of Object.values((await status()).services)) {
      expect(slots[other(active)]).toBeNull()
      expect(slots[active ?? 'blue']).not.toBeNull()
    }
    const { exitCode, stderr } = await shopctl(['rollback'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/rollback --to/)
    const forward = await shopctl(['switch', '--service', 'payment'])
    expect(forward.stderr).toMatch(/payment has no (blue|green) slot/)
    expect(forward.exitCode).toBe(2)
    await expectOnlyLiveConsumes()
  })

  test('rollback --to deploys a release that is gone, with its own chart and values', async () => {
    await releaseHolds()
    const { release, services } = await status()
    const { active, slots } = services.order ?? {}
    const before = slots?.[active ?? 'blue']
    await tree.append('charts/values/order.yaml', 'config: { LOG_LEVEL: debug }\n')
    const [grace, longer] = ['Seconds: 30', 'Seconds: 31']
    await tree.edit('charts/shop-slot/values.yaml', grace, longer)
    await shopctlOk(['release', '--service', 'order'], { cwd: tree.dir })
    const live = async (): Promise<string> => {
      const color = (await status()).services.order?.active
      const spec = '{.spec.template.spec}'
      return kubectlOk('get', 'deployment', `order-${color}`, '-o', `jsonpath=${spec}`)
    }
    expect(await live()).toMatch(/"terminationGracePeriodSeconds":31/)
    expect(await live()).toMatch(/"LOG_LEVEL","value":"debug"/)
    await shopctlOk(['cleanup', '--now', '--timeout', '10'])
    const args = ['rollback', '--to', String(release), '--service', 'order']
    const { stderr } = await shopctlOk(args, { cwd: tree.dir })
    expect(stderr).not.toMatch(/work tree|present/)
    const after = (await status()).services.order
    const { digest, revision } = after?.slots[after.active ?? 'blue'] ?? {}
    expect({ digest, revision }).toEqual({ digest: before?.digest, revision: before?.revision })
    expect(await live()).toMatch(/"terminationGracePeriodSeconds":30/)
    expect(await live()).not.toMatch(/LOG_LEVEL/)
    await expectOnlyLiveConsumes()
  })
})
