// Things that break in the middle: what serves goes on serving, and the next command repairs the rest.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  colors,
  copyTree,
  edgeUrl,
  ensureLive,
  helms,
  other,
  shopctl,
  shopctlOk,
  startShopctl,
  status,
  type Tree,
  until,
} from './shop.ts'

describe('faults', { timeout: 240_000 }, () => {
  let tree: Tree
  let before: Record<string, string | null>
  beforeAll(ensureLive)
  beforeEach(async () => {
    tree = await copyTree()
    before = colors(await status())
  })
  afterEach(async () => {
    await tree.remove()
    expect((await fetch(`${edgeUrl}/healthz`)).status).toBe(200)
  })

  test('a Dockerfile that fails: its step is shown, not its whole log', async () => {
    await tree.append('services/payment/Dockerfile', '\nRUN echo about-to-fail && exit 41\n')
    const { exitCode, stderr } = await shopctl(['build', '--service', 'payment'], { cwd: tree.dir })
    expect(stderr).toContain('about-to-fail')
    expect(stderr).toContain('41')
    expect(stderr.split('\n').length).toBeLessThan(40)
    expect(exitCode).toBe(1)
  })

  // Killed alone: recover.
  test('shopctl with its helm killed in the middle of a deploy', async () => {
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    await tree.append('services/order/main.ts', `\n// ${Date.now()}\n`)
    const args = ['--service', 'payment', '--service', 'order']
    await shopctlOk(['build', ...args], { cwd: tree.dir })
    await shopctlOk(['push', ...args], { cwd: tree.dir })
    const killed = startShopctl(['deploy', ...args], tree.dir)
    await until(
      'helm runs',
      async () => killed.child.exitCode !== null || (await helms()).length > 0,
      30_000,
    )
    expect(killed.child.exitCode, killed.stderr()).toBeNull()
    const { pid } = killed.child
    if (pid === undefined) throw new Error('no pid')
    process.kill(-pid, 'SIGKILL')
    await killed.ended
    expect(colors(await status())).toEqual(before)

    // The dead one's lock runs out by itself; nobody has to break it.
    let retried = await shopctl(['release', ...args], { cwd: tree.dir })
    await until(
      'the lock of the killed one runs out',
      async () => {
        if (retried.exitCode !== 2) return true
        await sleep(1_000)
        retried = await shopctl(['release', ...args], { cwd: tree.dir })
        return retried.exitCode !== 2
      },
      60_000,
    )
    expect(retried.exitCode, retried.stderr).toBe(0)
    expect((await status()).services.payment?.active).toBe(other(before.payment))
  })

  test('Ctrl-C in the middle of a deploy: exit 130, the lock is let go', async () => {
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    await shopctlOk(['build', '--service', 'payment'], { cwd: tree.dir })
    await shopctlOk(['push', '--service', 'payment'], { cwd: tree.dir })
    const run = startShopctl(['deploy', '--service', 'payment'], tree.dir)
    // Not by `status`: on a busy machine the deploy may have ended before its answer.
    await until('it deploys', () => run.stderr().includes('- deploy payment'))
    if (run.child.pid === undefined) throw new Error('no pid')
    process.kill(-run.child.pid, 'SIGINT')
    const [code] = await run.ended
    expect(code, run.stderr()).toBe(130)
    const after = await status()
    expect(after.lock).toBeNull()
    expect(colors(after)).toEqual(before)
    await shopctlOk(['deploy', '--service', 'payment'], { cwd: tree.dir })
  })

  test('a full disk during a build: says so, and works once there is room', async () => {
    const folder = join(tree.dir, 'services/payment')
    const sh = promisify(execFile)
    await sh('cp', ['-a', folder, `${folder}.copy`])
    await sh('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder])
    try {
      await sh('cp', ['-a', `${folder}.copy/.`, folder])
      await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
      const { exitCode, stderr } = await shopctl(['build', '--service', 'payment'], {
        cwd: tree.dir,
      })
      expect(stderr).toMatch(/no space left|ENOSPC/i)
      expect(stderr).not.toMatch(/\n\s+at .*\.ts/)
      expect(exitCode).toBe(1)
    } finally {
      await sh('umount', [folder])
    }
    await shopctlOk(['build', '--service', 'payment'], { cwd: tree.dir })
  })
})
