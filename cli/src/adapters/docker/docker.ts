// Builds and pushes images with the docker CLI and BuildKit, in whichever builder of buildx the user has chosen.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterChange } from '../../errors.ts'
import type {
  BuildCache,
  ImageBuilder,
  Labels,
  Scratch,
  Solved,
} from '../../release/ports/project.ts'
import type { Finished, Limit, Shell } from '../shell.ts'
import {
  buildCommand,
  builderCommand,
  findCommand,
  inspectCommand,
  newestCommand,
  pushCommand,
  solveCommand,
  storeCommand,
  tagCommand,
} from './commands.ts'
import {
  basesIn,
  builderProblem,
  cacheProblems,
  driverIn,
  isDown,
  isOwnFailure,
  lacksBuildx,
  lastLine,
  withoutQueries,
} from './output.ts'
import {
  builderGone,
  notBuilt,
  notLoaded,
  notPushed,
  notTagged,
  unreachable,
  withoutBuildx,
} from './problems.ts'

/** For what a command can do without. */
const adviceSeconds = 10

type LendLogin = <T>(use: (env: Record<string, string>) => Promise<T>) => Promise<T>

export interface DockerOptions {
  program: string
  /** Added to the environment: DOCKER_HOST, DOCKER_CONFIG. */
  env: Readonly<Record<string, string>>
  root: string
  signal: AbortSignal
  limits: { inspect: Limit; build: Limit; push: Limit }
  scratch: Scratch
  /** Runs builds and pushes with the variables of a login. Default: docker's own. */
  withLogin?: LendLogin
}

interface Extras {
  input?: string
  limit?: Limit
  env?: Record<string, string>
}

type RunDocker = (
  verb: keyof DockerOptions['limits'],
  args: readonly string[],
  extras?: Extras,
) => Promise<Finished>

export function createDocker(shell: Shell, options: DockerOptions): ImageBuilder {
  const { scratch, withLogin = (use) => use({}) } = options
  const docker = createRunner(shell, options)
  const build = createBuild(docker, withLogin)
  let pushed = false
  return {
    async labels(reference) {
      const { exitCode, stdout } = await docker('inspect', inspectCommand(reference))
      return exitCode === 0 ? ((JSON.parse(stdout) as Labels | null) ?? {}) : null
    },
    writesCache: () => writesCache(docker),
    solve: ({ context, fresh, cache }) =>
      build(context, cache, (cache) => solveCommand({ context, fresh, cache })),
    async build({ context, labels, cacheFrom }) {
      return scratch.folder(async ({ path, write }) => {
        const file = join(path, 'metadata')
        // Docker writes it last. A full disk is found before, and is no mistake of the Dockerfile.
        await write('metadata', room())
        const cache = { from: cacheFrom, to: null }
        const solved = await build(context, cache, ({ from }) =>
          buildCommand({ context, labels, cacheFrom: from }, file),
        )
        const id = await loadedImage(docker, await readFile(file, 'utf8'))
        if (id) return { id, ...solved }
        throw notLoaded(context)
      })
    },
    async tag(id, references) {
      for (const reference of references) {
        const { exitCode, stderr } = await docker('inspect', tagCommand(id, reference))
        if (exitCode !== 0) throw notTagged(reference, stderr)
      }
    },
    async push(reference) {
      const pushing = withLogin((env) => docker('push', pushCommand(reference), { env }))
      const { exitCode, stdout, stderr } = await pushing.catch((error) => {
        throw pushed ? afterChange(error) : error
      })
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1]
      if (exitCode === 0 && digest) {
        pushed = true
        return digest
      }
      throw notPushed(reference, stderr, pushed)
    },
    newestBase: (name) => newestBase(docker, name, options.limits.inspect),
  }
}

function createRunner(shell: Shell, options: DockerOptions): RunDocker {
  let reached = false
  let changed = false
  return async (verb, args, { input, limit = options.limits[verb], env = {} } = {}) => {
    const finished = await shell.run({
      program: options.program,
      args,
      ...(input !== undefined && { input }),
      cwd: options.root,
      env: { ...options.env, ...env, DOCKER_BUILDKIT: '1' },
      signal: options.signal,
      limit,
      title: `docker ${verb} ${args.at(-1)}`,
    })
    const { exitCode, stderr, output } = finished
    if (exitCode !== 0) {
      if (isDown(stderr)) throw unreachable(stderr, reached)
      if (lacksBuildx(stderr)) throw withoutBuildx()
      const gone = builderProblem(output)
      if (gone) throw builderGone(gone, changed)
    }
    reached = true
    changed ||= exitCode === 0 && verb !== 'inspect'
    return finished
  }
}

/**
 * Builds. If the cache in the registry may be why that failed, it builds again without: the cache may name layers that the
 * registry does not have any more.
 */
function createBuild(docker: RunDocker, withLogin: LendLogin) {
  return async (
    context: string,
    cache: BuildCache,
    command: (cache: BuildCache) => string[],
  ): Promise<Solved> => {
    const run = (args: readonly string[]) => withLogin((env) => docker('build', args, { env }))
    const first = await run(command(cache))
    if (first.exitCode === 0)
      return { bases: basesIn(first.output), cacheProblems: cacheProblems(first.output) }
    if ((!cache.from && !cache.to) || isOwnFailure(first.stderr))
      throw notBuilt(context, first.output)
    const { exitCode, output } = await run(command({ from: null, to: null }))
    if (exitCode !== 0) throw notBuilt(context, output)
    const why = withoutQueries(lastLine(first.stderr))
    return { bases: basesIn(output), cacheProblems: [`could not be used: ${why}`] }
  }
}

/** The engine's own builder can, if its images are in containerd's store. All others can. */
async function writesCache(docker: RunDocker): Promise<boolean> {
  const { stdout } = await docker('inspect', builderCommand)
  if (driverIn(stdout) !== 'docker') return true
  const store = await docker('inspect', storeCommand)
  return store.stdout.includes('io.containerd.snapshotter')
}

/**
 * The id of the image that was built, from the metadata of its build. An engine with containerd's store knows an image
 * by its manifest, any other by its configuration. null: the engine does not have it.
 */
async function loadedImage(docker: RunDocker, metadata: string): Promise<string | null> {
  const built = JSON.parse(metadata) as Record<string, unknown>
  for (const key of ['containerimage.config.digest', 'containerimage.digest']) {
    const id = built[key]
    if (typeof id !== 'string') continue
    if ((await docker('inspect', findCommand(id))).exitCode === 0) return id
  }
  return null
}

async function newestBase(docker: RunDocker, name: string, usual: Limit): Promise<string | null> {
  const limit = { ...usual, seconds: Math.min(usual.seconds, adviceSeconds) }
  const { exitCode, output } = await docker('inspect', newestCommand, {
    input: `FROM ${name}\n`,
    limit,
  })
  const found = basesIn(output).find((base) => base.name === name)
  return exitCode === 0 ? (found?.digest ?? null) : null
}

/** More bytes than the metadata of a build has. */
async function* room(): AsyncGenerator<string> {
  yield '0'.repeat(65_536)
}
