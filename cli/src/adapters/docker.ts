// Builds and pushes images with the docker CLI and BuildKit.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failed, refused } from '../errors.ts'
import type { BaseImage, ImageBuilder, Labels, Scratch } from '../release/ports/project.ts'
import type { Limit, Shell } from './shell.ts'

export function inspectCommand(reference: string): string[] {
  return ['image', 'inspect', '--format', '{{ json .Config.Labels }}', reference]
}

const plain = ['build', '--progress', 'plain']

/** Builds into the cache only. */
export function solveCommand({ context, fresh }: { context: string; fresh: boolean }): string[] {
  const again = fresh ? ['--no-cache', '--pull'] : []
  return [...plain, ...again, '--output', 'type=cacheonly', context]
}

/**
 * Without provenance, so that an image is one manifest with one digest. `--load` is for builders that keep images to
 * themselves, as those of the driver docker-container do.
 */
export function buildCommand(
  { context, labels }: { context: string; labels: Labels },
  idFile: string,
): string[] {
  return [
    ...plain,
    '--provenance',
    'false',
    '--load',
    '--iidfile',
    idFile,
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    context,
  ]
}

export function tagCommand(id: string, reference: string): string[] {
  return ['image', 'tag', id, reference]
}

export function pushCommand(reference: string): string[] {
  return ['push', reference]
}

/** A Dockerfile from standard input. BuildKit asks the registry, by its mirrors and with its credentials. */
export const newestCommand = [...plain, '--pull', '--output', 'type=cacheonly', '-']

