// Engines and builders of a test, each with its own folder and socket: Debian's Docker engine, and BuildKit from its Go
// module, as a program and as the image of a docker-container builder.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { answers } from '../../src/platform/probe.ts'
import { contentsOf, store } from '../../src/platform/store.ts'
import { until } from '../real/shop.ts'
import { runGo } from './go.ts'
import { enginePrograms } from './registry-server.ts'

const shell = createShell()

export interface Engine {
  /** What a user's shell would have: DOCKER_HOST, DOCKER_CONFIG, PATH. */
  env: Record<string, string>
  /** Runs docker and returns its output. */
  docker(...args: string[]): Promise<string>
  stop(): Promise<void>
}

interface EngineOptions {
  /** The mirror of Docker Hub. */
  registry: string
  /** Whether containerd keeps the images, as it does in Docker Desktop. */
  containerd: boolean
  init: string
  /** For the engine itself: HTTPS_PROXY, SSL_CERT_FILE. */
  env?: Record<string, string>
}

/** The parent of all cgroups of these engines. */
const cgroup = 'shopctl-test'

/** Starts a program, which ends with `stop`. */
function serve(program: string, args: string[], env: Record<string, string>): () => Promise<void> {
  const stop = new AbortController()
  const serving = shell.run({ program, args, env, signal: stop.signal }).catch(() => {})
  return async () => {
    stop.abort()
    await serving
  }
}

/** An engine without network and without images, in a folder that must not exist. */
export async function startEngine(
  folder: string,
  { registry, containerd, init, env: own = {} }: EngineOptions,
): Promise<Engine> {
  const bin = enginePrograms()
  const sbin = join(bin, '../sbin')
  const plugins = join(folder, 'config/cli-plugins')
  mkdirSync(plugins, { recursive: true })
  symlinkSync(
    join(bin, '../libexec/docker/cli-plugins/docker-buildx'),
    join(plugins, 'docker-buildx'),
  )
  const socketPath = join(folder, 'docker.sock')
  const settings = {
    ...{ hosts: [`unix://${socketPath}`], pidfile: join(folder, 'pid') },
    ...{ 'data-root': join(folder, 'data'), 'exec-root': join(folder, 'exec') },
    ...{ bridge: 'none', iptables: false, ip6tables: false, 'ip-masq': false },
    ...{ 'registry-mirrors': [`http://${registry}`], 'cgroup-parent': `/${cgroup}` },
    ...{ runtimes: { debian: { path: join(sbin, 'runc') } }, 'default-runtime': 'debian' },
    ...{ features: { 'containerd-snapshotter': containerd }, 'init-path': init },
  }
  const file = join(folder, 'docker.json')
  writeFileSync(file, JSON.stringify(settings))
  const path = `${bin}:${sbin}:${process.env.PATH}`
  const end = serve(join(sbin, 'dockerd'), ['--config-file', file], { ...own, PATH: path })
  const stop = async (): Promise<void> => {
    await end()
    await removeCgroups()
  }
  await until('the engine answers', () => answers('http://docker/_ping', { socketPath }))
  const env = {
    ...{ DOCKER_HOST: `unix://${socketPath}`, DOCKER_CONFIG: join(folder, 'config') },
    ...{ BUILDX_BUILDER: '', PATH: path },
  }
  const docker = (...args: string[]) => shell.check({ program: 'docker', args, env })
  return { env, docker, stop }
}

