// Evaluates lifecycle rules as Amazon ECR documents it ("Lifecycle policy evaluation rules" in
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
import type { LifecycleRule } from '../../../../src/adapters/aws/ecr/policy.ts'

export interface Pushed {
  digest: string
  tags: string[]
  /** Milliseconds since 1970. A tag that is added later does not change it. */
  pushedAt: number
  /** The digests that a manifest list names. */
  lists?: string[]
}

/**
 * The images that the rules delete. Each image is deleted by the first rule that marks it, and never by a rule after one
 * whose tags it matches. Rules count what others before them have marked, too. What a manifest list names stays until the
 * list was deleted.
 */
export function expired(
  rules: readonly LifecycleRule[],
  images: readonly Pushed[],
  now: number,
): Pushed[] {
  const claimed = new Set<Pushed>()
  const marked = new Set<Pushed>()
  for (const { selection } of [...rules].sort((a, b) => a.rulePriority - b.rulePriority)) {
    const selected = images
      .filter((image) => isSelected(selection, image))
      .sort((one, other) => other.pushedAt - one.pushedAt)
    const dayMs = 86_400_000
    const over =
      selection.countType === 'imageCountMoreThan'
        ? selected.slice(selection.countNumber)
        : selected.filter(({ pushedAt }) => now - pushedAt > selection.countNumber * dayMs)
    for (const image of over) if (!claimed.has(image)) marked.add(image)
    for (const image of selected) claimed.add(image)
  }
  const listed = new Set(images.flatMap(({ lists = [] }) => lists))
  return [...marked].filter(({ digest }) => !listed.has(digest))
}

function isSelected(
  { tagStatus, tagPatternList = [] }: LifecycleRule['selection'],
  { tags }: Pushed,
) {
  if (tagStatus === 'any') return true
  if (tagStatus === 'untagged') return tags.length === 0
  return tagPatternList.every((pattern) => {
    const form = new RegExp(`^${pattern.replaceAll('*', '.*')}$`)
    return tags.some((tag) => form.test(tag))
  })
}
