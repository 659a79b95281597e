// Things that break in the middle: what serves goes on serving, and the next command mends the rest.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { settle, startShoppers } from '../../../services/test/shoppers.ts'
import {
  copyTree,
  edgeUrl,
  ensureLive,
  kubectlOk,
  other,
  platformEnv,
  root,
  type Status,
  shopctl,
  shopctlOk,
  status,
  type Tree,
} from './shop.ts'

const colors = ({ services }: Status): Record<string, string | null> =>
  Object.fromEntries(Object.entries(services).map(([name, { active }]) => [name, active]))

/** Starts `shopctl … --env test` without waiting for its end. */
const startShopctl = (args: readonly string[], cwd: string) => {
  const child = spawn(
    process.execPath,
    [join(root, 'cli/bin/shopctl.js'), ...args, '--env', 'test'],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a process group of its own, so that a test can kill helm with it or leave helm alive
    },
  )
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdout.resume()
  return { child, stderr: () => stderr, ended: once(child, 'exit') }
}

const until = async (
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 60_000,
): Promise<void> => {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(50)
  }
}

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

    await writeFile(join(tree.dir, 'services/payment/main.ts'), `${main}\n// mended\n`)
    await shopctlOk(['release', '--service', 'payment'], { cwd: tree.dir })
    expect((await status()).services.payment?.active).toBe(other(before.payment))
  })

  test('two at once: the second is told who holds the lock', async () => {
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
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
      const helms = async (): Promise<string[]> =>
        (
          await promisify(execFile)('pgrep', ['-f', 'helm upgrade --install']).catch(() => ({
            stdout: '',
          }))
        ).stdout
          .split('\n')
          .filter(Boolean)
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
    await until('it holds the lock', async () => (await status()).lock !== null)
    if (run.child.pid === undefined) throw new Error('no pid')
    process.kill(-run.child.pid, 'SIGINT')
    const [code] = await run.ended
    expect(code, run.stderr()).toBe(130)
    const after = await status()
    expect(after.lock).toBeNull()
    expect(colors(after)).toEqual(before)
    await shopctlOk(['deploy', '--service', 'payment'], { cwd: tree.dir })
  })

  test('the cluster out of reach: says which and how it was addressed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
    await tree.edit(
      'shopctl.yaml',
      /(\n {2}test:\n(?: {4}.*\n)*? {4}cluster: )embedded/,
      '$1{ context: gone, registry: 127.0.0.1:5000 }',
    )
    await writeFile(
      join(dir, 'config'),
      `apiVersion: v1
kind: Config
clusters: [{ name: gone, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: gone, user: {} }]
contexts: [{ name: gone, context: { cluster: gone, user: gone } }]
`,
    )
    const { exitCode, stderr } = await shopctl(['status'], {
      cwd: tree.dir,
      env: { KUBECONFIG: join(dir, 'config') },
    })
    await rm(dir, { recursive: true })
    expect(stderr).toContain('https://127.0.0.1:1')
    expect(exitCode).toBe(2)
  })

  test('the registry out of reach: says which', async () => {
    await tree.edit(
      'shopctl.yaml',
      /(\n {2}test:\n(?: {4}.*\n)*? {4}cluster: )embedded/,
      '$1{ context: embedded, registry: 127.0.0.1:1 }',
    )
    const { exitCode, stderr } = await shopctl(['push', '--service', 'payment'], {
      cwd: tree.dir,
      env: await platformEnv(),
    })
    expect(stderr).toContain('127.0.0.1:1')
    expect(exitCode).toBe(2)
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

  test.each(['rabbitmq', 'postgres'])(
    '%s killed under load: every order that was accepted comes to its end',
    async (name) => {
      const shoppers = startShoppers(edgeUrl, { clients: 4, pauseMs: 100 })
      await sleep(1_000)
      await kubectlOk('delete', 'pod', `${name}-0`, '--grace-period=0', '--force')
      await kubectlOk(
        'wait',
        '--for=jsonpath={.status.readyReplicas}=1',
        `statefulset/${name}`,
        '--timeout=90s',
      )
      await until('orders are accepted again', async () => {
        const last = shoppers.exchanges.at(-1)
        return last?.status === 202 || last?.status === 200
      })
      await sleep(1_000)
      await shoppers.stop()
      const orders = await settle(edgeUrl, shoppers.placed, 60_000)
      expect(orders.filter(({ status: end }) => end === 'confirmed')).toHaveLength(
        shoppers.placed.length,
      )
    },
  )

  test('a database that is down: a deploy says so and leaves what serves alone', async () => {
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    await kubectlOk('scale', 'statefulset/postgres', '--replicas=0')
    await kubectlOk('wait', '--for=delete', 'pod/postgres-0', '--timeout=60s')
    try {
      const { exitCode, stderr } = await shopctl(
        ['release', '--service', 'payment', '--timeout', '20s'],
        { cwd: tree.dir },
      )
      expect(stderr).toMatch(/postgres|database/i)
      expect(exitCode).not.toBe(0)
    } finally {
      await kubectlOk('scale', 'statefulset/postgres', '--replicas=1')
      await kubectlOk(
        'wait',
        '--for=jsonpath={.status.readyReplicas}=1',
        'statefulset/postgres',
        '--timeout=90s',
      )
    }
    expect(colors(await status())).toEqual(before)
    await kubectlOk(
      'wait',
      '--for=condition=available',
      'deployment',
      '-l',
      'app.kubernetes.io/part-of=shop',
      '--timeout=90s',
    )
    await shopctlOk(['release', '--service', 'payment'], { cwd: tree.dir })
  })
})
