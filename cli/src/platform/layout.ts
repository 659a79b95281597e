// Where everything of the platform lives on this machine: folders, sockets, addresses.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const node = 'shopctl'
export const kubernetesVersion = 'v1.34.4'

/** Everything has an address of its own on `lo`, so that nobody's ports on 127.0.0.1 are in the way. */
export const network = {
  host: '10.245.0.1',
  services: '10.245.16.0/20',
  pods: '10.245.128.0/24',
  builds: '10.245.2.0/24',
  buildsGateway: '10.245.2.1/24',
  /** Covers all of the above: traffic within it is never masqueraded. */
  all: '10.245.0.0/16',
  podBridge: 'shopctl-pods',
  buildBridge: 'shopctl0',
} as const

export const registry = '127.0.0.1:5000'
export const edgeUrl = 'http://127.0.0.1:30080'
export const previewUrl = 'http://127.0.0.1:30081'

export interface Layout {
  cache: string
  /** Content-addressed, built once, never changed. */
  store: string
  /** The running platform: configuration, logs, and the data that `down` keeps. */
  home: string
  /** Sockets and other things that a reboot may take. */
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

/** The folder `embedded`, which lies beside `src` in the repository and beside the bundle in the package. */
export function embeddedFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'embedded')
    if (existsSync(join(candidate, 'kubernetes/go.mod'))) return candidate
  }
  throw new Error(`no folder "embedded" above ${import.meta.dirname}`)
}
