// A whole release to Amazon ECR and EKS, each step in the role of templates/aws that is for it. Docker, helm, the API
// server and Kubernetes' controllers are real; AWS is ministack with its checks on, and pods are only said to run.
// It needs the programs of the embedded platform, not the platform.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1Pod, V1PodList } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { createHttpProxy, createServers, type Servers } from '../fakes/api-server.ts'
import { aSigning, attestImage, type FakeSigstore, startSigstore } from '../fakes/sigstore.ts'
import { root } from '../real/shop.ts'
import { type AwsFake, serveTls, startMinistack } from './aws-fakes.ts'
import { type Recorder, startRecorder } from './aws-recorder.ts'
import {
  account,
  actionsOf,
  allows,
  asRoot,
  type Call,
  claimsOf,
  cluster,
  createRoles,
  policyOf,
  type Role,
  region,
  roleArn,
  roles,
  tokenOf,
} from './aws-rights.ts'
import { type EksTestCluster, startEksCluster } from './eks-cluster.ts'
import { type Engine, startEngine } from './engine.ts'
import { commit } from './project.ts'

const shell = createShell()
const host = `${account}.dkr.ecr.${region}.amazonaws.com`
const repository = 'shops/shop/web'
const pods = '/api/v1/namespaces/shop/pods'

let folder = ''
let servers: Servers
let fake: AwsFake
let recorder: Recorder
let kubernetes: EksTestCluster
let engine: Engine
let sigstore: FakeSigstore
const kubelet = new AbortController()
let base: Record<string, string> = {}
const calls = { push: [], deploy: [], read: [] } as Record<Role, Call[]>

