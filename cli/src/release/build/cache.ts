// The cache of a build in the registry, for machines that have built nothing yet. A build never fails for its sake.
import { isFailure, isInterrupted, said } from '../../errors.ts'
import type { BuildCache, ImageBuilder, Registry } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import type { Image } from './images.ts'

interface CachePorts {
  builder: ImageBuilder
  registry: Registry
  progress: Progress
}

/** Which cache the build of an image reads and writes. A fresh build only writes it. */
export type Caching = (image: Image, fresh: boolean) => Promise<BuildCache>

/** Calls `changed` when it changed the registry. */
export function createCaching(
  { builder, registry, progress }: CachePorts,
  changed: () => void,
): Caching {
  let writes: Promise<boolean> | undefined
  const askBuilder = async (): Promise<boolean> => {
    const can = await builder.writesCache()
    if (!can) progress.note(unwritten)
    return can
  }
  return async (image, fresh) => {
    if (!image.cache) return { from: null, to: null }
    const from = fresh ? null : image.cache
    // Once for all images.
    writes ??= askBuilder()
    if (!(await writes)) return { from, to: null }
    try {
      if (await registry.prepare(image.repository)) changed()
    } catch (error) {
      if (isInterrupted(error)) throw error
      if (isFailure(error)) changed()
      progress.warn(cacheWarning(image, `could not be written: ${said(error)}`))
      return { from, to: null }
    }
    return { from, to: image.cache }
  }
}

const unwritten =
  'The cache of this build stays on this machine: the builder of docker cannot write it to the registry. `docker buildx create --use` makes one that can.'

export function cacheWarning({ service }: Image, problem: string): string {
  return `${service}: its build cache in the registry ${problem}`
}