/** Those that the containers of an engine leave. The ones of another engine that runs stay. */
async function removeCgroups(): Promise<void> {
  const args = ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${cgroup}*`, '-delete']
  await shell.run({ program: 'find', args })
}

export interface Buildkit {
  buildkitd: string
  buildctl: string
  init: string
}

/** Builds BuildKit once for this machine: in about 3 minutes. */
export async function buildBuildkit(): Promise<Buildkit> {
  const source = join(import.meta.dirname, 'buildkit')
  const layout = layoutOf(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl'))
  const packages = {
    buildkitd: 'github.com/moby/buildkit/cmd/buildkitd',
    buildctl: 'github.com/moby/buildkit/cmd/buildctl',
    init: './init',
  }
  const folder = await store(
    layout,
    {
      name: 'buildkit',
      inputs: await contentsOf(source),
      async build(folder) {
        for (const [name, path] of Object.entries(packages)) {
          const output = [
            '-trimpath',
            '-buildvcs=false',
            '-ldflags=-s -w',
            '-o',
            join(folder, name),
          ]
          await runGo(layout, ['build', ...output, path], { cwd: source })
        }
      },
    },
    () => {},
  )
  const at = (name: string): string => join(folder, name)
  return { buildkitd: at('buildkitd'), buildctl: at('buildctl'), init: at('init') }
}

/** Starts BuildKit as a program. Returns the address for `docker buildx create --driver remote`. */
export async function startBuildkit(
  folder: string,
  { buildkitd }: Buildkit,
  registry: string,
): Promise<{ address: string; stop(): Promise<void> }> {
  mkdirSync(folder, { recursive: true })
  const socket = join(folder, 'buildkit.sock')
  const file = join(folder, 'buildkitd.toml')
  const config = `root = "${folder}/root"
[grpc]
  address = ["unix://${socket}"]
[otel]
  socketPath = "${folder}/otel.sock"
[worker.oci]
  enabled = true
[worker.containerd]
  enabled = false
${mirrors(registry)}`
  writeFileSync(file, config)
  // It looks for runc.
  const path = `${join(enginePrograms(), '../sbin')}:${process.env.PATH}`
  const stop = serve(buildkitd, ['--config', file], { PATH: path })
  await until('BuildKit listens', () => existsSync(socket))
  return { address: `unix://${socket}`, stop }
}

function mirrors(registry: string): string {
  return `[registry."docker.io"]
  mirrors = ["${registry}"]
`
}

interface BoxOptions {
  image: string
  registry: string
  folder: string
  /** How it reaches another registry, and the file of the authority of its certificate. */
  through?: { host: string; proxy: string; ca: string }
}

/** Makes a builder of the driver docker-container, named `boxed`, of an image of BuildKit. */
export async function boxBuilder(
  { docker }: Engine,
  { image, registry, folder, through }: BoxOptions,
): Promise<void> {
  const config = join(folder, 'boxed.toml')
  const trust = through ? `[registry."${through.host}"]\n  ca = ["${through.ca}"]\n` : ''
  writeFileSync(config, mirrors(registry) + trust)
  const proxy = through ? `,env.HTTPS_PROXY=${through.proxy}` : ''
  const driver = ['--driver=docker-container', `--driver-opt=image=${image},network=host${proxy}`]
  await docker('buildx', 'create', '--name=boxed', ...driver, `--config=${config}`)
}

/** An image of BuildKit, as `moby/buildkit` is, with its programs and Debian's runc. */
export async function importBuildkit(
  { docker, env }: Engine,
  { buildkitd, buildctl }: Buildkit,
  { folder, reference }: { folder: string; reference: string },
): Promise<void> {
  const runc = join(enginePrograms(), '../sbin/runc')
  await copyPrograms(folder, {
    'usr/bin/buildkitd': buildkitd,
    'usr/bin/buildctl': buildctl,
    'usr/bin/buildkit-runc': runc,
  })
  await importFolder(env, folder, reference, [
    'ENTRYPOINT ["/usr/bin/buildkitd"]',
    'ENV PATH=/usr/bin',
  ])
  await docker('image', 'inspect', reference)
}

/** A base image with a shell, and nothing else. */
export async function pushBase(
  { docker, env }: Engine,
  { folder, reference }: { folder: string; reference: string },
): Promise<void> {
  await copyPrograms(folder, { 'bin/sh': '/bin/sh' })
  await importFolder(env, folder, reference, [])
  await docker('push', '--quiet', reference)
  await docker('image', 'rm', reference)
}

/** Copies programs into a new root, with the libraries that they need. */
async function copyPrograms(root: string, programs: Record<string, string>): Promise<void> {
  const copy = async (from: string, to: string): Promise<void> => {
    await mkdir(dirname(join(root, to)), { recursive: true })
    await copyFile(from, join(root, to))
  }
  for (const folder of ['tmp', 'etc', 'run', 'var/lib'])
    await mkdir(join(root, folder), { recursive: true })
  for (const [to, from] of Object.entries(programs)) {
    await copy(from, to)
    // Programs without libraries are an error of ldd.
    const { stdout } = await shell.run({ program: 'ldd', args: [from] })
    for (const [library = ''] of stdout.matchAll(/\/lib\S*/g)) await copy(library, library)
  }
}

async function importFolder(
  env: Record<string, string>,
  folder: string,
  reference: string,
  changes: readonly string[],
): Promise<void> {
  const script = 'folder=$1; shift; tar -C "$folder" -c . | docker import "$@"'
  const args = [...changes.flatMap((change) => ['--change', change]), '-', reference]
  await shell.check({ program: 'sh', args: ['-c', script, 'sh', folder, ...args], env })
}
