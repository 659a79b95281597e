// Builds the cluster's program and the pause program from Go modules.
import { homedir } from 'node:os'
import { join } from 'node:path'
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

function linkerFlags(): string {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? []
  const values = {
    'k8s.io/component-base/version.gitVersion': kubernetesVersion,
    'k8s.io/component-base/version.gitMajor': major,
    'k8s.io/component-base/version.gitMinor': minor,
    'k8s.io/component-base/version.gitTreeState': 'clean',
    'k8s.io/client-go/pkg/version.gitVersion': kubernetesVersion,
  }
  return ['-s', '-w', ...Object.entries(values).map(([name, value]) => `-X ${name}=${value}`)].join(
    ' ',
  )
}

/** Arguments of `go`. `-v` prints each compiled package: the only progress that go reports. */
export function buildArguments(output: string, source: string): string[] {
  return [
    'build',
    '-v',
    '-trimpath',
    '-buildvcs=false',
    // Without debug information the compiler needs an eighth less time.
    '-gcflags=all=-dwarf=false',
    `-ldflags=${linkerFlags()}`,
    `-o=${output}`,
    source,
  ]
}

// The platform's own caches, which `down --purge` removes. Proxies are the user's.
function goEnvironment(layout: Layout): Record<string, string> {
  return {
    CGO_ENABLED: '0',
    GOFLAGS: '',
    GOWORK: 'off',
    GOTOOLCHAIN: 'local',
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

/** Number of packages in a full build, to show progress. */
const packages = 2_800

export async function kubernetesItem(shell: Shell, layout: Layout): Promise<Item> {
  const source = join(embeddedFolder(), 'kubernetes')
  return {
    name: 'kubernetes',
    inputs: [...(await contentsOf(source)), ...buildArguments('', '')],
    async build(folder, say) {
      const go =
        (await findGo(shell)) ??
        join(await store(layout, goItem(shell), say), 'usr/lib/go-1.24/bin/go')
      const env = goEnvironment(layout)
      let compiled = 0
      const onLine = (line: string): void => {
        const downloading = line.startsWith('go: downloading ')
        if (!downloading) compiled += 1
        say(downloading ? line.slice(4) : `compiled ${compiled} of about ${packages} packages`)
      }
      const build = (program: string, path: string): Promise<string> =>
        shell.check(
          { program: go, args: buildArguments(join(folder, program), path), cwd: source, env },
          onLine,
        )
      await build('pause', './pause')
      await build('kubernetes', '.')
    },
  }
}

/** The cluster's program in the item's folder. Its first argument names the part. */
export function kubernetesProgram(folder: string): string {
  return join(folder, 'kubernetes')
}

export function pauseProgram(folder: string): string {
  return join(folder, 'pause')
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
