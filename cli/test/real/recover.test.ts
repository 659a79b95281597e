// What a killed or failed command leaves: its programs and its lock are gone at once, and what it wrote over comes back.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  colors,
  copyTree,
  ensureLive,
  helms,
  other,
  shopctl,
  shopctlJson,
  shopctlOk,
  startShopctl,
  status,
  type Tree,
  until,
} from './shop.ts'

const service = ['--service', 'payment']

describe('a way back', { timeout: 300_000 }, () => {
  let tree: Tree
  beforeAll(ensureLive)
  beforeEach(async () => {
    tree = await copyTree()
    // Now the slot before is on standby.
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    await shopctlOk(['release', ...service], { cwd: tree.dir })
  })
  afterEach(() => tree.remove())

  test('is taken 2 s after a deploy was killed, which left no helm and no lock', async () => {
    const { active } = (await status()).services.payment ?? {}
    await tree.append('services/order/main.ts', `\n// ${Date.now()}\n`)
    const order = ['--service', 'order']
    await shopctlOk(['build', ...order], { cwd: tree.dir })
    await shopctlOk(['push', ...order], { cwd: tree.dir })
    const killed = startShopctl(['deploy', ...order], tree.dir)
    await until('it holds the lock', async () => (await status()).lock !== null)
    process.kill(killed.child.pid ?? 0, 'SIGKILL')
    await killed.ended
    const after = await status()
    expect(after.lock).toBeNull()
    expect(after.services.payment?.active).toBe(active)
    await until('no helm is left', async () => (await helms('order-')).length === 0, 2_000)
    const started = Date.now()
    await shopctlOk(['rollback', ...service])
    expect(Date.now() - started).toBeLessThan(10_000)
    expect((await status()).services.payment?.active).toBe(other(active))
    await shopctlOk(['release', ...order], { cwd: tree.dir })
  })

  test('waits while a deploy holds the lock, which refuses a switch and names the deploy', async () => {
    await tree.edit(
      'services/order/main.ts',
      /^/,
      `await new Promise((resolve) => setTimeout(resolve, 8_000)) // ${Date.now()}\n`,
    )
    await shopctlOk(['build', '--service', 'order'], { cwd: tree.dir })
    await shopctlOk(['push', '--service', 'order'], { cwd: tree.dir })
    const deploy = startShopctl(['deploy', '--service', 'order'], tree.dir)
    await until('it holds the lock', async () => (await status()).lock !== null)
    const [refused, { stderr }] = await Promise.all([
      shopctl(['switch', ...service]),
      shopctlOk(['rollback', ...service]),
    ])
    expect(refused.stderr).toMatch(/lock/i)
    expect(refused.stderr).toContain('deploy')
    expect(refused.exitCode).toBe(2)
    expect(stderr).toMatch(/wait for .*: deploy of order/)
    expect(await deploy.ended, deploy.stderr()).toEqual([0, null])
    expect((await status()).lock).toBeNull()
  })

  test('that a broken image was written over is named and put back', async () => {
    const main = join(tree.dir, 'services/payment/main.ts')
    const good = await readFile(main, 'utf8')
    const all = await status()
    const before = all.services.payment
    const standby = other(before?.active)
    await writeFile(main, `console.error('no price list')\nprocess.exit(37)\n${good}`)
    const failed = await shopctl(['release', ...service], { cwd: tree.dir })
    expect(failed.exitCode).toBe(1)
    expect(failed.stderr).toContain('no price list')
    expect(failed.stderr).toContain('37')
    expect(colors(await status())).toEqual(colors(all))
    expect(failed.stderr).toMatch(/deploy writes over payment (blue|green) .*`shopctl rollback`/)
    await writeFile(main, good)
    expect((await shopctlOk(['status'])).stdout).toMatch(
      /exit code 37[\s\S]*since[\s\S]*shopctl deploy/i,
    )
    const { notes } = await shopctlJson<{ notes: string[] }>(['plan', ...service], {
      cwd: tree.dir,
    })
    expect(notes.join()).toMatch(/exit code 37.*is put back/)
    const again = await shopctlOk(['release', ...service], { cwd: tree.dir })
    expect(again.stderr).toMatch(/exit code 37/)
    expect((await status()).services.payment?.slots[standby]).toMatchObject({
      revision: before?.slots[standby]?.revision,
      ready: before?.slots[standby]?.replicas,
    })
    await shopctlOk(['rollback', ...service])
    expect((await status()).services.payment?.active).toBe(standby)
  })
})
