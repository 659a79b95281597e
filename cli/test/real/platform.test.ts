// The platform that runs is left alone by a second `up`, and repaired by it after a crash.
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { cgroupRoot, hierarchyOf, listMembers } from '../../src/platform/cgroups.ts'
import { listMounts } from '../../src/platform/mounts.ts'
import type { PlatformStatus } from '../../src/platform/platform.ts'
import { kubectl, kubectlOk, platformEnv, root, until } from './shop.ts'

const shell = createShell()

function platform(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return shell.run({
    program: process.execPath,
    args: [join(root, 'cli/bin/shopctl.js'), 'platform', ...args],
    env,
  })
}

async function status(): Promise<PlatformStatus> {
  return JSON.parse((await platform(['status', '--json'])).stdout)
}

function pidsOf({ components }: PlatformStatus): Record<string, number | null> {
  return Object.fromEntries(components.map(({ name, pid }) => [name, pid]))
}

async function up(): Promise<PlatformStatus> {
  const { exitCode, stdout, stderr } = await platform(['up', '--json'])
  expect(exitCode, stderr).toBe(0)
  return JSON.parse(stdout)
}

/** A member that ended by itself since it was listed is as dead as the rest. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

beforeAll(up)

it('says where everything is', async () => {
  expect(await status()).toMatchObject({
    version: 1,
    running: true,
    kubeconfig: expect.stringMatching(/^\/.*\.conf$/),
    registry: '127.0.0.1:5000',
    edgeUrl: 'http://127.0.0.1:30080',
    previewUrl: 'http://127.0.0.1:30081',
  })
})

it('is up again at once, with the same processes', async () => {
  const before = pidsOf(await status())
  const started = performance.now()
  const after = pidsOf(await up())
  expect(performance.now() - started).toBeLessThan(2_000)
  expect(after).toEqual(before)
})

it('gives the pods more of the processors than a program beside them, and builds less', async () => {
  // Without these, cgroup v1 gives each group as much as one process; v2 has no processes beside the groups.
  const root = join(hierarchyOf(await listMounts(), 'cpu') ?? '', cgroupRoot)
  const sharesOf = async (group: string): Promise<number> =>
    Number(await readFile(join(root, group, 'cpu.shares'), 'utf8').catch(() => 'NaN'))
  if (Number.isNaN(await sharesOf('.'))) return
  expect(await sharesOf('.')).toBeGreaterThan(1024 * 4)
  expect(await sharesOf('docker')).toBeLessThan(await sharesOf('kubepods'))
})

it('starts the one part that was killed, and no other', async () => {
  const before = pidsOf(await status())
  const victim = before['kube-apiserver']
  if (!victim) throw new Error('no API server')
  process.kill(victim, 'SIGKILL')
  expect((await status()).running).toBe(false)
  const after = pidsOf(await up())
  expect(after).toEqual({ ...before, 'kube-apiserver': expect.any(Number) })
  expect(after['kube-apiserver']).not.toBe(victim)
  await kubectlOk('get', 'nodes')
})

it('renews a certificate that ends soon, and restarts only what uses it', async () => {
  const before = await up()
  const pki = dirname(before.kubeconfig ?? '')
  const file = join(pki, 'kube-proxy.conf')
  const text = await readFile(file, 'utf8')
  const folder = await mkdtemp(join(tmpdir(), 'soon-'))
  const key = join(folder, 'key')
  await writeFile(key, Buffer.from(/client-key-data: (\S+)/.exec(text)?.[1] ?? '', 'base64'))
  const request = ['req', '-x509', '-new', '-key', key, '-subj', '/CN=system:kube-proxy']
  const ca = ['-CA', join(pki, 'ca.crt'), '-CAkey', join(pki, 'ca.key'), '-days', '10']
  const soon = await shell.check({ program: 'openssl', args: [...request, ...ca] })
  await rm(folder, { recursive: true })
  const data = Buffer.from(soon).toString('base64')
  await writeFile(file, text.replace(/(client-certificate-data: )\S+/, `$1${data}`))
  const after = pidsOf(await up())
  expect(after['kube-proxy']).not.toBe(pidsOf(before)['kube-proxy'])
  expect(after).toEqual({ ...pidsOf(before), 'kube-proxy': expect.any(Number) })
  const [, renewed = ''] = /client-certificate-data: (\S+)/.exec(await readFile(file, 'utf8')) ?? []
  const { validToDate, subject } = new X509Certificate(Buffer.from(renewed, 'base64'))
  expect(validToDate.getTime()).toBeGreaterThan(Date.now() + 9 * 365 * 24 * 3_600_000)
  expect(subject).toContain('CN=system:kube-proxy')
})

it('keeps others out again after somebody has removed a rule', async () => {
  const rules = () => shell.check({ program: 'iptables-save', args: ['-t', 'mangle'] })
  const jump = ['PREROUTING', '-j', 'SHOPCTL-PREROUTING']
  await shell.check({ program: 'iptables', args: ['-w', '-t', 'mangle', '-D', ...jump] })
  const before = pidsOf(await status())
  expect(pidsOf(await up())).toEqual(before)
  expect((await rules()).split('\n')).toContain(`-A ${jump.join(' ')}`)
})

it('serves a NodePort as soon as there are pods, also from a port that was refused before', async () => {
  const service = 'platform-test'
  const local = '--namespace=default'
  const connects = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: 31_999, localPort: 32_100 })
      socket.on('error', () => resolve(false))
      socket.on('connect', () => socket.resetAndDestroy())
      socket.on('close', (failed) => !failed && resolve(true))
    })
  const hasRule = (table: string, rule: string) =>
    until(rule, async () =>
      (await shell.check({ program: 'iptables-save', args: ['-t', table] })).includes(rule),
    )
  await kubectl('delete', 'service', service, '--ignore-not-found', local)
  const ports = ['--node-port=31999', '--tcp=80:8080']
  await kubectlOk('create', 'service', 'nodeport', service, ...ports, local)
  try {
    await hasRule('filter', '--dport 31999 -j REJECT')
    expect(await connects()).toBe(false)
    // CoreDNS listens there, and takes the place of a pod.
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: service, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: '80-8080', port: 8080 }],
      endpoints: [{ addresses: ['10.245.0.1'], conditions: { ready: true } }],
    }
    await shell.check({
      program: 'sh',
      args: ['-c', `kubectl create --filename=- ${local}`],
      input: JSON.stringify(slice),
      env: await platformEnv(),
    })
    await hasRule('nat', '--to-destination 10.245.0.1:8080')
    expect(await connects()).toBe(true)
  } finally {
    await kubectlOk('delete', 'service,endpointslice', service, '--ignore-not-found', local)
  }
})

it('comes back with its data after everything was killed, and kills nobody else', async () => {
  const name = 'platform-test'
  await kubectl('delete', 'configmap', name, '--namespace=default', '--ignore-not-found')
  await kubectlOk('create', 'configmap', name, '--namespace=default', '--from-literal=a=b')
  for (const pid of await listMembers()) kill(pid)
  await up()
  const kept = await kubectlOk(
    'get',
    'configmap',
    name,
    '--namespace=default',
    '--output=jsonpath={.data.a}',
  )
  expect(kept).toBe('b')
  await kubectlOk('delete', 'configmap', name, '--namespace=default')
  const pod = [
    'run',
    name,
    '--namespace=default',
    '--image=node:24-bookworm-slim',
    '--restart=Never',
  ]
  await kubectl('delete', 'pod', name, '--namespace=default', '--ignore-not-found', '--now')
  const printed = await kubectlOk(
    ...[...pod, '--rm', '--attach', '--quiet', '--command', '--', 'node', '-p', '6 * 7'],
  )
  expect(printed.trim()).toBe('42')
})

it('refuses a user who is not root, and changes nothing', async () => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const command = [process.execPath, join(root, 'cli/bin/shopctl.js'), 'platform', 'down']
  const { exitCode, stderr } = await shell.run({
    program: 'setpriv',
    args: [...nobody, ...command],
    env: { HOME: '/nonexistent', XDG_CACHE_HOME: '' },
  })
  expect(stderr).toMatch(/needs root/)
  expect(exitCode).toBe(2)
  expect((await status()).running).toBe(true)
})

it('refuses a second platform beside the one that runs', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'shopctl-cache-'))
  for (const verb of ['up', 'down']) {
    const { exitCode, stderr } = await platform([verb], { XDG_CACHE_HOME: cache })
    expect(stderr).toMatch(/Another platform runs on this machine, with its files in \//)
    expect(exitCode).toBe(2)
  }
  expect(await readdir(cache)).toEqual([])
  await rm(cache, { recursive: true })
  expect((await status()).running).toBe(true)
})

it('names the components when a log of another is asked for', async () => {
  const { exitCode, stderr } = await platform(['logs', 'kubelett'])
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/no component "kubelett"[\s\S]*containerd, registry/)
  const { stdout } = await platform(['logs', 'kubelet', '--tail', '3'])
  expect(stdout.trim().split('\n')).toHaveLength(3)
})
