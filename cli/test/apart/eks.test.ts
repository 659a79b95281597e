// A login to EKS, from its signature to a real API server that asks STS whose token it is.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTokens, type EksOptions } from '../../src/adapters/aws/eks/eks.ts'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { createEksAccess } from '../../src/context/eks.ts'
import type { ShopctlError } from '../../src/errors.ts'
import { configText } from '../fakes/config.ts'
import { noMask } from '../fakes/host.ts'
import { root } from '../real/shop.ts'
import { type EksTestCluster, startEksCluster } from './eks-cluster.ts'

const role = 'arn:aws:iam::222233334444:role/deploy'
const eks = { name: 'shop', region: 'eu-central-1', role }
const limit = { seconds: 4, setting: '' }
const minute = 60_000
const shell = createShell()
let cluster: EksTestCluster
let folder: string
/** How far all clocks are ahead, in milliseconds: AWS's, the cluster's and that of shopctl's tokens. */
let ahead = 0
const now = (): number => Date.now() + ahead

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eks-test-'))
  cluster = await startEksCluster('shop')
  const { aws, webhook, admin } = cluster
  aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::111122223333:user/ann' })
  for (const name of ['deploy', 'stranger']) aws.roles.add(`arn:aws:iam::222233334444:role/${name}`)
  webhook.entries.set(role, ['deployers'])
  for (const clock of [aws, webhook]) clock.now = now
  await admin.send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'deployers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'deployers' }],
  })
})
afterAll(async () => {
  await cluster?.stop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  ahead = 0
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  }
  await mkdir(join(folder, 'tmp'), { recursive: true })
  for (const [name, value] of Object.entries(userEnv())) vi.stubEnv(name, value)
  cluster.webhook.seen.clear()
})

function userEnv(): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: 'AKIAUSER',
    AWS_SECRET_ACCESS_KEY: 'sesame',
    AWS_ENDPOINT_URL: cluster.aws.url,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(folder, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    TMPDIR: join(folder, 'tmp'),
  }
}

async function login(as = role): Promise<KubernetesApi> {
  const { target } = await createEksAccess({ ...eks, role: as }, { limit, now, mask: noMask })
  return connect(target, { now })
}

/** Sends one request with this token. Resolves to its status. */
async function statusWith(more: Partial<EksOptions>): Promise<number> {
  const agentOf = async () => new Agent()
  const options = { ...eks, limit, now, mask: noMask, env: process.env, agentOf, ...more }
  const { token } = await createTokens(options)()
  const api = connect({
    context: null,
    cluster: { server: cluster.server, 'certificate-authority-data': cluster.ca },
    user: { token },
  })
  return (await api.ask({ method: 'GET', path: '/api/v1/namespaces' })).status
}

async function problemOf(api: KubernetesApi): Promise<ShopctlError> {
  try {
    await api.get('/api/v1/namespaces')
  } catch (error) {
    return error as ShopctlError
  }
  throw new Error('it was not refused')
}

interface List {
  items: { metadata: { name: string } }[]
}

describe('shopctl on EKS', () => {
  it('reads the cluster as the role that its access entry names', async () => {
    const api = await login()
    const { items } = (await api.get<List>('/api/v1/namespaces')) ?? { items: [] }
    expect(items.map(({ metadata }) => metadata.name)).toContain('kube-system')
    const review = await api.send<{ status: { userInfo: object } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {},
    )
    expect(review.status.userInfo).toMatchObject({
      username: 'arn:aws:sts::222233334444:assumed-role/deploy/shopctl',
      groups: ['deployers', 'system:authenticated'],
    })
  })

  it('renews the token before its 15 minutes end', async () => {
    const api = await login()
    const tokensAfter = async (minutes: number): Promise<number> => {
      ahead = minutes * minute
      await api.get('/api/v1/namespaces')
      return cluster.webhook.seen.size
    }
    expect(await tokensAfter(0)).toBe(1)
    expect(await tokensAfter(12)).toBe(1)
    expect(await tokensAfter(13.5)).toBe(2)
    expect(await tokensAfter(40)).toBe(3)
  })

  it('keeps a watch that outlives its token', async () => {
    const api = await login()
    const stop = new AbortController()
    const watch = await api.open({
      method: 'GET',
      path: '/api/v1/namespaces?watch=1&resourceVersion=0',
      signal: stop.signal,
    })
    const names: string[] = []
    const lines = createInterface({ input: watch }).on('line', (line) => {
      names.push(JSON.parse(line).object.metadata.name)
    })
    ahead = 20 * minute
    await cluster.admin.send('POST', '/api/v1/namespaces', { metadata: { name: 'late' } })
    await vi.waitFor(() => expect(names).toContain('late'), { timeout: 5_000 })
    expect(cluster.webhook.seen.size).toBe(1)
    lines.close()
    stop.abort()
  })
})

