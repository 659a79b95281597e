// What a repository that shopctl creates is like: which tags may move, and which images expire. Pure.

/** An image with such a tag is never deleted by the rules. */
export const pinPrefix = 'keep-'

/** Tags of pins and of build caches may move, no others. `*` stands for any text. */
export const movingTags = [`${pinPrefix}*`, 'cache*'] as const

export interface LifecycleRule {
  rulePriority: number
  description: string
  selection: {
    tagStatus: 'tagged' | 'untagged' | 'any'
    tagPatternList?: string[]
    countType: 'imageCountMoreThan' | 'sinceImagePushed'
    countUnit?: 'days'
    countNumber: number
  }
  action: { type: 'expire' }
}

const expire = { type: 'expire' } as const

/**
 * An image that matches a rule is not touched by the rules after it. The rules see tags and times only, and an image that
 * is released again is an old one: so pins come first, and their rule never applies.
 */
export const lifecycleRules: readonly LifecycleRule[] = [
  {
    rulePriority: 1,
    description: 'Keep what an environment runs or may go back to.',
    selection: {
      tagStatus: 'tagged',
      tagPatternList: [`${pinPrefix}*`],
      countType: 'imageCountMoreThan',
      countNumber: 9_999,
    },
    action: expire,
  },
  {
    rulePriority: 2,
    description: 'Delete build caches that no build wrote for 30 days.',
    selection: {
      tagStatus: 'tagged',
      tagPatternList: ['cache*'],
      countType: 'sinceImagePushed',
      countUnit: 'days',
      countNumber: 30,
    },
    action: expire,
  },
  {
    rulePriority: 3,
    description: 'Delete what has no tag any more after 7 days.',
    selection: {
      tagStatus: 'untagged',
      countType: 'sinceImagePushed',
      countUnit: 'days',
      countNumber: 7,
    },
    action: expire,
  },
  {
    rulePriority: 4,
    description: 'Delete all but the last 100 images.',
    selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 100 },
    action: expire,
  },
]

/** The settings of a repository that decide whether a tag moves. */
export interface Mutability {
  imageTagMutability?: string | undefined
  imageTagMutabilityExclusionFilters?: { filter?: string | undefined }[] | undefined
}

/** Whether somebody can move this tag to another image. */
export function mayMove(
  { imageTagMutability, imageTagMutabilityExclusionFilters = [] }: Mutability,
  tag: string,
): boolean {
  const isExcluded = imageTagMutabilityExclusionFilters.some(
    ({ filter }) => filter !== undefined && matches(filter, tag),
  )
  switch (imageTagMutability) {
    case 'IMMUTABLE':
      return false
    case 'IMMUTABLE_WITH_EXCLUSION':
      return isExcluded
    case 'MUTABLE_WITH_EXCLUSION':
      return !isExcluded
    default:
      return true
  }
}

/** `*` stands for any text, also for none. */
function matches(pattern: string, tag: string): boolean {
  const parts = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('.*')}$`).test(tag)
}
