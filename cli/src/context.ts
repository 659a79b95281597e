// Composition root: what a command works with, each part built when it is first needed.
import { homedir, hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { createClock } from './adapters/clock.ts'
import { findConfigFile } from './adapters/config-file.ts'
import { createDocker } from './adapters/docker.ts'
import { createGitSource } from './adapters/git.ts'
import type { KubernetesApi } from './adapters/kubernetes/api.ts'
import { createPrograms } from './adapters/programs.ts'
import { createRegistry } from './adapters/registry.ts'
import { createScratch } from './adapters/scratch.ts'
import { createShell } from './adapters/shell.ts'
import { checkServices, configFile, environmentOf, parseConfig } from './config/parse.ts'
import type { Config, EnvironmentConfig } from './config/schema.ts'
import { refused } from './errors.ts'
import { createProgress } from './output/progress.ts'
import type { Platform } from './platform/platform.ts'
import type {
  Broker,
  Clock,
  Cluster,
  Helm,
  ImageBuilder,
  Programs,
  Progress,
  Registry,
  Scratch,
  Source,
  Traffic,
} from './release/ports.ts'

export interface GlobalOptions {
  env: string
  /** null: all. */
  services: readonly string[] | null
  signal: AbortSignal
}

export interface Context {
  config: Config
  env: string
  environment: EnvironmentConfig
  /** Those asked for, null when none were named. */
  chosen: readonly string[] | null
  /** Those asked for, or all. */
  services: readonly string[]
  signal: AbortSignal
  /** Who runs this, for locks and records. */
  user: string
  progress: Progress
  clock: Clock
  source: Source
  programs: Programs
  scratch: Scratch
  registry: Registry
  /** `host:port` or `host/path`. */
  registryAddress(): Promise<string>
  builder(): Promise<ImageBuilder>
  helm(): Promise<Helm>
  cluster(): Promise<Cluster>
  traffic(): Promise<Traffic>
  /** null: the environment names none. */
  broker(): Promise<Broker | null>
}

/** How to reach the parts of an environment. */
interface Access {
  registry: string
  kubeconfig: string | null
  context: string | null
  helm: string
  docker: string
  dockerEnv: Record<string, string>
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

export function createContext(options: GlobalOptions): Context {
  const { text, root, shown } = findConfigFile(configFile, process.cwd())
  const config = parseConfig(text, shown)
  const environment = environmentOf(config, options.env)
  if (options.services) checkServices(config, options.services)
  const { signal } = options
  const { namespace } = environment
  const shell = createShell()
  const clock = createClock()
  const progress = createProgress(() => performance.now())
  const access = once(() => accessOf(environment, progress))
  const api = once(async (): Promise<KubernetesApi> => {
    const { connect } = await import('./adapters/kubernetes/api.ts')
    const { kubeconfig, context } = await access()
    return connect({ file: kubeconfig, context })
  })
  return {
    config,
    env: options.env,
    environment,
    chosen: options.services,
    services: options.services ?? Object.keys(config.services),
    signal,
    user: currentUser(),
    progress,
    clock,
    source: createGitSource(shell, root),
    programs: createPrograms(shell, { root, signal }),
    scratch: createScratch(),
    registry: createRegistry(),
    registryAddress: async () => (await access()).registry,
    builder: once(async () => {
      const { docker, dockerEnv } = await access()
      return createDocker(shell, { program: docker, env: dockerEnv, root, signal })
    }),
    helm: once(async () => {
      const { createHelm } = await import('./adapters/helm.ts')
      const { helm, kubeconfig, context } = await access()
      const env = kubeconfig ? { KUBECONFIG: kubeconfig } : {}
      return createHelm(shell, { program: helm, env, context, namespace, root, signal })
    }),
    cluster: once(async () => {
      const { createCluster } = await import('./adapters/kubernetes/cluster.ts')
      const services = Object.keys(config.services)
      const holder = `${currentUser()} ${process.pid}`
      return createCluster(await api(), { namespace, services, holder, now: Date.now })
    }),
    traffic: once(async () => {
      const { createTraffic } = await import('./adapters/kubernetes/traffic.ts')
      return createTraffic(await api(), namespace)
    }),
    broker: once(async () => {
      if (!environment.broker) return null
      const { createBroker } = await import('./adapters/kubernetes/broker.ts')
      return createBroker(await api(), namespace, environment.broker)
    }),
  }
}

async function accessOf(environment: EnvironmentConfig, progress: Progress): Promise<Access> {
  if (environment.cluster !== 'embedded') {
    const { context, registry } = environment.cluster
    return { registry, kubeconfig: null, context, helm: 'helm', docker: 'docker', dockerEnv: {} }
  }
  const { platform } = await createPlatformContext(progress)
  const { running, kubeconfig, registry } = await platform.status()
  if (!running || !kubeconfig || !registry) {
    throw refused({
      code: 'platform-down',
      message: 'The embedded platform is not running.',
      hint: 'Start it with `shopctl platform up`; it takes less than a minute once it is built.',
    })
  }
  const { helm, docker, dockerHost, dockerConfig } = await platform.tools()
  return {
    registry,
    kubeconfig,
    context: null,
    helm,
    docker,
    dockerEnv: { DOCKER_HOST: dockerHost, DOCKER_CONFIG: dockerConfig },
  }
}

export interface PlatformContext {
  platform: Platform
  progress: Progress
}

/** What the `platform` commands work with; they need no shopctl.yaml. */
export async function createPlatformContext(
  progress: Progress = createProgress(() => performance.now()),
): Promise<PlatformContext> {
  const { createPlatform } = await import('./platform/platform.ts')
  const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  const platform = createPlatform({ shell: createShell(), progress, now: Date.now, cacheDir })
  return { platform, progress }
}

function currentUser(): string {
  return `${userInfo().username}@${hostname()}`
}
