// The image of a service for the current work tree: the hash of its inputs, its repository and its tags.
import { basename } from 'node:path/posix'
import { type Config, configFile } from '../../config/schema.ts'
import { checkPath, type NamedPath, wrongPath } from '../paths.ts'
import type { Source } from '../ports/project.ts'
import { settleAll } from '../settle.ts'
import { countsFor, hashBuild, hashFiles, hashInputs, inputPaths } from './inputs.ts'

export interface Image {
  service: string
  /** `host:port/shop/order`, without tag. */
  repository: string
  /** The tag shown to users: the commit, plus a hash of the inputs if they differ from the commit. */
  version: string
  commit: string
  /** Hash over all that the image is built from. */
  inputs: string
  /** The hash of each file that it is built from. */
  files: ReadonlyMap<string, string>
  /** The tag by the hash of the inputs. It does not depend on the commit. */
  inputsTag: string
  /** Whether the registry's tags are believed. */
  immutableTags: boolean
  /** Where the cache of its build is. null: others who can write it there could change the image. */
  cache: string | null
  /** The SQL files of its migrations, in the order in which they are applied. */
  migrationFiles: string[]
  /** Hash over the migration files. null: there are none. */
  migrations: string | null
}

type Listed = 'inputs' | 'migrations'

/** A path that matches nothing would hide every change: the image would never be built again. */
async function checkListed(
  source: Source,
  config: Config,
  service: string,
  files: readonly string[],
): Promise<void> {
  const { inputs, migrations = [] } = requireService(config, service).build
  const named = (list: Listed, path: string, index: number): NamedPath => ({
    setting: ['services', service, 'build', list, index],
    code: `no-${list}`,
    path,
    noun: 'file or folder',
    is: 'any',
    links: false,
  })
  for (const each of [
    ...inputs.map((path, index) => named('inputs', path, index)),
    ...migrations.map((path, index) => named('migrations', path, index)),
  ]) {
    await checkPath(source, config, each)
    if (files.some((file) => countsFor(file, each.path))) continue
    throw wrongPath(
      config,
      each,
      `${each.path} has no files that count`,
      'Name another path. Files that git ignores do not count, nor folders named `test` or `dist`.',
    )
  }
}

/** Selects the images of the current work tree. */
export interface TreeInput {
  config: Config
  /** `host:port` or `host/path`. */
  registryAddress: string
  /** Whether the registry needs a login and never moves a tag: only then is a tag believed. */
  immutableTags?: boolean
  services: readonly string[]
}

export async function describeImages(
  source: Source,
  { config, registryAddress, services, immutableTags = false }: TreeInput,
): Promise<Image[]> {
  const builds = services.map((service) => {
    const { build } = requireService(config, service)
    return { service, build, paths: inputPaths(build), migrationPaths: build.migrations ?? [] }
  })
  const paths = builds.flatMap((each) => [...each.paths, ...each.migrationPaths])
  const [commit, files, changed] = await Promise.all([
    source.commit(),
    source.files([...new Set(paths)]),
    source.changed([...new Set([...paths, configFile])]),
  ])
  return settleAll(
    builds.map(async ({ service, build, paths, migrationPaths }) => {
      await checkListed(source, config, service, files)
      const isInput = (file: string): boolean => paths.some((path) => countsFor(file, path))
      const migrationFiles = files
        .filter((file) => file.endsWith('.sql'))
        .filter((file) => migrationPaths.some((path) => countsFor(file, path)))
        .sort((one, other) => (basename(one) < basename(other) ? -1 : 1))
      const inputFiles = await hashInputs(source, files.filter(isInput))
      const inputs = hashBuild(inputFiles, build)
      // shopctl.yaml has the settings of the build.
      const dirty = commit === null || changed.some((file) => file === configFile || isInput(file))
      const repository = repositoryOf({ config, registryAddress }, service)
      const base = commit?.slice(0, 8) ?? 'uncommitted'
      return {
        service,
        repository,
        version: dirty ? `${base}-${inputs.slice(0, 8)}` : base,
        commit: commit ?? 'uncommitted',
        inputs,
        files: inputFiles,
        inputsTag: `inputs-${inputs.slice(0, 32)}`,
        immutableTags,
        cache: immutableTags ? `${repository}:cache` : null,
        migrationFiles,
        migrations:
          migrationFiles.length > 0 ? (await hashFiles(source, migrationFiles)).slice(0, 10) : null,
      }
    }),
  )
}

export function repositoryOf(
  { config, registryAddress }: Pick<TreeInput, 'config' | 'registryAddress'>,
  service: string,
): string {
  return `${registryAddress}/${config.name}/${service}`
}

export function requireService(config: Config, name: string): Config['services'][string] {
  const service = config.services[name]
  if (!service) throw new Error(`service ${name} was not checked against the configuration`)
  return service
}

export const inputsLabel = 'dev.shopctl.inputs'

/** The labels of an image. OCI's own keys are used where they exist. */
export function labelsOf(image: Image): Record<string, string> {
  return {
    'org.opencontainers.image.version': image.version,
    'org.opencontainers.image.revision': image.commit,
    [inputsLabel]: image.inputs,
    ...(image.migrations && { 'dev.shopctl.migrations': image.migrations }),
  }
}