/** The base images, from the output of BuildKit. A base that the Dockerfile names by digest is left out. */
export function basesIn(output: string): BaseImage[] {
  const bases = new Map<string, string>()
  const asked = [...output.matchAll(/^#\d+ \[.*internal\] load metadata for (\S+)$/gm)]
  const names = asked.map(([, name = '']) => name).filter((name) => !name.includes('@'))
  for (const [, name = '', digest = ''] of output.matchAll(
    /^#\d+ \[.*\] FROM (\S+)@(sha256:[0-9a-f]{64})/gm,
  ))
    if (names.includes(name)) bases.set(name, digest)
  return [...bases].map(([name, digest]) => ({ name, digest })).sort(byName)
}

function byName(one: BaseImage, other: BaseImage): number {
  return one.name < other.name ? -1 : 1
}

/** The step that failed and its output, which BuildKit prints between lines of dashes at the end. */
export function failingStep(output: string): string {
  const lines = output.trimEnd().split('\n')
  const first = lines.findIndex((line) => /^-{4,}$/.test(line.trim()))
  const part = first < 0 ? lines : lines.slice(first + 1)
  return part
    .filter((line) => !/^-{4,}$/.test(line.trim()))
    .slice(-20)
    .join('\n')
}

/** Whether docker could not connect to an engine. The same text of a build step begins with the step's number. */
function isDown(stderr: string): boolean {
  return /^(error: )?(cannot connect to the docker daemon|error during connect|failed to connect to the docker api)/im.test(
    stderr,
  )
}

/** For what a command can do without. */
const adviceSeconds = 10

export interface DockerOptions {
  program: string
  /** Added to the environment: DOCKER_HOST, DOCKER_CONFIG. */
  env: Readonly<Record<string, string>>
  root: string
  signal: AbortSignal
  limits: { inspect: Limit; build: Limit; push: Limit }
  scratch: Scratch
  /** Runs a push with the variables of a login. Default: docker's own. */
  withLogin?: <T>(use: (env: Record<string, string>) => Promise<T>) => Promise<T>
}

interface Extras {
  input?: string
  limit?: Limit
  env?: Record<string, string>
}

export function createDocker(shell: Shell, options: DockerOptions): ImageBuilder {
  let reached = false
  let pushed = false
  const docker = async (
    verb: keyof DockerOptions['limits'],
    args: readonly string[],
    { input, limit = options.limits[verb], env = {} }: Extras = {},
  ): ReturnType<Shell['run']> => {
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
    if (finished.exitCode === 0 || !isDown(finished.stderr)) {
      reached = true
      return finished
    }
    // Before the first answer, nothing was built or pushed.
    const make = reached ? failed : refused
    throw make({
      code: 'engine-unreachable',
      message: `The Docker engine cannot be reached: ${lastLine(finished.stderr)}`,
      hint: 'Check that it runs (`docker info`, `shopctl platform status`), then run the command again.',
    })
  }
  const buildWith = async (context: string, args: readonly string[]): Promise<BaseImage[]> => {
    const { exitCode, output } = await docker('build', args)
    if (exitCode === 0) return basesIn(output)
    throw failed({
      code: 'build-failed',
      message: `docker build ${context} failed:\n${failingStep(output)}`,
      hint: `Fix ${context}/Dockerfile or the files that it copies, then run the command again.`,
    })
  }
  return {
    async labels(reference) {
      const { exitCode, stdout } = await docker('inspect', inspectCommand(reference))
      return exitCode === 0 ? ((JSON.parse(stdout) as Labels | null) ?? {}) : null
    },
    solve: (image) => buildWith(image.context, solveCommand(image)),
    async build(image) {
      return options.scratch.folder(async ({ path, write }) => {
        const idFile = join(path, 'id')
        // Docker writes it last. A full disk is found before, and is no mistake of the Dockerfile.
        await write('id', room())
        const bases = await buildWith(image.context, buildCommand(image, idFile))
        return { id: (await readFile(idFile, 'utf8')).trim(), bases }
      })
    },
    async tag(id, references) {
      for (const reference of references) {
        const { exitCode, stderr } = await docker('inspect', tagCommand(id, reference))
        if (exitCode !== 0) throw notTagged(reference, stderr)
      }
    },
    async push(reference) {
      const pushAs = (env: Record<string, string>) =>
        docker('push', pushCommand(reference), { env })
      const { exitCode, stdout, stderr } = await (options.withLogin?.(pushAs) ?? pushAs({}))
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1]
      if (exitCode === 0 && digest) {
        pushed = true
        return digest
      }
      throw notPushed(reference, stderr, pushed)
    },
    async newestBase(name) {
      const { inspect } = options.limits
      const limit = { ...inspect, seconds: Math.min(inspect.seconds, adviceSeconds) }
      const { exitCode, output } = await docker('inspect', newestCommand, {
        input: `FROM ${name}\n`,
        limit,
      })
      const found = basesIn(output).find((base) => base.name === name)
      return exitCode === 0 ? (found?.digest ?? null) : null
    },
  }
}

/** As many bytes as the id of an image has. */
async function* room(): AsyncGenerator<string> {
  yield `sha256:${'0'.repeat(64)}`
}

function notTagged(reference: string, stderr: string): Error {
  return failed({
    code: 'build-failed',
    message: `The image was built, but docker could not tag it ${reference}: ${lastLine(stderr)}`,
    hint: 'If BUILDX_BUILDER names a builder that cannot load images, unset it; then run the command again.',
  })
}

/** `pushed`: another image was. */
function notPushed(reference: string, stderr: string, pushed: boolean): Error {
  const why = stderr.trim().split('\n').slice(-3).join('\n')
  const message = `docker push ${reference} failed:\n${why}`
  // These are the words of the engine: `no basic auth credentials`, `denied: requested access …`, `unauthorized: …`.
  if (
    !/^.*(\bunauthorized\b|\bdenied\b|no basic auth credentials|authentication required)/im.test(
      why,
    )
  )
    return failed({
      code: 'push-failed',
      message,
      hint: 'Check that the registry runs and accepts pushes, then run the command again.',
    })
  const host = reference.slice(0, reference.indexOf('/'))
  // Amazon ECR names the right that is missing: another login does not help.
  const isRight = why.includes(' is not authorized to perform: ')
  const make = pushed ? failed : refused
  return make({
    code: 'push-denied',
    message,
    hint: isRight
      ? 'Use a role with this right, or add it to the policy of yours.'
      : `Run \`docker login${host === 'docker.io' ? '' : ` ${host}`}\` as a user who may push there, then run the command again.`,
  })
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