describe('helm on EKS', () => {
  const list = async (as: string, more: Record<string, string> = {}) => {
    const { shellOf } = await createEksAccess({ ...eks, role: as }, { limit, now, mask: noMask })
    const args = ['list', '--all-namespaces', '--output', 'json']
    return shellOf(shell).run({ program: cluster.helm, args, env: { ...userEnv(), ...more } })
  }
  afterEach(async () => {
    const left = await readdir(join(folder, 'tmp'))
    expect(left.filter((name) => name.startsWith('shopctl-'))).toEqual([])
  })

  it('logs in by `shopctl eks-token`', async () => {
    const { exitCode, stdout, stderr } = await list(role)
    expect([exitCode, stdout.trim(), stderr]).toEqual([0, '[]', ''])
    expect(cluster.webhook.seen.size).toBe(1)
  })

  it('adds nothing to a step of GitHub Actions', async () => {
    const summary = join(folder, 'summary')
    await writeFile(summary, '')
    const step = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary }
    const { exitCode, stderr } = await list(role, step)
    expect([exitCode, stderr, await readFile(summary, 'utf8')]).toEqual([0, '', ''])
  })

  it('shows why there is no token', async () => {
    const gone = 'arn:aws:iam::222233334444:role/gone'
    cluster.aws.roles.add(gone)
    await createEksAccess({ ...eks, role: gone }, { limit, now, mask: noMask })
    cluster.aws.roles.delete(gone)
    const { exitCode, stderr } = await list(gone)
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(/AWS does not let you assume the role .*role\/gone/)
  })
})

describe('the API server refuses', () => {
  it.each([
    ['a token that is 16 minutes old', { now: () => now() - 16 * minute }],
    ['a token for another cluster', { name: 'other' }],
    ['a role without access entry', { role: 'arn:aws:iam::222233334444:role/stranger' }],
  ])('%s', async (_, more) => {
    expect(await statusWith({})).toBe(200)
    expect(await statusWith(more)).toBe(401)
  })

  it('a role without access entry, and shopctl says which', async () => {
    const stranger = 'arn:aws:iam::222233334444:role/stranger'
    const error = await problemOf(await login(stranger))
    expect(error).toMatchObject({ kind: 'refused', code: 'no-credentials' })
    expect(error.message).toBe(
      `The EKS cluster shop in eu-central-1 does not accept you as arn:aws:sts::222233334444:assumed-role/stranger/shopctl: it has no access entry for ${stranger}.`,
    )
    expect(error.hint).toContain(`--principal-arn ${stranger}`)
  })

  it('the token of a clock that is an hour behind, and shopctl says so', async () => {
    const { target } = await createEksAccess(eks, { limit, now, mask: noMask })
    await target.login?.token()
    const { aws, webhook } = cluster
    for (const clock of [aws, webhook]) clock.now = () => Date.now() + 60 * minute
    const error = await problemOf(connect(target, { now }))
    for (const clock of [aws, webhook]) clock.now = now
    expect(error).toMatchObject({ kind: 'refused', code: 'aws-clock' })
    expect(error.message).toMatch(/^The clock of this machine is 60 minutes behind that of AWS/)
  })
})

it('`shopctl status` reads an environment on EKS', async () => {
  const project = join(folder, 'project')
  await mkdir(project, { recursive: true })
  const map = `{ eks: { name: shop, region: eu-central-1, role: "${role}" }, registry: "127.0.0.1:1" }`
  await writeFile(join(project, 'shopctl.yaml'), configText.replace('embedded', map))
  await cluster.admin.send('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const args = [join(root, 'cli/bin/shopctl.js'), 'status', '--json']
  const { exitCode, stdout, stderr } = await shell.run({
    program: process.execPath,
    args,
    cwd: project,
    env: userEnv(),
  })
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ version: 1 })
  expect(cluster.webhook.seen.size).toBe(1)
})
