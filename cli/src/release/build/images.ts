// The image of a service for the current work tree: the hash of its inputs, its repository and its tags.
import { createHash } from 'node:crypto'
import { basename, normalize } from 'node:path/posix'
import type { Config } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import type { Source } from '../ports/project.ts'

export interface Image {
  service: string
  /** `host:port/shop/order`, without tag. */
  repository: string
  /** The tag shown to users: the commit, plus a hash of the inputs if they differ from the commit. */
  version: string
  commit: string
  /** Hash over all files that the image is built from. */
  inputs: string
  /** The tag by the hash of the inputs. It does not depend on the commit. */
  inputsTag: string
  /** The SQL files of its migrations, in the order in which they are applied. */
  migrationFiles: string[]
  /** Hash over the migration files. null: there are none. */
  migrations: string | null
}

function sha256(): ReturnType<typeof createHash> {
  return createHash('sha256')
}

/** Whether a file is an input. Tests and build output are not. */
function belongs(file: string, paths: readonly string[]): boolean {
  return (
    paths.some((path) => file === path || file.startsWith(`${path}/`)) &&
    !file.split('/').some((part) => part === 'test' || part === 'dist')
  )
}

/** A path that matches nothing would hide every change: the image would never be built again. */
function checkPaths(
  service: string,
  setting: 'inputs' | 'migrations',
  paths: readonly string[],
  files: readonly string[],
): void {
  const unused = paths.find(
    (path) => !files.some((file) => file === path || file.startsWith(`${path}/`)),
  )
  if (unused === undefined) return
  throw refused({
    code: `no-${setting}`,
    message: `shopctl.yaml: services.${service}.build.${setting}: ${unused} matches no file.`,
    hint: 'Name files and folders from the folder of shopctl.yaml, without patterns. Files that git ignores do not count.',
  })
}

/** `./services/order/` means `services/order`. */
function normalized(path: string): string {
  return normalize(path).replace(/\/$/, '')
}

/** Hash over the names and contents in the current work tree. */
export async function hashFiles(source: Source, files: readonly string[]): Promise<string> {
  const hash = sha256()
  const contents = await Promise.all(files.map((file) => source.read(file)))
  files.forEach((file, index) => {
    const content = contents[index] ?? Buffer.alloc(0)
    hash.update(`${file}\0${content.length}\0`).update(content)
  })
  return hash.digest('hex')
}

/** Selects the images of the current work tree. */
export interface TreeInput {
  config: Config
  /** `host:port` or `host/path`. */
  registryAddress: string
  services: readonly string[]
}

export async function describeImages(
  source: Source,
  { config, registryAddress, services }: TreeInput,
): Promise<Image[]> {
  const builds = services.map((service) => {
    const { inputs, migrations = [] } = requireService(config, service).build
    return { service, inputs: inputs.map(normalized), migrations: migrations.map(normalized) }
  })
  const paths = [...new Set(builds.flatMap(({ inputs, migrations }) => [...inputs, ...migrations]))]
  const [commit, files, changed] = await Promise.all([
    source.commit(),
    source.files(paths),
    source.changed(paths),
  ])
  return Promise.all(
    builds.map(async ({ service, inputs: inputPaths, migrations: migrationPaths }) => {
      checkPaths(service, 'inputs', inputPaths, files)
      checkPaths(service, 'migrations', migrationPaths, files)
      const mine = (file: string): boolean => belongs(file, inputPaths)
      const migrationFiles = files
        .filter((file) => file.endsWith('.sql') && belongs(file, migrationPaths))
        .sort((one, other) => (basename(one) < basename(other) ? -1 : 1))
      const inputs = await hashFiles(source, files.filter(mine))
      const dirty = commit === null || changed.some(mine)
      return {
        service,
        repository: `${registryAddress}/${config.name}/${service}`,
        version: `${commit?.slice(0, 8) ?? 'uncommitted'}${dirty ? `-${inputs.slice(0, 8)}` : ''}`,
        commit: commit ?? 'uncommitted',
        inputs,
        inputsTag: `inputs-${inputs.slice(0, 32)}`,
        migrationFiles,
        migrations:
          migrationFiles.length > 0 ? (await hashFiles(source, migrationFiles)).slice(0, 10) : null,
      }
    }),
  )
}

export function requireService(config: Config, name: string): Config['services'][string] {
  const service = config.services[name]
  if (!service) throw new Error(`service ${name} was not checked against the configuration`)
  return service
}

/** The labels of an image. OCI's own keys are used where they exist. */
export function labelsOf(image: Image): Record<string, string> {
  return {
    'org.opencontainers.image.version': image.version,
    'org.opencontainers.image.revision': image.commit,
    'dev.shopctl.inputs': image.inputs,
    ...(image.migrations && { 'dev.shopctl.migrations': image.migrations }),
  }
}
