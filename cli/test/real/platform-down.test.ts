// `down` leaves the machine as it was before `up`, `down --purge` the disk as well; what refuses to start changes nothing.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { root } from './shop.ts'

const shell = createShell()

function platform(
  args: readonly string[],
  env: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Finished> {
  return shell.run({
    program: process.execPath,
    args: [join(root, 'cli/bin/shopctl.js'), 'platform', ...args],
    env,
    ...(signal && { signal }),
  })
}

async function run(script: string): Promise<string[]> {
  const text = await shell.check({ program: 'sh', args: ['-c', script] })
  return text.split('\n').filter(Boolean).sort()
}

/** Everything on the machine that a platform could leave behind, also what belongs to others. */
async function machine(): Promise<Record<string, string[]>> {
  return {
    processes: await run(
      "ps -eo stat=,args= | grep -v ^Z | grep -E 'shopctl/(store|platform)|/run/shopctl|containerd-shim' | grep -v grep || true",
    ),
    mounts: await run('findmnt --raw --noheadings --output=TARGET,FSTYPE'),
    interfaces: await run("ip -oneline link | cut -d' ' -f2"),
    addresses: await run('ip -oneline address | tr -s " " | cut -d" " -f2-4'),
    routes: await run('ip route; ip -6 route'),
    packetFilter: await run(
      "(iptables-save; ip6tables-save) 2>/dev/null | grep -v -e '^#' -e '^:[A-Z]* [A-Z]'",
    ),
    cgroups: await run('find /sys/fs/cgroup -type d | grep -e shopctl -e kubepods || true'),
    settings: await run('sysctl net.ipv4.ip_forward net.ipv4.conf.all.route_localnet kernel.panic'),
    runtimeFolders: await run(
      'ls -d /run/shopctl /run/containerd /var/lib/kubelet 2>/dev/null || true',
    ),
  }
}

async function up(): Promise<void> {
  const { exitCode, stderr } = await platform(['up'])
  expect(exitCode, stderr).toBe(0)
}

beforeAll(async () => {
  await up()
  await platform(['down'])
})
afterAll(up)

it('leaves nothing on the machine, and says what it had there', async () => {
  const before = await machine()
  await up()
  const between = await machine()
  const { exitCode, stdout } = await platform(['down', '--json'])
  const after = await machine()
  for (const [kind, found] of Object.entries(between)) {
    console.log(
      `${kind}: ${before[kind]?.length} before, ${found.length} up, ${after[kind]?.length} after down`,
    )
  }
  expect(exitCode).toBe(0)
  expect(between).not.toEqual(before)
  expect(after).toEqual(before)
  expect(after).toMatchObject({ processes: [], cgroups: [], runtimeFolders: [] })
  const clean = { processes: 0, mounts: 0, interfaces: [], addresses: [], routes: [] }
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    before: { interfaces: expect.arrayContaining(['shopctl0']) },
    after: { ...clean, packetFilter: 0, cgroups: 0 },
  })
})

it('has nothing to say of a stopped platform but nulls', async () => {
  const { exitCode, stdout } = await platform(['status', '--json'])
  expect(exitCode).toBe(0)
  const none = { kubeconfig: null, registry: null, edgeUrl: null, previewUrl: null }
  expect(JSON.parse(stdout)).toMatchObject({ version: 1, running: false, ...none })
})

it('starts a cluster in which there is nothing yet', async () => {
  const etcd = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    'shopctl/platform/etcd',
  )
  await rename(etcd, `${etcd}.kept`)
  try {
    await up()
    await platform(['down'])
  } finally {
    await rm(etcd, { recursive: true, force: true })
    await rename(`${etcd}.kept`, etcd)
  }
})

describe('with a cache directory of its own', () => {
  let cache = ''
  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'shopctl-cache-'))
  })
  afterAll(() => rm(cache, { recursive: true }))

  it('refuses a registry out of reach, and names it', async () => {
    const env = { XDG_CACHE_HOME: cache, GOPROXY: 'http://127.0.0.1:9', GONOSUMDB: '*' }
    const { exitCode, stderr } = await platform(['up'], env)
    expect(stderr).toMatch(/The Go module proxy cannot be reached/i)
    expect(exitCode).toBe(2)
    expect(await readdir(cache)).toEqual([])
  })

  it('refuses a small disk', async () => {
    const disk = join(cache, 'disk')
    await mkdir(disk)
    await shell.check({ program: 'mount', args: ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk] })
    try {
      const { exitCode, stderr } = await platform(['up'], { XDG_CACHE_HOME: disk })
      expect(stderr).toMatch(/has 0\.1 GiB of free disk; 10\.0 GiB are needed/)
      expect(exitCode).toBe(2)
    } finally {
      await shell.check({ program: 'umount', args: [disk] })
      await rm(disk, { recursive: true })
    }
  })

  it('refuses a busy port, and says whose it is', async () => {
    const server = createServer().listen(5000, '127.0.0.1')
    await once(server, 'listening')
    const { exitCode, stderr } = await platform(['up'])
    server.close()
    expect(stderr).toMatch(/Port 5000 is in use on 127\.0\.0\.1 by .* \(pid \d+\)/)
    expect(exitCode).toBe(2)
    expect((await machine()).processes).toEqual([])
  })

  it('purges what an interrupted first start has left', async () => {
    const before = await machine()
    const interrupt = new AbortController()
    const starting = platform(['up'], { XDG_CACHE_HOME: cache }, interrupt.signal)
    const stopped = expect(starting).rejects.toMatchObject({ kind: 'interrupted' })
    await sleep(15_000)
    interrupt.abort()
    await stopped
    expect(existsSync(join(cache, 'shopctl'))).toBe(true)
    const { exitCode, stdout } = await platform(['down', '--purge'], { XDG_CACHE_HOME: cache })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Debian packages/)
    expect(await readdir(cache)).toEqual([])
    expect(await machine()).toEqual(before)
  })
})