const config = `name: shop
services:
  web:
    chart: service-http/chart
    recycle: false
    build:
      context: service-http
      inputs: [service-http/Dockerfile, service-http/server.mjs]
environments:
  production:
    namespace: shop
    cluster:
      eks: { name: ${cluster}, region: ${region} }
      registry: ${host}/shops
    provenance:
      repository: ${aSigning.repository}
      workflow: ${aSigning.workflow}
      trustedRoot: roots.jsonl
    scan: { severity: HIGH }
`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aws-release-'))
  servers = createServers()
  fake = await startMinistack({ checks: true })
  sigstore = await startSigstore()
  await createRoles(fake, folder)
  await asRoot(
    fake,
    'eks',
    '/clusters',
    JSON.stringify({ name: cluster, roleArn: roleArn('read') }),
  )
  recorder = await startRecorder(servers, fake, ({ cluster: described }) => {
    const { server: endpoint, ca: data } = kubernetes
    return { cluster: { ...described, status: 'ACTIVE', endpoint, certificateAuthority: { data } } }
  })
  kubernetes = await startEksCluster(cluster, { sts: recorder.url, controllers: true })
  await prepareCluster(kubernetes)
  void runPods(kubernetes.admin, kubelet.signal)

  const ca = join(servers.folder, 'ca.pem')
  const port = await serveTls(servers, { ...fake, url: recorder.url })
  const proxy = `http://127.0.0.1:${await servers.start(createHttpProxy(port, []))}`
  engine = await startEngine({ HTTPS_PROXY: proxy, NO_PROXY: '', SSL_CERT_FILE: ca })
  base = {
    ...engine.env,
    PATH: `${dirname(kubernetes.helm)}:${engine.env.PATH}`,
    ...{ XDG_CACHE_HOME: '', TMPDIR: folder, NODE_EXTRA_CA_CERTS: ca },
    ...{ HTTPS_PROXY: proxy, NO_PROXY: '127.0.0.1', AWS_ENDPOINT_URL: recorder.url },
    ...{ AWS_REGION: region, AWS_EC2_METADATA_DISABLED: 'true' },
    ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: '', AWS_SESSION_TOKEN: '' },
  }
  await copyTemplates(join(folder, 'project'))
})
afterAll(async () => {
  kubelet.abort()
  sigstore?.close()
  await engine?.stop()
  await kubernetes?.stop()
  await servers?.stopAll()
  servers?.remove()
  await fake?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function copyTemplates(project: string): Promise<void> {
  await cp(join(root, 'templates'), project, { recursive: true })
  await writeFile(join(project, 'shopctl.yaml'), config)
  await writeFile(join(project, 'roots.jsonl'), sigstore.root)
  // No base image is in reach, and no pod starts.
  await writeFile(join(project, 'service-http/Dockerfile'), 'FROM scratch\nCOPY server.mjs /\n')
  await commit(project)
}

/** The namespace with its Roles, as an administrator makes them, and access entries for the roles of AWS. */
async function prepareCluster({ admin, webhook, helm, server, ca }: EksTestCluster): Promise<void> {
  await admin.send('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const kubeconfig = join(folder, 'admin.json')
  const config = {
    'current-context': 'admin',
    clusters: [{ name: 'own', cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: { token: 'an-administrator' } }],
    contexts: [{ name: 'admin', context: { cluster: 'own', user: 'admin' } }],
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  const args = ['install', 'shop-roles', join(root, 'charts/shop-roles'), '--namespace', 'shop']
  await shell.check({
    program: helm,
    args: [...args, '--set', 'services={web}'],
    env: { KUBECONFIG: kubeconfig },
  })
  webhook.entries.set(roleArn('deploy'), ['shopctl-deployers'])
  webhook.entries.set(roleArn('read'), ['shopctl-viewers'])
}

/** In the place of scheduler and kubelet: it says that pods run, and ends those that are deleted. */
async function runPods(admin: KubernetesApi, signal: AbortSignal): Promise<void> {
  const node = 'node-1'
  await admin.send('POST', '/api/v1/nodes', { metadata: { name: node } })
  let last = 1
  const run = async ({ metadata, spec, status }: V1Pod): Promise<void> => {
    const pod = `${pods}/${metadata?.name}`
    if (metadata?.deletionTimestamp)
      await admin.send('DELETE', pod, {
        gracePeriodSeconds: 0,
        apiVersion: 'v1',
        kind: 'DeleteOptions',
      })
    else if (!spec?.nodeName)
      await admin.send('POST', `${pod}/binding`, {
        metadata: { name: metadata?.name },
        target: { kind: 'Node', name: node },
      })
    else if (status?.phase === 'Pending') {
      last += 1
      const podIP = `10.9.0.${last}`
      const conditions = [{ type: 'Ready', status: 'True' }]
      const running = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions }
      await admin.patch(`${pod}/status`, { status: running })
    }
  }
  while (!signal.aborted) {
    const list = await admin.get<V1PodList>(pods).catch(() => null)
    // A controller may have changed it meanwhile.
    await Promise.all((list?.items ?? []).map((pod) => run(pod).catch(() => {})))
    await sleep(100)
  }
}

/** Runs shopctl as the job of a GitHub environment, and keeps which rights it used. */
async function runAs(role: Role, environment: string, args: string[]): Promise<Finished> {
  const file = join(folder, 'token')
  await writeFile(file, tokenOf(claimsOf(environment)))
  recorder.calls.length = 0
  recorder.policy = await policyOf(role, folder)
  const finished = await shell.run({
    program: process.execPath,
    args: [join(root, 'cli/bin/shopctl.js'), ...args, '--env', 'production'],
    cwd: join(folder, 'project'),
    // Each job has a machine of its own.
    env: {
      ...base,
      HOME: join(folder, role),
      AWS_ROLE_ARN: roleArn(role),
      AWS_WEB_IDENTITY_TOKEN_FILE: file,
    },
  })
  calls[role].push(...recorder.calls)
  return finished
}

async function ok(role: Role, environment: string, args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runAs(role, environment, args)
  if (exitCode === 0) return stdout
  throw new Error(`${args.join(' ')} → ${exitCode}\n${stdout}\n${stderr}`)
}

/** Returns the digest of this version. */
async function push(text: string): Promise<string> {
  await writeFile(join(folder, 'project/service-http/server.mjs'), text)
  await ok('push', 'images', ['build'])
  const { images } = JSON.parse(await ok('push', 'images', ['push', '--json']))
  return images[0].digest
}

/** One version, from its build to its switch. */
async function release(text: string): Promise<void> {
  const web = await push(text)
  // The role of a push has the rights for it: to read and to push. Here the fake lets everybody in.
  const name = `${new URL(fake.url).host}/${repository}`
  await attestImage(sigstore, { name, digest: web, credentials: null })
  const digests = JSON.stringify({ web })
  await ok('deploy', 'production', ['deploy', '--digests', digests, '--timeout', '30'])
  const unproven = ['--skip-smoke', '--reason', 'its pods do not run']
  await ok('deploy', 'production-live', ['switch', ...unproven])
}

describe('a release to Amazon ECR and EKS', () => {
  it('passes with the rights of its roles', async () => {
    await pin(await push('never deployed'))
    // Nothing has changed: it looks at the image in the registry.
    expect(await ok('push', 'images', ['build', '--json'])).toContain('registry')
    await release('one')
    await release('two')
    await ok('deploy', 'production', ['rollback'])
    await ok('deploy', 'production', ['cleanup'])
    const status = JSON.parse(await ok('read', 'production', ['status', '--json']))
    expect(status.services.web).toMatchObject({ active: 'blue', slots: { green: null } })
    expect(await ok('read', 'production', ['history'])).toMatch(/rollback/)
  }, 240_000)

  it.each(roles)('calls what the policy %s allows, all of it and nothing else', async (role) => {
    const policy = await policyOf(role, folder)
    // STS asks for no right to GetCallerIdentity; the trust policy has the other one.
    const free = ['sts:GetCallerIdentity', 'sts:AssumeRoleWithWebIdentity']
    const used = calls[role].filter(({ action }) => !free.includes(action))
    expect([...new Set(used.map(({ action }) => action))].sort()).toEqual(actionsOf(policy))
    expect(used.filter((call) => !allows(policy, call))).toEqual([])
    expect(calls[role].some(({ action }) => action === free[1])).toBe(true)
  })

  it.each<[string, Role, string, string[], RegExp]>([
    ['a switch by a viewer', 'read', 'production', ['switch'], /cannot create resource "leases"/],
    ['a deploy by a viewer', 'read', 'production', ['deploy'], /cannot get resource "namespaces"/],
    ['a deploy by a pusher', 'push', 'images', ['deploy'], /eks:DescribeCluster/],
    [
      'a push by a deployer',
      'deploy',
      'production',
      ['push'],
      /ecr:InitiateLayerUpload[\s\S]*Use a role with this right/,
    ],
  ])(
    '%s is refused, and the message names the right',
    async (_, role, environment, args, right) => {
      await writeFile(join(folder, 'project/service-http/server.mjs'), 'three')
      await ok('push', 'images', ['build'])
      const { exitCode, stderr } = await runAs(role, environment, args)
      expect(stderr).toMatch(right)
      expect(exitCode).toBe(2)
    },
  )
})

/** Pins an image for an operation that no journal has: the next deploy removes it. */
async function pin(digest: string): Promise<void> {
  const url = `${fake.url}/v2/${repository}/manifests`
  const type = 'application/vnd.docker.distribution.manifest.v2+json'
  const manifest = await fetch(`${url}/${digest}`, { headers: { accept: type } })
  const pinned = await fetch(`${url}/keep-production-op-99`, {
    method: 'PUT',
    headers: { 'content-type': manifest.headers.get('content-type') ?? type },
    body: await manifest.text(),
  })
  if (!pinned.ok) throw new Error(`${pinned.status} ${await pinned.text()}`)
}
