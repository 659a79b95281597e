// Builds and pushes images with the docker CLI and BuildKit.
import { failed, refused } from '../errors.ts'
import type { ImageBuilder } from '../release/ports/project.ts'
import type { Limit, Shell } from './shell.ts'

export function inspectCommand(reference: string): string[] {
  return [
    'image',
    'inspect',
    '--format',
    '{{ index .Config.Labels "dev.shopctl.inputs" }}',
    reference,
  ]
}

/** Without provenance, so that an image is one manifest with one digest. */
export function buildCommand(image: Parameters<ImageBuilder['build']>[0]): string[] {
  return [
    'build',
    '--progress',
    'plain',
    '--provenance',
    'false',
    ...image.tags.flatMap((tag) => ['--tag', tag]),
    ...Object.entries(image.labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    image.context,
  ]
}

export function pushCommand(reference: string): string[] {
  return ['push', '--quiet', reference]
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

export interface DockerOptions {
  program: string
  /** Added to the environment: DOCKER_HOST, DOCKER_CONFIG. */
  env: Readonly<Record<string, string>>
  root: string
  signal: AbortSignal
  limits: { inspect: Limit; build: Limit; push: Limit }
}

export function createDocker(shell: Shell, options: DockerOptions): ImageBuilder {
  let reached = false
  const docker = async (
    verb: keyof DockerOptions['limits'],
    args: readonly string[],
  ): ReturnType<Shell['run']> => {
    const finished = await shell.run({
      program: options.program,
      args,
      cwd: options.root,
      env: { ...options.env, DOCKER_BUILDKIT: '1' },
      signal: options.signal,
      limit: options.limits[verb],
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
      message: `The Docker engine cannot be reached: ${finished.stderr.trim().split('\n').at(-1)}`,
      hint: 'Check that it runs (`docker info`, `shopctl platform status`), then run the command again.',
    })
  }
  return {
    async inputsOf(reference) {
      const { exitCode, stdout } = await docker('inspect', inspectCommand(reference))
      return exitCode === 0 ? stdout.trim() || null : null
    },
    async build(image) {
      const { exitCode, output } = await docker('build', buildCommand(image))
      if (exitCode === 0) return
      throw failed({
        code: 'build-failed',
        message: `docker build ${image.context} failed:\n${failingStep(output)}`,
        hint: `Fix ${image.context}/Dockerfile or the files that it copies, then run the command again.`,
      })
    },
    async push(reference) {
      const { exitCode, stderr } = await docker('push', pushCommand(reference))
      if (exitCode === 0) return
      throw failed({
        code: 'push-failed',
        message: `docker push ${reference} failed:\n${stderr.trim().split('\n').slice(-3).join('\n')}`,
        hint: 'Check that the registry runs and accepts pushes, then run the command again.',
      })
    },
  }
}
