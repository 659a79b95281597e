// Composition root: makes the ports of a command, each when it is first needed.
import { join } from 'node:path'
import { builtinChart } from './adapters/builtin-charts.ts'
import { currentFolder, findConfigFile } from './adapters/config-file.ts'
import { createDocker } from './adapters/docker/docker.ts'
import { createGitSource } from './adapters/git.ts'
import type { KubernetesPorts } from './adapters/kubernetes/ports.ts'
import { createMigrationCheck } from './adapters/migrations/check.ts'
import { createPages } from './adapters/pages.ts'
import { describeSelf, hasEnded } from './adapters/processes.ts'
import { createPrograms } from './adapters/programs.ts'
import { createPushRecord } from './adapters/push-record.ts'
import { createScratch } from './adapters/scratch.ts'
import { createShell, type Limit, type Shell } from './adapters/shell.ts'
import { createAttestations } from './adapters/sigstore/attestations.ts'
import { checkDriver } from './config/gitops.ts'
import { checkServices, environmentOf, parseConfig } from './config/parse.ts'
import { type Config, configFile, type EnvironmentConfig } from './config/schema.ts'
import { type Access, accessOf } from './context/access.ts'
import { cacheFolder } from './context/cache-folder.ts'
import type { Comparison } from './context/comparison.ts'
import type { GitopsTools } from './context/gitops.ts'
import { accessEks, accessGitops, accessLogStore, accessMetrics } from './context/on-demand.ts'
import { probeOf } from './context/probe.ts'
import { accessRegistry } from './context/registry.ts'
import type { Session } from './context/session.ts'
import type { DeployInput } from './release/deploy/deploy.ts'
import type { DesireInput } from './release/deploy/desire.ts'
import type { HookSettings } from './release/hooks.ts'
import type { Charts, Driver } from './release/ports/driver.ts'
import type { Events } from './release/ports/events.ts'
import type { Attestations, Scans } from './release/ports/images.ts'
import type { LogStore } from './release/ports/logs.ts'
import type { Metrics } from './release/ports/metrics.ts'
import type { Probe } from './release/ports/probe.ts'
import type {
  ImageBuilder,
  MigrationCheck,
  Pages,
  Programs,
  PushRecord,
  Registry,
  Scratch,
  Source,
} from './release/ports/project.ts'
import type { Clock, Mask, Operator, Progress } from './release/ports/session.ts'

export { createPlatformContext, type PlatformContext } from './context/access.ts'
export { openSession, type Session } from './context/session.ts'

interface GlobalOptions {
  env: string
  /** null: all. */
  services: readonly string[] | null
  signal: AbortSignal
}

/** The ports that need no cluster. */
interface LocalPorts {
  source: Source
  programs: Programs
  scratch: Scratch
  registry: Registry
  attestations: Attestations
  scans: Scans | null
  pushed: PushRecord
  migrations: MigrationCheck
  progress: Progress
  events: Events
  clock: Clock
  operator: Operator
  mask: Mask
  signal: AbortSignal
}

/** The ports that need the cluster of the environment. */
export interface ClusterPorts
  extends LocalPorts,
    Omit<KubernetesPorts, 'api' | 'objects' | 'scaling'> {
  /** null: the environment names no Prometheus. */
  metrics: Metrics | null
  /** null: the environment sets none. */
  probe: Probe | null
  hookSettings: HookSettings
  /** null: the environment names none. */
  openLogStore(): Promise<LogStore | null>
  driver: Driver
  /** null: the environment has another driver. */
  gitops: GitopsTools | null
  charts: Charts
}

export interface Context extends LocalPorts {
  config: Config
  env: string
  environment: EnvironmentConfig
  /** The services of --service, null without it. */
  chosen: readonly string[] | null
  /** The services of --service, or all. */
  services: readonly string[]
  /** The current work tree: services, and where their images are. */
  tree(): Promise<Omit<DesireInput, 'sharedChart'>>
  /** The charts that come with shopctl. Reads them at each call. */
  builtinCharts(): Pick<DeployInput, 'sharedChart' | 'guardChart'>
  pages: Pages
  builder(): Promise<ImageBuilder>
  cluster(): Promise<ClusterPorts>
  /** Of two commits of the config repo. Refused if the environment has none. */
  comparison(): Promise<Comparison>
}

interface Project {
  config: Config
  env: string
  environment: EnvironmentConfig
  root: string
  limitOf: LimitOf
  /** undefined: no variable is named, or it is not set. */
  tokens: Record<'metrics' | 'logs' | 'git', string | undefined>
}

type LimitOf = (setting: keyof Config['timeouts']) => Limit

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

