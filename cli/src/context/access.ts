// How an environment is reached: its registry, its cluster, and the programs for them.
import type { EksName } from '../adapters/aws/eks/exec-kubeconfig.ts'
import { chartFolder } from '../adapters/builtin-charts.ts'
import { createClock } from '../adapters/clock.ts'
import { currentFolder, findConfigFile } from '../adapters/config-file.ts'
import { createShell, type Shell, withoutProxy } from '../adapters/shell.ts'
import { parseConfig } from '../config/parse.ts'
import { ecrAddress } from '../config/registry.ts'
import { configFile, type EnvironmentConfig } from '../config/schema.ts'
import { releasedKinds } from '../drivers/gitops/kinds.ts'
import { refused } from '../errors.ts'
import type { EmbeddedEnvironment } from '../platform/additions.ts'
import type { GitRepository } from '../platform/gitops.ts'
import type { Platform } from '../platform/platform.ts'
import type { Progress } from '../release/ports/session.ts'
import { cacheFolder } from './cache-folder.ts'

/** The addresses and programs of an environment. */
export interface Access {
  registry: string
  immutableTags: boolean
  kubeconfig: string | null
  context: string | null
  eks: EksName | null
  /** How the cluster is reached: the variables that differ from this process's. */
  env: Record<string, string>
  helm: string
  docker: string
  dockerEnv: Record<string, string>
  /** The git repository of the embedded platform. null: none. */
  git: GitRepository | null
}

export async function accessOf(
  environment: EnvironmentConfig,
  progress: Progress,
): Promise<Access> {
  if (environment.cluster !== 'embedded') {
    const { context = null, eks, registry, immutableTags } = environment.cluster
    const tools = { helm: 'helm', docker: 'docker', dockerEnv: {} }
    return {
      // Those of ECR need a login, and do not move.
      immutableTags: immutableTags || ecrAddress(registry) !== null,
      registry,
      kubeconfig: null,
      context,
      env: {},
      eks: eks ? { ...eks, role: eks.role ?? null } : null,
      git: null,
      ...tools,
    }
  }
  const { platform } = await createPlatformContext(progress)
  const { running, kubeconfig, registry, git } = await platform.status()
  if (!running || !kubeconfig || !registry) {
    throw refused({
      code: 'platform-down',
      message: 'The embedded platform is not running.',
      hint: 'Run `shopctl platform up`. It takes less than a minute once it is built.',
    })
  }
  const { helm, docker, dockerHost, dockerConfig, direct } = await platform.tools()
  return {
    registry,
    // Everybody on this machine can write to it.
    immutableTags: false,
    kubeconfig,
    context: null,
    eks: null,
    env: withoutProxy(direct),
    helm,
    docker,
    git,
    dockerEnv: { DOCKER_HOST: dockerHost, DOCKER_CONFIG: dockerConfig },
  }
}

export interface PlatformContext {
  platform: Platform
  /** Those of shopctl.yaml in the embedded cluster. Refuses when there are none. */
  embeddedEnvironments(): Promise<EmbeddedEnvironment[]>
}

/** The context of the `platform` commands. Only `up --with` needs a shopctl.yaml. `seconds` is the limit of each program it runs. */
export async function createPlatformContext(
  progress: Progress,
  seconds = 3_600,
): Promise<PlatformContext> {
  const { createPlatform } = await import('../platform/platform.ts')
  const cacheDir = cacheFolder()
  const now = () => createClock().now().getTime()
  const limit = { seconds, setting: '`shopctl platform up --timeout`' }
  // dpkg and mmdebstrap clean up at SIGTERM.
  const shell = createShell(limit, 'SIGTERM')
  const observabilityChart = () => chartFolder('observability')
  const platform = createPlatform({
    shell,
    progress,
    now,
    cacheDir,
    observabilityChart,
    releasedKinds,
  })
  return { platform, embeddedEnvironments: () => embeddedEnvironments(shell) }
}

async function embeddedEnvironments(shell: Shell): Promise<EmbeddedEnvironment[]> {
  const file = await findConfigFile(shell, { name: configFile, from: currentFolder() })
  const embedded = Object.entries(parseConfig(file.text, file.shown).environments)
    .filter(([, { cluster }]) => cluster === 'embedded')
    .map(([name, { namespace }]) => ({ name, namespace }))
  // It would no longer serve those of another project.
  if (embedded.length === 0)
    throw refused({
      code: 'nothing-to-observe',
      message: `No environment of ${file.shown} is in the embedded cluster.`,
      hint: 'Go to the folder of a project with such an environment. For another cluster, install charts/observability or Argo CD there.',
    })
  return embedded
}
