// The broker raises an alarm under load: what publishes waits, what consumes goes on, and a rollback succeeds.
import { afterEach, beforeAll, expect, test } from 'vitest'
import {
  copyTree,
  ensureLive,
  kubectlOk,
  releaseHolds,
  shopctl,
  shopctlJson,
  shopctlOk,
  until,
} from '../real/shop.ts'
import { underLoad } from '../real/under-load.ts'

function rabbitmqctl(...args: string[]): Promise<string> {
  return kubectlOk('exec', 'rabbitmq-0', '--container=rabbitmq', '--', 'rabbitmqctl', ...args)
}

async function clear(): Promise<void> {
  await rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '384MiB')
  await rabbitmqctl('set_disk_free_limit', '256MiB')
}

async function problems(): Promise<string[]> {
  const { broker } = await shopctlJson<{ broker: { problems: string[] } }>(['status'])
  return broker.problems
}

beforeAll(async () => {
  await ensureLive()
  await clear()
  // A slot of order to go back to.
  const tree = await copyTree()
  await tree.append('services/order/main.ts', `\n// ${Date.now()}\n`)
  await shopctlOk(['release', '--service', 'order'], { cwd: tree.dir })
  await tree.remove()
}, 400_000)

afterEach(clear)

test.each([
  ['memory', ['set_vm_memory_high_watermark', 'absolute', '1MiB'], ['rollback']],
  ['disk space', ['set_disk_free_limit', '900GB'], ['switch', '--service', 'order']],
])(
  'an alarm for its %s: named, and orders wait for its end',
  async (resource, raise, move) => {
    await releaseHolds()
    const { load } = await underLoad({ rate: 20 }, async (load) => {
      await rabbitmqctl(...raise)
      await until('status names it', async () => (await problems()).length > 0)
      expect(await problems()).toEqual([
        expect.stringMatching(`^${resource} alarm on rabbit@rabbitmq-0`),
      ])
      const before = load.progress().accepted
      const moved = await shopctl(move)
      expect(moved.exitCode, moved.stderr).toBe(0)
      expect(moved.stderr).toContain(`broker: ${resource} alarm on rabbit@rabbitmq-0`)
      await until('orders are taken', () => load.progress().accepted > before + 20)
      // No event counts as refused by the broker, so none is stuck.
      const { messages } = await shopctlJson<{ messages: unknown[] }>(['messages', 'list'])
      expect(messages).toEqual([])
      await clear()
      await until('status is clear', async () => (await problems()).length === 0)
    })
    expect(load.accepted).toBeGreaterThan(100)
  },
  240_000,
)
