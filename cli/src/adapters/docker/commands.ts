// The argument vectors of docker.
import type { BuildCache, Labels } from '../../release/ports/project.ts'

export function inspectCommand(reference: string): string[] {
  return ['image', 'inspect', '--format', '{{ json .Config.Labels }}', reference]
}

/** Succeeds if the engine has the image. */
export function findCommand(id: string): string[] {
  return ['image', 'inspect', '--format', '{{ .Id }}', id]
}

// `docker build` does not use the builder that `docker buildx use` chose.
const plain = ['buildx', 'build', '--progress', 'plain']

/** Builds into the cache only. */
export function solveCommand({
  context,
  fresh,
  cache,
}: {
  context: string
  fresh: boolean
  cache: BuildCache
}): string[] {
  const again = fresh ? ['--no-cache', '--pull'] : []
  const caches = [...readArguments(cache.from), ...writeArguments(cache.to)]
  return [...plain, ...again, ...caches, '--output', 'type=cacheonly', context]
}

/**
 * Without provenance, so that an image is one manifest with one digest. `--load` is for builders that keep images to
 * themselves, as those of the driver docker-container do. The cache is read again: a builder does not fetch the layers
 * of a step that it found there, and could not do so now.
 */
export function buildCommand(
  { context, labels, cacheFrom }: { context: string; labels: Labels; cacheFrom: string | null },
  metadataFile: string,
): string[] {
  return [
    ...plain,
    '--provenance',
    'false',
    '--load',
    '--metadata-file',
    metadataFile,
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...readArguments(cacheFrom),
    context,
  ]
}

function readArguments(reference: string | null): string[] {
  return reference === null ? [] : ['--cache-from', `type=registry,ref=${reference}`]
}

/** Of all stages, as an image that ECR accepts too. Where it cannot be written, the build goes on. */
function writeArguments(reference: string | null): string[] {
  if (reference === null) return []
  const as = 'mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true'
  return ['--cache-to', `type=registry,ref=${reference},${as}`]
}

export function tagCommand(id: string, reference: string): string[] {
  return ['image', 'tag', id, reference]
}

export function pushCommand(reference: string): string[] {
  return ['push', reference]
}

/** A Dockerfile from standard input. BuildKit asks the registry, by its mirrors and with its credentials. */
export const newestCommand = [...plain, '--pull', '--output', 'type=cacheonly', '-']

export const builderCommand = ['buildx', 'inspect']

export const storeCommand = ['info', '--format', '{{ json .DriverStatus }}']
