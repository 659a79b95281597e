// A pod that stands still in the middle of a handler holds nobody up, and commits nothing when it goes on; a slot that
// stands still, or cannot reach its database, does not take over.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finished } from '../../src/adapters/shell.ts'
import { cutOffDatabase, freezePods, slotSelector } from './chaos.ts'
import { epochs, psql, startPsql } from './database.ts'
import {
  colors,
  copyTree,
  ensureLive,
  kubectlOk,
  namespace,
  other,
  platformEnv,
  type Status,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  until,
} from './shop.ts'
import { underLoad } from './under-load.ts'

interface Moved {
  services: { name: string; from: string | null; to: string | null; epoch: number }[]
}

let tree: Tree
let before: Status

beforeAll(async () => {
  await ensureLive()
  tree = await copyTree()
  before = await status()
}, 300_000)

afterAll(() => tree?.remove())

async function release(change: string): Promise<Moved> {
  await tree.append('services/inventory/main.ts', `\n// ${change}\n`)
  for (const verb of ['build', 'push', 'deploy', 'smoke'])
    await shopctlOk([verb, '--service', 'inventory'], { cwd: tree.dir })
  return shopctlJson<Moved>(['switch', '--service', 'inventory'], { cwd: tree.dir })
}

/** When the stable Service of the inventory begins to select this colour, as a watch tells it. */
async function whenSelected(color: string): Promise<{ at: Promise<number>; end(): void }> {
  const watch = spawn(
    'kubectl',
    [
      ...['-n', namespace, 'get', 'service', 'inventory', '--watch'],
      ...['--output', 'jsonpath={.spec.selector.shopctl\\.dev/color}{"\\n"}'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...(await platformEnv()) } },
  )
  const { promise, resolve } = Promise.withResolvers<number>()
  watch.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes(color)) resolve(Date.now())
  })
  return { at: promise, end: () => watch.kill() }
}

function handlersOf(color: string, epoch: number): Promise<string> {
  return psql(
    'inventory',
    `SELECT count(*) FROM inbox WHERE color = '${color}' AND epoch = ${epoch}`,
  )
}

test('frozen in a handler, switched away from, replaced twice, and thawed', async () => {
  const live = before.services.inventory?.active ?? 'blue'
  await underLoad({ rate: 10 }, async () => {
    await tree.append('services/inventory/main.ts', '\n// frozen: one\n')
    for (const verb of ['build', 'push', 'deploy', 'smoke'])
      await shopctlOk([verb, '--service', 'inventory'], { cwd: tree.dir })
    // The stock is locked, so handlers stand in the middle of their transactions; then their process stands too.
    const locked = await startPsql('inventory', 'BEGIN; LOCK TABLE stock IN EXCLUSIVE MODE;')
    await until(
      'a handler waits for the stock',
      async () =>
        (await psql(
          'inventory',
          `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stock'::regclass`,
        )) !== '0',
    )
    const thaw = await freezePods(slotSelector('inventory', live))
    try {
      await locked.end('ROLLBACK;')
      const selected = await whenSelected(other(live))
      const startedAt = Date.now()
      const moved = await shopctlJson<Moved>(['switch', '--service', 'inventory'], {
        cwd: tree.dir,
      })
      expect(moved.services).toMatchObject([{ name: 'inventory', from: live, to: other(live) }])
      const epoch = moved.services[0]?.epoch ?? 0
      expect(epoch).toBeGreaterThan(1)
      const selectedAt = await selected.at
      selected.end()
      await sleep(2_000)
      const [handled] = await epochs('inventory', epoch)
      const first = handled?.first ?? Number.NaN
      expect(first).toBeGreaterThan(startedAt)
      // The watch may tell it later than the pods know it.
      expect(first - selectedAt).toBeLessThanOrEqual(1_000)
      const mark = await handlersOf(live, epoch - 1)
      // The frozen pods' own colour is released anew and switched to, while they still stand there.
      const again = await release('frozen: two')
      expect(again.services).toMatchObject([{ name: 'inventory', from: other(live), to: live }])
      await thaw()
      await sleep(5_000)
      expect(await handlersOf(live, epoch - 1), 'handled by the thawed pods').toBe(mark)
    } finally {
      await thaw()
    }
  })
}, 420_000)

describe('a new slot', () => {
  let color: string

  beforeAll(async () => {
    await tree.append('services/payment/main.ts', '\n// frozen\n')
    for (const verb of ['build', 'push', 'deploy', 'smoke'])
      await shopctlOk([verb, '--service', 'payment'], { cwd: tree.dir })
    color = other((await status()).services.payment?.active)
  }, 240_000)

  function switchPayment(): Promise<Finished> {
    return shopctl(['switch', '--service', 'payment', '--timeout', '5s'], { cwd: tree.dir })
  }

  test('without its database is no target of a switch', async () => {
    await underLoad({ rate: 10 }, async () => {
      const serving = colors(await status())
      const heal = await cutOffDatabase(slotSelector('payment', color))
      try {
        // At once: in a few seconds the slot is not ready any more.
        const run = await switchPayment()
        expect(run.stderr).toMatch(/payment \w+ cannot log in/)
        expect(run.exitCode).toBe(2)
      } finally {
        await heal()
      }
      expect(colors(await status())).toEqual(serving)
    })
    await kubectlOk('rollout', 'status', `deployment/payment-${color}`, '--timeout=60s')
  }, 240_000)

  test('that is frozen does not take over: the switch goes back', async () => {
    await underLoad({ rate: 10 }, async () => {
      const serving = colors(await status())
      const thaw = await freezePods(slotSelector('payment', color))
      try {
        const run = await switchPayment()
        expect(run.stderr).toMatch(/The slots that were live before are live again/)
        expect(run.exitCode).toBe(1)
      } finally {
        await thaw()
      }
      expect(colors(await status())).toEqual(serving)
    })
  }, 240_000)
})
