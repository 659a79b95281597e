// The platform's folders, sockets and addresses on this machine.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const node = 'shopctl'
export const kubernetesVersion = 'v1.34.4'

/** The daemons listen on their own address on `lo`, so that they do not need ports on 127.0.0.1. */
export const network = {
  host: '10.245.0.1',
  services: '10.245.16.0/20',
  pods: '10.245.128.0/24',
  builds: '10.245.2.0/24',
  buildsGateway: '10.245.2.1/24',
  /** All of the above. Traffic within it is not masqueraded. */
  all: '10.245.0.0/16',
  podBridge: 'shopctl-pods',
  buildBridge: 'shopctl0',
} as const

/** What this machine and the pods reach without a proxy. */
export const direct = [
  'localhost',
  '127.0.0.0/8',
  '127.0.0.1',
  '::1',
  network.all,
  '.svc',
  '.cluster.local',
] as const

/** Where the mail sink shows what it has received. */
export const mailsPort = 8025
export const registry = '127.0.0.1:5000'
/** NodePorts of the edge. */
export const edgeUrl = 'http://127.0.0.1:30080'
export const previewUrl = 'http://127.0.0.1:30081'
/** NodePort of the git server that `up --with gitops` adds. */
export const gitNodePort = 30_082

export interface Layout {
  cache: string
  /** Built once and never changed. Folder names contain a hash. */
  store: string
  /** Configuration, logs, and the data that `down` keeps. */
  home: string
  /** Sockets and other files that a reboot may delete. */
  run: string
  kubeconfig: string
  pki: string
  config: string
  logs: string
  pids: string
  temporary: string
  bin: string
  dockerConfig: string
  containerdSocket: string
  dockerSocket: string
  dockerHost: string
}

/** `cache` is shopctl's folder below the user's cache directory. */
export function layoutOf(cache: string): Layout {
  const home = join(cache, 'platform')
  const run = '/run/shopctl'
  return {
    cache,
    store: join(cache, 'store'),
    home,
    run,
    kubeconfig: join(home, 'pki/admin.conf'),
    pki: join(home, 'pki'),
    config: join(home, 'config'),
    logs: join(home, 'logs'),
    pids: join(home, 'pids'),
    temporary: join(home, 'tmp'),
    bin: join(home, 'bin'),
    dockerConfig: join(home, 'docker-config'),
    containerdSocket: join(run, 'containerd/containerd.sock'),
    dockerSocket: join(run, 'docker.sock'),
    dockerHost: `unix://${join(run, 'docker.sock')}`,
  }
}

/** The folder `embedded`: beside `src` in the repository, beside the bundle in the package. */
export function embeddedFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'embedded')
    if (existsSync(join(candidate, 'kubernetes/go.mod'))) return candidate
  }
  throw new Error(`no folder "embedded" above ${import.meta.dirname}`)
}