export async function createContext(options: GlobalOptions, session: Session): Promise<Context> {
  const { env, services: chosen, signal } = options
  const shell = createShell()
  const { text, root, shown } = await findConfigFile(shell, {
    name: configFile,
    from: currentFolder(),
  })
  const config = parseConfig(text, shown)
  const environment = environmentOf(config, env)
  checkDriver(env, environment.driver, process.env.SHOPCTL_DRIVER)
  if (chosen) checkServices(config, chosen)
  const services = chosen ?? Object.keys(config.services)
  const limitOf: LimitOf = (setting) => ({
    seconds: config.timeouts[setting],
    setting: `\`timeouts.${setting}\` of shopctl.yaml`,
  })
  const { slack, grafana = null, metrics, logs } = environment
  await session.tellOthers({ system: config.name, env, variable: slack, grafana })
  // At once: no program that a command runs may inherit it.
  const tokenOf = (variable?: string) => variable && session.secretOf(variable)
  const git = environment.driver === 'gitops' ? 'SHOPCTL_GIT_TOKEN' : undefined
  const tokens = { metrics: tokenOf(metrics?.token), logs: tokenOf(logs?.token), git: tokenOf(git) }
  const { clock, operator, progress, events, mask } = session
  const shared = { clock, operator, progress, events, mask, signal }
  const access = once(() => accessOf(environment, progress))
  const limits = { request: limitOf('request'), tools: limitOf('tools') }
  const { withLogin, ...images } = accessRegistry(shell, environment, { limits, mask, signal })
  const local: LocalPorts = {
    source: createGitSource(shell, root, limitOf('tools')),
    programs: createPrograms(shell, {
      root,
      limits: { run: limitOf('build'), script: limitOf('script'), hook: limitOf('hook') },
    }),
    scratch: createScratch(),
    ...images,
    attestations: createAttestations({
      folder: () => join(cacheFolder(), 'sigstore'),
      limit: limitOf('request'),
      env: process.env,
    }),
    pushed: createPushRecord(() => join(cacheFolder(), 'pushed')),
    migrations: createMigrationCheck(),
    ...shared,
  }
  const project = { config, env, environment, root, limitOf, tokens }
  const cluster = once(async () => connectCluster(shell, local, project, await access()))
  return {
    ...local,
    config,
    env,
    environment,
    chosen,
    services,
    builtinCharts: () => ({
      sharedChart: builtinChart('shop-service'),
      guardChart: builtinChart('shop-guard'),
    }),
    tree: async () => {
      const { registry: registryAddress, immutableTags } = await access()
      return { config, env, services, registryAddress, immutableTags }
    },
    pages: createPages(),
    builder: once(async () => {
      const { docker, dockerEnv } = await access()
      return createDocker(shell, {
        program: docker,
        env: dockerEnv,
        root,
        signal,
        limits: { inspect: limitOf('tools'), build: limitOf('build'), push: limitOf('push') },
        scratch: local.scratch,
        ...(withLogin && { withLogin }),
      })
    }),
    cluster,
    comparison: once(async () => {
      const { createComparison } = await import('./context/comparison.ts')
      const settings = { token: tokens.git, limit: limitOf('tools') }
      const services = Object.keys(config.services)
      return createComparison({ shell, env, environment, services, cluster, ...settings })
    }),
  }
}

async function connectCluster(
  shell: Shell,
  local: LocalPorts,
  project: Project,
  { kubeconfig, context, eks, env: access, helm: program, git }: Access,
): Promise<ClusterPorts> {
  const { createKubernetesPorts } = await import('./adapters/kubernetes/ports.ts')
  const { createHelm } = await import('./drivers/helm/helm.ts')
  const { createCharts, createHelmDriver } = await import('./drivers/helm/driver.ts')
  const { createReleases } = await import('./drivers/helm/releases.ts')
  const { config, environment, root, limitOf, tokens } = project
  const { services } = config
  const { namespace, broker = null } = environment
  const { clock, operator, progress, mask, signal } = local
  const now = () => clock.now().getTime()
  const onEks = eks && (await accessEks(eks, { limit: limitOf('request'), now, mask, signal }))
  const { api, objects, scaling, ...ports } = createKubernetesPorts({
    cluster: onEks?.target ?? { file: kubeconfig, context },
    namespace,
    services,
    broker,
    operator,
    holder: `${operator.by} ${process.pid}`,
    clock,
    processes: { describeSelf, hasEnded },
    env: { ...process.env, ...access },
    mask,
    limits: { request: limitOf('request'), tools: limitOf('tools'), pod: limitOf('pod') },
  })
  const env = { ...access, ...(kubeconfig && { KUBECONFIG: kubeconfig }) }
  const limit = limitOf('helm')
  const helm = createHelm(onEks?.shellOf(shell) ?? shell, {
    program,
    env,
    context,
    namespace,
    root,
    limit,
  })
  const releases = createReleases(api, namespace)
  const charts = createCharts(helm, { namespace, root })
  const helmDriver = createHelmDriver({ helm, releases, objects, scaling, progress })
  const gitops =
    environment.driver === 'gitops' &&
    (await accessGitops({
      api,
      objects,
      scaling,
      observer: ports.observer,
      journal: ports.journal,
      charts,
      helm: helmDriver,
      token: tokens.git,
      shell,
      git,
      root,
      environment,
      env: project.env,
      system: config.name,
      services: Object.keys(services),
      limits: { git: limitOf('tools'), sync: limitOf('helm') },
      clock,
      operator,
      progress,
      mask,
      signal,
    }))
  const metrics =
    environment.metrics &&
    (await accessMetrics(environment.metrics, {
      api,
      limit: limitOf('request'),
      signal,
      warn: progress.warn,
      env: project.env,
      token: tokens.metrics,
    }))
  return {
    ...local,
    ...ports,
    metrics: metrics ?? null,
    probe: probeOf(environment.probe, Object.keys(services)),
    hookSettings: { scripts: config.hooks, env: project.env, namespace, where: config.where },
    openLogStore: () =>
      accessLogStore(environment, api, {
        limit: limitOf('pod'),
        token: tokens.logs,
        now: clock.now,
      }),
    charts,
    driver: gitops ? gitops.driver : helmDriver,
    gitops: gitops ? gitops.tools : null,
  }
}
