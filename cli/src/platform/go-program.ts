// Builds programs from Go modules.
import { copyFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import type { Check } from './component.ts'
import { goItem } from './debian.ts'
import { embeddedFolder, kubernetesVersion, type Layout } from './layout.ts'
import { contentsOf, type Item, store } from './store.ts'

const oldestGo = [1, 24] as const

/** `version` is like `go version go1.26.8 linux/amd64` or `go1.24`. */
export function isNewEnough(version: string): boolean {
  const [, major = '0', minor = '0'] = /go(\d+)\.(\d+)/.exec(version) ?? []
  return (
    Number(major) > oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) >= oldestGo[1])
  )
}

/** The machine's own Go, or null when it is missing or too old. */
export async function findGo(shell: Shell): Promise<string | null> {
  for (const go of ['go', '/usr/local/go/bin/go']) {
    const found = await shell.run({ program: go, args: ['version'] }).catch(() => null)
    if (found?.exitCode === 0 && isNewEnough(found.stdout)) return go
  }
  return null
}

/** Arguments of `go`. `-v` prints each compiled package: the only progress that go reports. */
export function buildArguments(output: string, source: string, linkerFlags: string): string[] {
  return [
    'build',
    '-v',
    '-trimpath',
    '-buildvcs=false',
    // Without debug information the compiler needs an eighth less time.
    '-gcflags=all=-dwarf=false',
    `-ldflags=${linkerFlags}`,
    `-o=${output}`,
    source,
  ]
}

/** `auto`: a module that needs a newer Go fetches it as a module. */
type Toolchain = 'local' | 'auto'

// The platform's own caches, which `down --purge` removes. Proxies are the user's.
function goEnvironment(layout: Layout, toolchain: Toolchain): Record<string, string> {
  return {
    CGO_ENABLED: '0',
    GOFLAGS: '',
    GOWORK: 'off',
    GOTOOLCHAIN: toolchain,
    GOENV:
      process.env.GOENV ??
      join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'go/env'),
    GOPATH: join(layout.cache, 'go'),
    GOCACHE: join(layout.cache, 'go/build'),
    GOTMPDIR: layout.temporary,
    // Go writes its telemetry there.
    XDG_CONFIG_HOME: join(layout.temporary, 'config'),
  }
}

export interface GoModule {
  /** Name of the item. */
  name: string
  /** Its folder: below `embedded`, or an absolute path. */
  folder: string
  /** Program → package. */
  programs: Readonly<Record<string, string>>
  linkerFlags: string
  toolchain: Toolchain
  /** Number of packages in a full build, to show progress. */
  packages: number
  /** Files of another module, which go beside the programs. */
  files?: { module: string; paths: readonly string[] }
}

export function goModuleItems(
  shell: Shell,
  layout: Layout,
  modules: readonly GoModule[],
): Promise<Item[]> {
  return Promise.all(modules.map((module) => goModuleItem(shell, layout, module)))
}

/** The programs of a module. Each is a file of this name in the item's folder. */
export async function goModuleItem(
  shell: Shell,
  layout: Layout,
  { name, folder, programs, linkerFlags, toolchain, packages, files }: GoModule,
): Promise<Item> {
  const source = resolve(embeddedFolder(), folder)
  return {
    name,
    inputs: [
      ...(await contentsOf(source)),
      ...buildArguments('', '', linkerFlags),
      ...(files?.paths ?? []),
    ],
    async build(output, say) {
      const go =
        (await findGo(shell)) ??
        join(await store(layout, goItem(shell), say), 'usr/lib/go-1.24/bin/go')
      const env = goEnvironment(layout, toolchain)
      let compiled = 0
      const onLine = (line: string): void => {
        const downloading = line.startsWith('go: downloading ')
        if (!downloading) compiled += 1
        say(downloading ? line.slice(4) : `compiled ${compiled} of about ${packages} packages`)
      }
      for (const [program, path] of Object.entries(programs)) {
        const args = buildArguments(join(output, program), path, linkerFlags)
        await shell.check({ program: go, args, cwd: source, env }, onLine)
      }
      if (!files) return
      const args = ['list', '-m', '-f', '{{.Dir}}', files.module]
      const module = (await shell.check({ program: go, args, cwd: source, env })).trim()
      for (const path of files.paths)
        await copyFile(join(module, path), join(output, basename(path)))
    },
  }
}

/** Uses the proxies that Go is configured with. */
export function goCheck(go: string, scratch: string): Check {
  return {
    registry: 'the Go module proxy',
    command: {
      program: go,
      args: ['list', '-m', `k8s.io/kubernetes@${kubernetesVersion}`],
      cwd: scratch,
      env: { GOFLAGS: '-modcacherw', GOWORK: 'off', GOTOOLCHAIN: 'local', GOMODCACHE: scratch },
    },
  }
}

/** Programs of others have no version of ours in them. */
const plainFlags = '-s -w'

/** Reads the logs of all containers and sends them to a store of logs. */
export const collectorModule: GoModule = {
  name: 'log-collector',
  folder: 'observability/collector',
  programs: { 'log-collector': '.' },
  linkerFlags: plainFlags,
  toolchain: 'auto',
  packages: 1_000,
}

/** VictoriaLogs, which keeps them. */
export const logStoreModule: GoModule = {
  name: 'log-store',
  folder: 'observability/logs',
  programs: { 'log-store': 'github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs' },
  linkerFlags: plainFlags,
  toolchain: 'auto',
  packages: 450,
}

/** Stand-ins for kube-state-metrics and for Slack: one program, whose first argument names the part. */
export const helpersModule: GoModule = {
  name: 'observability-helpers',
  folder: 'observability/helpers',
  programs: { helpers: '.' },
  linkerFlags: plainFlags,
  toolchain: 'local',
  packages: 180,
}

export const argocdDefinitions = ['application-crd.yaml', 'appproject-crd.yaml'] as const
const argocd = 'github.com/argoproj/argo-cd/v3'

/** Argo CD without its server, and the definitions of its objects. */
export const argocdModule: GoModule = {
  name: 'argocd',
  folder: 'gitops/argocd',
  programs: { argocd: '.' },
  linkerFlags: `${plainFlags} -X ${argocd}/common.version=3.2.6`,
  toolchain: 'auto',
  packages: 1_690,
  files: { module: argocd, paths: argocdDefinitions.map((file) => `manifests/crds/${file}`) },
}

/** Serves a git repository over HTTP. */
export const gitServerModule: GoModule = {
  name: 'git-server',
  folder: 'gitops/git-server',
  programs: { 'git-server': '.' },
  linkerFlags: plainFlags,
  toolchain: 'local',
  packages: 190,
}
