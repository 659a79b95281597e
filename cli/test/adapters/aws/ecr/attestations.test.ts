// What the rules of a repository do with the three manifests of an image with a provenance: the image, its list of
// attestations with the tag `sha256-…`, and the attestation itself, which has no tag.
import { expect, it } from 'vitest'
import { lifecycleRules } from '../../../../src/adapters/aws/ecr/policy.ts'
import { expired, type Pushed } from './lifecycle.ts'

const dayMs = 86_400_000

/** An attestation is added to the list of an image: the tag moves, and the list before has none any more. */
function attest(images: readonly Pushed[], image: string, day: number): Pushed[] {
  const tag = `sha256-${image}`
  const before = images.find(({ tags }) => tags.includes(tag))
  const at = day * dayMs
  const attestation = { digest: `${image}: attestation of day ${day}`, tags: [], pushedAt: at }
  const lists = [...(before?.lists ?? []), attestation.digest]
  return [
    ...images.map((each) => (each === before ? { ...each, tags: [] } : each)),
    attestation,
    { digest: `${image}: list of day ${day}`, tags: [tag], pushedAt: at, lists },
  ]
}

function digestsOf(images: readonly Pushed[]): string[] {
  return images.map(({ digest }) => digest)
}

/** What is left after the rules ran on each of these days. */
function after(images: readonly Pushed[], days: readonly number[]): Pushed[] {
  return days.reduce<Pushed[]>(
    (left, day) => {
      const gone = expired(lifecycleRules, left, day * dayMs)
      return left.filter((image) => !gone.includes(image))
    },
    [...images],
  )
}

const pinned: Pushed = { digest: 'web', tags: ['v', 'keep-prod-op-1'], pushedAt: 0 }

it('all three stay, for as long as the image is needed', () => {
  const images = attest([pinned], 'web', 0)
  expect(after(images, [1, 8, 9, 40, 400])).toEqual(images)
})

it('later runs attest the image again: the lists before are deleted, and no attestation', () => {
  let later = attest([pinned], 'web', 0)
  for (const day of [10, 20]) later = attest(after(later, [day]), 'web', day)
  expect(digestsOf(after(later, [21, 28, 29, 400]))).toEqual([
    'web',
    ...['web: attestation of day 0', 'web: attestation of day 10', 'web: attestation of day 20'],
    'web: list of day 20',
  ])
})

it('an attestation goes after its list, of which the last 3,000 stay', () => {
  const others = Array.from({ length: 3_000 }, (_, at) => attest([], `other-${at}`, 1)).flat()
  const images = [...attest([pinned], 'web', 0), ...others]
  const missing = (days: number[]) => {
    const left = after(images, days)
    return digestsOf(images.filter((image) => !left.includes(image)))
  }
  expect(missing([20])).toEqual(['web: list of day 0'])
  expect(missing([20, 21])).toEqual(['web: attestation of day 0', 'web: list of day 0'])
})
