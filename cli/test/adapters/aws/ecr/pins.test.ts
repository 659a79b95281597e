// Over hundreds of releases, the rules of a repository never delete an image that an environment needs.
import { describe, expect, it } from 'vitest'
import { planPins } from '../../../../src/adapters/aws/ecr/pins.ts'
import { lifecycleRules, mayMove } from '../../../../src/adapters/aws/ecr/policy.ts'
import { expired, type Pushed } from './lifecycle.ts'

const hourMs = 3_600_000
const [live, old, other] = ['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`) as [
  string,
  string,
  string,
]

describe('pins', () => {
  const plan = (tags: Record<string, string[]>, needed: string[], env = 'prod') =>
    planPins({
      images: Object.entries(tags).map(([digest, tags]) => ({ digest, tags })),
      ...{ env, id: 'op-7', needed },
    })

  it.each<[string, Record<string, string[]>, string[], ReturnType<typeof planPins>]>([
    [
      'are added once',
      { [live]: ['v1'], [old]: ['v0', 'keep-prod-op-3'] },
      [live, old],
      { add: [{ digest: live, tag: 'keep-prod-op-7' }], remove: [] },
    ],
    [
      'of several images at once have several names',
      { [live]: ['v1'], [old]: ['v0'] },
      [live, old],
      {
        add: [
          { digest: live, tag: 'keep-prod-op-7' },
          { digest: old, tag: 'keep-prod-op-7-bbbbbbbb' },
        ],
        remove: [],
      },
    ],
    [
      'are removed when nothing needs them',
      { [live]: ['v1', 'keep-prod-op-3'], [old]: ['v0', 'keep-prod-op-2', 'keep-prod-r-1'] },
      [live],
      { add: [], remove: ['keep-prod-op-2', 'keep-prod-r-1'] },
    ],
    [
      'that are the last tags of an image stay: it would be deleted with them',
      { [old]: ['keep-prod-op-2', 'keep-prod-op-3'] },
      [],
      { add: [], remove: [] },
    ],
    [
      'of other environments do not count as another tag, and stay',
      { [old]: ['keep-prod-op-2', 'keep-staging-op-2'], [other]: ['v', 'keep-prod-blue-op-9'] },
      [],
      { add: [], remove: [] },
    ],
    [
      'of what is not there are not added',
      { [live]: ['v1', 'keep-prod-op-3'] },
      [live, old],
      { add: [], remove: [] },
    ],
    ['are no tags of users', { [old]: ['v0', 'keep-prod-for-audit'] }, [], { add: [], remove: [] }],
  ])('%s', (_, tags, needed, expected) => {
    expect(plan(tags, needed)).toEqual(expected)
  })
})

interface Simulation {
  pin: boolean
  releases: number
}

/** How many releases an environment may go back: as many as its journal keeps. */
const kept = 100

/**
 * Two environments release into one repository, now and then an old image again, once a month nothing. Returns the
 * needed images that were deleted.
 */
function simulate({ pin, releases }: Simulation): { lost: string[]; most: number } {
  let images: Pushed[] = []
  let now = 0
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const journals: Record<string, string[]> = { prod: [], staging: [] }
  const lost: string[] = []
  let most = 0
  const check = (): void => {
    const gone = new Set(expired(lifecycleRules, images, now).map(({ digest }) => digest))
    images = images.filter(({ digest }) => !gone.has(digest))
    for (const needed of Object.values(journals))
      lost.push(...needed.filter((digest) => !images.some((image) => image.digest === digest)))
    most = Math.max(most, images.length)
  }
  for (let release = 1; release <= releases; release += 1) {
    now += (release % 40 === 0 ? 30 * 24 : 1 + random(48)) * hourMs
    check()
    const env = release % 3 === 0 ? 'staging' : 'prod'
    const journal = journals[env] ?? []
    const again = release % 5 === 0 ? journal[0] : undefined
    // Most builds are never released.
    for (let build = 0; build < 4; build += 1) {
      const digest = `sha256:${(release * 4 + build).toString(16).padStart(64, '0')}`
      images.push({ digest, tags: [`v-${release}-${build}`], pushedAt: now })
    }
    const digest = again ?? images.at(-1)?.digest ?? ''
    journal.push(digest)
    if (journal.length > kept) journal.shift()
    if (!pin) continue
    const plan = planPins({ images, env, id: `op-${release}`, needed: journal })
    for (const { digest, tag } of plan.add)
      images.find((image) => image.digest === digest)?.tags.push(tag)
    for (const image of images) image.tags = image.tags.filter((tag) => !plan.remove.includes(tag))
  }
  check()
  return { lost, most }
}

describe('500 releases of two environments', () => {
  it('lose nothing that is live or that a rollback may need, and the repository stays small', () => {
    const { lost, most } = simulate({ pin: true, releases: 500 })
    expect(lost).toEqual([])
    // 2,000 builds; both journals at most.
    expect(most).toBeLessThan(100 + 2 * kept + 4)
  })

  it('without pins would lose some: the rules do delete', () => {
    expect(simulate({ pin: false, releases: 500 }).lost).not.toEqual([])
  })
})

describe('the rules', () => {
  const image = (name: string, tags: string[], day: number): Pushed => ({
    ...{ digest: name, tags, pushedAt: day * 24 * hourMs },
  })
  it('delete what has no tag, old caches and old builds, but no pin and no attestation', () => {
    const images = [
      image('pinned', ['v', 'keep-prod-op-1'], 0),
      image('untagged', [], 0),
      image('new and untagged', [], 39),
      image('old cache', ['cache-main'], 0),
      image('cache', ['cache-main'], 39),
      image('old', ['v-old'], 0),
      image('attestations', ['sha256-abc'], 0),
      ...Array.from({ length: 100 }, (_, at) => image(`v-${at}`, [`v-${at}`], 39)),
    ]
    const gone = expired(lifecycleRules, images, 40 * 24 * hourMs).map(({ digest }) => digest)
    expect(gone.sort()).toEqual(['old', 'old cache', 'untagged', 'v-98', 'v-99'])
  })
})

describe('a tag', () => {
  const filters = ['keep-*', 'cache*', 'sha256-*'].map((filter) => ({ filter }))
  it.each([
    ['IMMUTABLE', 'keep-a', false],
    ['MUTABLE', 'v1', true],
    [undefined, 'v1', true],
    ['IMMUTABLE_WITH_EXCLUSION', 'inputs-1', false],
    ['IMMUTABLE_WITH_EXCLUSION', 'keep-prod-op-1', true],
    ['IMMUTABLE_WITH_EXCLUSION', 'cache', true],
    ['IMMUTABLE_WITH_EXCLUSION', 'sha256-abc', true],
    ['IMMUTABLE_WITH_EXCLUSION', 'my-cache', false],
    ['MUTABLE_WITH_EXCLUSION', 'v1', true],
    ['MUTABLE_WITH_EXCLUSION', 'cache', false],
  ])('of a repository that is %s: may %s move? %s', (imageTagMutability, tag, expected) => {
    const settings = { imageTagMutability, imageTagMutabilityExclusionFilters: filters }
    expect(mayMove(settings, tag)).toBe(expected)
  })
})
