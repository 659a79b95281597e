// Which pins an environment needs: tags that keep the rules of a repository from deleting an image. Pure.
import { pinPrefix } from './policy.ts'

export interface StoredImage {
  digest: string
  tags: readonly string[]
}

export interface PinInput {
  /** What the repository has. */
  images: readonly StoredImage[]
  env: string
  /** The operation that asks: `op-12`. It is the name of new pins. */
  id: string
  /** The digests that the environment runs, or may go back to. */
  needed: readonly string[]
}

export interface PinPlan {
  add: { digest: string; tag: string }[]
  /** Tags. */
  remove: string[]
}

/** A pin has the name of its operation: so it never moves. */
export function planPins({ images, env, id, needed }: PinInput): PinPlan {
  const isNeeded = new Set(needed)
  const isOurs = (tag: string): boolean => isPinOf(tag, env)
  const taken = new Set(images.flatMap(({ tags }) => tags))
  const add: PinPlan['add'] = []
  const remove: string[] = []
  for (const { digest, tags } of images) {
    const pins = tags.filter(isOurs)
    if (isNeeded.has(digest)) {
      if (pins.length > 0) continue
      const tag = freeTag(`${pinPrefix}${env}-${id}`, digest, taken)
      taken.add(tag)
      add.push({ digest, tag })
      continue
    }
    // ECR deletes an image with its last tag. Pins of other environments may go at the same moment: they do not count.
    if (tags.some((tag) => !tag.startsWith(pinPrefix))) remove.push(...pins)
  }
  return { add, remove }
}

function freeTag(name: string, digest: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? `${name}-${digest.replace(/^sha256:/, '').slice(0, 8)}` : name
}

/** `keep-prod-op-12`. The environment `prod-blue` has no pins that look like those of `prod`. */
function isPinOf(tag: string, env: string): boolean {
  const start = `${pinPrefix}${env}-`
  return tag.startsWith(start) && /^(r|op)-\d+(-[0-9a-f]{8})?$/.test(tag.slice(start.length))
}
