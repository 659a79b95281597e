// Things that break in the middle: what serves goes on serving, and the next command repairs the rest.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
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

  test('an image that crashes on start: last lines and exit code, live untouched, and the next deploy works', async () => {
    const main = await readFile(join(tree.dir, 'services/payment/main.ts'), 'utf8')
    await writeFile(
      join(tree.dir, 'services/payment/main.ts'),
      `console.error('cannot read the price list')\nprocess.exit(37)\n${main}`,
    )
    const release = await shopctl(['release', '--service', 'payment'], { cwd: tree.dir })
    expect(release.stderr).toContain('cannot read the price list')
    expect(release.stderr).toContain('37')
    expect(release.exitCode).toBe(1)
    expect(colors(await status())).toEqual(before)

    await writeFile(join(tree.dir, 'services/payment/main.ts'), `${main}\n// fixed\n`)
    await shopctlOk(['release', '--service', 'payment'], { cwd: tree.dir })
    expect((await status()).services.payment?.active).toBe(other(before.payment))
  })

  test('two at once: the second names who holds the lock', async () => {
    // It takes its time to start, so that the first is not done before the second comes.
    const pause = `await new Promise((resolve) => setTimeout(resolve, 6_000)) // ${Date.now()}\n`
    await tree.edit('services/payment/main.ts', /^/, pause)
    await shopctlOk(['build', '--service', 'payment'], { cwd: tree.dir })
    await shopctlOk(['push', '--service', 'payment'], { cwd: tree.dir })
    const first = startShopctl(['deploy', '--service', 'payment'], tree.dir)
    await until('the first holds the lock', async () => (await status()).lock !== null)
    const { exitCode, stderr } = await shopctl(['switch', '--service', 'order'])
    expect(stderr).toMatch(/lock/i)
    expect(stderr).toContain('deploy')
    expect(exitCode).toBe(2)
    const [code] = await first.ended
    expect(code, first.stderr()).toBe(0)
    expect((await status()).lock).toBeNull()
  })

  test.each(['shopctl alone', 'shopctl with its helm'])(
    '%s killed in the middle of a deploy',
    async (which) => {
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
      process.kill(which === 'shopctl alone' ? pid : -pid, 'SIGKILL')
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
    },
  )

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
