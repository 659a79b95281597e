// Whether messages are consumed later and later. Pure.

/** Messages that were consumed within a second, or since the look before. */
export interface Consumed {
  /** Unix time, seconds. */
  at: number
  consumed: number
  /** The sum of their ages, in seconds. */
  ageSum: number
}

/** Seconds over which the mean age is taken, and how often in a row it has to grow. */
const span = 10
const spans = 3

/** Seconds that a message may be old. */
export function ageLimit(before: Pick<Consumed, 'consumed' | 'ageSum'>, least: number): number {
  return Math.max(least, before.consumed > 0 ? (3 * before.ageSum) / before.consumed : 0)
}

export interface AgeVerdict {
  isBreach: boolean
  /** The mean of the last 10 s, in seconds. null: none was consumed. */
  age: number | null
}

/** A breach: the mean is above the limit for 30 s, and grows. A backlog that is being worked off becomes younger. */
export function judgeAge(points: readonly Consumed[], now: number, limit: number): AgeVerdict {
  const means = Array.from({ length: spans }, (_, index) => {
    const end = now - (spans - 1 - index) * span
    return meanOf(points.filter(({ at }) => at > end - span && at <= end))
  })
  const isBreach = means.every((mean, index) => {
    const before = means[index - 1] ?? limit
    return mean !== null && mean > before && mean > limit
  })
  return { isBreach, age: means.at(-1) ?? null }
}

function meanOf(points: readonly Consumed[]): number | null {
  const consumed = points.reduce((sum, each) => sum + each.consumed, 0)
  const ageSum = points.reduce((sum, each) => sum + each.ageSum, 0)
  return consumed > 0 ? ageSum / consumed : null
}
