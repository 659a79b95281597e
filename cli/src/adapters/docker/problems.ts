// Explains what docker could not do.
import { failed, refused } from '../../errors.ts'
import { failingStep, lastLine, withoutQueries } from './output.ts'

/** `reached`: an engine answered before. Before the first answer, nothing was built or pushed. */
export function unreachable(stderr: string, reached: boolean): Error {
  return (reached ? failed : refused)({
    code: 'engine-unreachable',
    message: `The Docker engine cannot be reached: ${lastLine(stderr)}`,
    hint: 'Check that it runs (`docker info`, `shopctl platform status`), then run the command again.',
  })
}

export function withoutBuildx(): Error {
  return refused({
    code: 'program-missing',
    message: 'docker cannot build: its plugin buildx is missing.',
    hint: 'Install it (`docker-buildx-plugin`, or `docker-buildx` of Debian), then run the command again.',
  })
}

/** `changed`: something was built before. */
export function builderGone(why: string, changed: boolean): Error {
  return (changed ? failed : refused)({
    code: 'builder-unreachable',
    message: `The builder of docker cannot be used: ${why}.`,
    hint: '`docker buildx ls` lists the builders. Start it, or choose another one with `docker buildx use` or BUILDX_BUILDER; then run the command again.',
  })
}

export function notBuilt(context: string, output: string): Error {
  return failed({
    code: 'build-failed',
    message: `docker build ${context} failed:\n${withoutQueries(failingStep(output))}`,
    hint: `Fix ${context}/Dockerfile or the files that it copies, then run the command again.`,
  })
}

export function notLoaded(context: string): Error {
  return failed({
    code: 'build-failed',
    message: `The image of ${context} was built, but the Docker engine does not have it.`,
    hint: 'If BUILDX_BUILDER names a builder that cannot load images, unset it; then run the command again.',
  })
}

export function notTagged(reference: string, stderr: string): Error {
  return failed({
    code: 'build-failed',
    message: `The image was built, but docker could not tag it ${reference}: ${lastLine(stderr)}`,
    hint: 'Run the command again.',
  })
}

/** `pushed`: another image was. */
export function notPushed(reference: string, stderr: string, pushed: boolean): Error {
  const why = withoutQueries(stderr.trim().split('\n').slice(-3).join('\n'))
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
  const login = host === 'docker.io' ? 'docker login' : `docker login ${host}`
  // Amazon ECR names the right that is missing: another login does not help.
  const isRight = why.includes(' is not authorized to perform: ')
  const make = pushed ? failed : refused
  return make({
    code: 'push-denied',
    message,
    hint: isRight
      ? 'Use a role with this right, or add it to the policy of yours.'
      : `Run \`${login}\` as a user who may push there, then run the command again.`,
  })
}
