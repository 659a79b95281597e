// The embedded platform: a single-node Kubernetes, a registry and a Docker engine, as daemons of this machine.
import { join } from 'node:path'
import { type Shell, withoutProxy } from '../adapters/shell.ts'
import { refused } from '../errors.ts'
import type { Progress } from '../output/progress.ts'
import type { AddedPart } from './added-release.ts'
import { type Addition, additions, type EmbeddedEnvironment } from './additions.ts'
import { createDaemons, logOf } from './daemons.ts'
import { type DownReport, takeDown } from './down.ts'
import { createGitops, type GitRepository, gitRepository, type ReleasedKinds } from './gitops.ts'
import { direct, edgeUrl, layoutOf, previewUrl, registry } from './layout.ts'
import { withPlatformLock } from './lock.ts'
import { createObservability } from './observability.ts'
import { allComponents, itemsOf, machineOf } from './parts.ts'
import { checkMachine, preflight } from './preflight.ts'
import { bringUp, type Deps, isUp } from './up.ts'

/** Addresses are null unless every component runs. */
export interface PlatformStatus {
  version: 1
  running: boolean
  /** Path of the administrator's kubeconfig. */
  kubeconfig: string | null
  /** `host:port`. */
  registry: string | null
  /** Without a trailing slash. */
  edgeUrl: string | null
  previewUrl: string | null
  components: { name: string; running: boolean; pid: number | null }[]
  /** What `up --with` has added to the cluster. */
  with: Addition[]
  /** That of `up --with gitops`. */
  git: GitRepository | null
}

export interface UpInput {
  /** A part to add, or to upgrade. The cluster keeps it until it is removed. */
  with?: Addition
  /** A part to remove, with its data. */
  without?: Addition
  /** The environments that the added part serves. */
  environments?: readonly EmbeddedEnvironment[]
}

/** Paths of the platform's programs, and the environment of the Docker client. */
export interface PlatformTools {
  helm: string
  kubectl: string
  docker: string
  /** DOCKER_HOST. */
  dockerHost: string
  /** DOCKER_CONFIG, where the client finds buildx. */
  dockerConfig: string
  /** Addresses that no proxy can reach. */
  direct: readonly string[]
}

export interface Platform {
  /** Can be repeated. Throws `refused` before any change, `failed` when a part does not start. */
  up(input?: UpInput): Promise<PlatformStatus>
  status(): Promise<PlatformStatus>
  /** Keeps the data and the builds, unless `purge`. */
  down(options: { purge: boolean }): Promise<DownReport>
  /** Variables for a shell that uses the platform. Throws `refused` when the platform does not run. */
  env(): Promise<Record<string, string>>
  /** Prints the last lines of one component's log, or of all logs. `follow` continues until interrupted. */
  logs(component: string | undefined, options: { follow: boolean; tail: number }): Promise<void>
  tools(): Promise<PlatformTools>
}

export interface PlatformDeps {
  shell: Shell
  progress: Progress
  /** A clock in milliseconds. */
  now: () => number
  /** shopctl's folder below the user's cache directory. */
  cacheDir: string
  /** The folder of charts/observability. */
  observabilityChart: () => string
  releasedKinds: readonly ReleasedKinds[]
}

export function createPlatform(given: PlatformDeps): Platform {
  const { shell, progress, now, cacheDir } = given
  const layout = layoutOf(cacheDir)
  const daemons = createDaemons(layout, now)
  const deps: Deps = { shell, progress, now, layout, daemons }
  const loadItems = (add?: Addition) => itemsOf(shell, layout, add)
  const imageTools = { shell, layout, docker: join(layout.bin, 'docker') }
  const parts: Readonly<Record<Addition, AddedPart>> = {
    observability: createObservability(imageTools, given.observabilityChart),
    gitops: createGitops(imageTools, given.releasedKinds),
  }

  const status = async (): Promise<PlatformStatus> => {
    const names = allComponents(machineOf(layout, await loadItems())).map(({ name }) => name)
    const pids = await Promise.all(names.map((name) => daemons.pidOf(name)))
    const running = pids.every((pid) => pid !== null)
    return {
      version: 1,
      running,
      kubeconfig: running ? layout.kubeconfig : null,
      registry: running ? registry : null,
      edgeUrl: running ? edgeUrl : null,
      previewUrl: running ? previewUrl : null,
      components: names.map((name, index) => {
        const pid = pids[index] ?? null
        return { name, running: pid !== null, pid }
      }),
      with: additions.filter((name) => parts[name].installed()),
      git: running && parts.gitops.installed() ? gitRepository : null,
    }
  }

  return {
    status,

    async up({ with: added, without, environments = [] } = {}) {
      const items = await loadItems(added)
      if (!(await isUp(deps, items))) {
        await preflight(deps, items)
        await withPlatformLock(layout, () => bringUp(deps, items))
      }
      if (added)
        await withPlatformLock(layout, () =>
          progress.step(`Installing ${added}`, () =>
            parts[added].install(environments, items.added),
          ),
        )
      if (without)
        await withPlatformLock(layout, () =>
          progress.step(`Removing ${without}`, () => parts[without].remove()),
        )
      return status()
    },

    async down({ purge }) {
      await checkMachine(layout)
      const items = await loadItems()
      return withPlatformLock(layout, () => takeDown(deps, items, purge))
    },

    async env() {
      if (!(await status()).running) throw notRunning()
      const path = process.env.PATH ?? ''
      const known = path.split(':').includes(layout.bin)
      return {
        KUBECONFIG: layout.kubeconfig,
        PATH: known ? path : `${layout.bin}:${path}`,
        DOCKER_HOST: layout.dockerHost,
        DOCKER_CONFIG: layout.dockerConfig,
        ...withoutProxy(direct),
      }
    },

    async logs(component, { follow, tail }) {
      const names = allComponents(machineOf(layout, await loadItems())).map(({ name }) => name)
      if (component !== undefined && !names.includes(component)) {
        throw refused({
          code: 'unknown-component',
          message: `There is no component "${component}".`,
          hint: `Name one of ${names.join(', ')}.`,
        })
      }
      const files = (component === undefined ? names : [component]).map((name) =>
        logOf(layout, name),
      )
      const args = [`--lines=${tail}`, ...(follow ? ['--follow=name', '--retry'] : []), ...files]
      await shell.run({ program: 'tail', args, keepOutput: false }, (line) =>
        process.stdout.write(`${line}\n`),
      )
    },

    tools: async () => ({
      helm: join(layout.bin, 'helm'),
      kubectl: join(layout.bin, 'kubectl'),
      docker: join(layout.bin, 'docker'),
      dockerHost: layout.dockerHost,
      dockerConfig: layout.dockerConfig,
      direct,
    }),
  }
}

function notRunning() {
  return refused({
    code: 'platform-stopped',
    message: 'The platform does not run.',
    hint: 'Run `shopctl platform up`.',
  })
}
