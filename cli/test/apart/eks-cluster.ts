// An API server with an etcd of its own, whose users are AWS's, as on EKS. It needs the programs of the embedded
// platform, not the platform.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { itemsOf, machineOf } from '../../src/platform/parts.ts'
import { store, storedAt } from '../../src/platform/store.ts'
import { createServers } from '../fakes/api-server.ts'
import { type FakeAws, startAws } from '../fakes/aws.ts'
import { type EksWebhook, startWebhook } from '../fakes/eks-webhook.ts'

export interface EksTestCluster {
  aws: FakeAws
  webhook: EksWebhook
  /** An administrator, without AWS. */
  admin: KubernetesApi
  server: string
  /** PEM in base64. */
  ca: string
  helm: string
  stop(): Promise<void>
}

export const adminToken = 'an-administrator'

export interface EksClusterOptions {
  /** URL of the STS that its webhook asks. Default: that of `aws`. */
  sts?: string
  /** Runs Kubernetes' own controllers: Deployments make pods, Services get endpoints. No pod starts. */
  controllers?: boolean
}

/** `name` is the name of the cluster in eu-central-1. */
export async function startEksCluster(
  name: string,
  { sts, controllers = false }: EksClusterOptions = {},
): Promise<EksTestCluster> {
  const shell = createShell()
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  const layout = layoutOf(cache)
  const items = await itemsOf(shell, layout)
  for (const item of [items.kubernetes, items.clients]) await store(layout, item, () => {})
  const { kubernetes: program } = machineOf(layout, items)
  const helm = join(storedAt(layout, items.clients), 'helm', 'helm')
  if (!existsSync(helm)) throw new Error(`no helm at ${helm}`)

  const certificates = createServers()
  const folder = await mkdtemp(join(tmpdir(), 'eks-cluster-'))
  const aws = await startAws()
  const webhook = await startWebhook(name, sts ?? aws.url)
  const stopped = new AbortController()
  const daemons: Promise<unknown>[] = []
  const said: string[] = []
  const run = (args: string[]): void => {
    const command = { program, args, cwd: folder, signal: stopped.signal, keepOutput: false }
    const ended = shell.run(command, (line) => void said.push(line))
    daemons.push(ended.catch((error) => void said.push(error.message)))
  }
  const [etcd, peer, port] = [await freePort(), await freePort(), await freePort()]
  run(etcdArgs(folder, etcd, peer))
  run(await apiServerArgs(folder, certificates.folder, { etcd, port, webhook: webhook.url }))
  const server = `https://127.0.0.1:${port}`
  const ca = (await readFile(join(certificates.folder, 'ca.pem'))).toString('base64')
  const stop = async (): Promise<void> => {
    stopped.abort()
    await Promise.all(daemons)
    await Promise.all([aws.close(), webhook.close()])
    certificates.remove()
    await rm(folder, { recursive: true, force: true })
  }
  const admin = connect({
    context: null,
    cluster: { server, 'certificate-authority-data': ca },
    user: { token: adminToken },
  })
  try {
    const ended = Promise.race(daemons).then(() => Promise.reject(new Error('it has ended')))
    await Promise.race([awaitReady(admin), ended])
    if (controllers) run(await controllerArgs(folder, server, ca))
  } catch (error) {
    await stop()
    throw new Error(said.slice(-20).join('\n'), { cause: error })
  }
  aws.clusters.set(`eu-central-1/${name}`, { status: 'ACTIVE', endpoint: server, ca })
  return { aws, webhook, admin, server, ca, helm, stop }
}

function etcdArgs(folder: string, client: number, peer: number): string[] {
  const [own, others] = [client, peer].map((port) => `http://127.0.0.1:${port}`)
  return [
    'etcd',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${own}`,
    `--advertise-client-urls=${own}`,
    `--listen-peer-urls=${others}`,
    `--initial-advertise-peer-urls=${others}`,
    `--initial-cluster=default=${others}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]
}

async function apiServerArgs(
  folder: string,
  pki: string,
  { etcd, port, webhook }: { etcd: number; port: number; webhook: string },
): Promise<string[]> {
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const review = JSON.stringify({
    'current-context': 'webhook',
    clusters: [{ name: 'webhook', cluster: { server: webhook } }],
    users: [{ name: 'webhook', user: {} }],
    contexts: [{ name: 'webhook', context: { cluster: 'webhook', user: 'webhook' } }],
  })
  return [
    'kube-apiserver',
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    `--tls-cert-file=${join(pki, 'server.pem')}`,
    `--tls-private-key-file=${join(pki, 'server.key')}`,
    '--service-account-issuer=https://issuer.example',
    `--service-account-key-file=${join(pki, 'server.pem')}`,
    `--service-account-signing-key-file=${join(pki, 'server.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--endpoint-reconciler-type=none',
    '--authorization-mode=RBAC',
    '--profiling=false',
    `--token-auth-file=${await file('tokens.csv', `${adminToken},admin,admin,system:masters\n`)}`,
    `--authentication-token-webhook-config-file=${await file('webhook.json', review)}`,
    '--authentication-token-webhook-version=v1',
    '--authentication-token-webhook-cache-ttl=0s',
  ]
}

async function controllerArgs(folder: string, server: string, ca: string): Promise<string[]> {
  const kubeconfig = join(folder, 'controllers.json')
  const config = {
    'current-context': 'admin',
    clusters: [{ name: 'own', cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: { token: adminToken } }],
    contexts: [{ name: 'admin', context: { cluster: 'own', user: 'admin' } }],
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  const names = [
    'deployment-controller',
    'replicaset-controller',
    'endpointslice-controller',
    'serviceaccount-controller',
    'garbage-collector-controller',
  ]
  return [
    'kube-controller-manager',
    `--kubeconfig=${kubeconfig}`,
    `--controllers=${names.join()}`,
    '--leader-elect=false',
    '--secure-port=0',
  ]
}

async function awaitReady(admin: KubernetesApi): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const ready = await admin.ask({ method: 'GET', path: '/readyz' }).catch(() => null)
    if (ready?.status === 200) return
    if (Date.now() > deadline) throw new Error('the API server did not become ready in 60 s')
    await sleep(100)
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
