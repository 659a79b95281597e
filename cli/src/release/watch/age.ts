// Whether messages are consumed later and later. Pure.

/** Messages that were consumed within a second, or since the look before. */
export interface Consumed {
  /** Unix time, seconds. */
  at: number
  consumed: number
  /** The sum of their ages, in seconds. */
  ageSum: number
}

/** What a service has begun and not finished. */
export interface Waiting {
  /** Unix time, seconds. */
  at: number
  /** Of the oldest, in seconds. 0: nothing is open. */
  age: number
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
  /** The mean of the last 10 s, in seconds. null: none was consumed, and nobody tells what is open. */
  age: number | null
  /** It is that of the oldest work that is open: none was consumed. */
  isOfOpen: boolean
}

/**
 * A breach: the mean is above the limit for 30 s, and grows. A backlog that is being worked off becomes younger. What is
 * open stands in where no message was consumed: beside messages, an order may wait for something else.
 */
export function judgeAge(
  points: readonly Consumed[],
  now: number,
  limit: number,
  waiting: readonly Waiting[] = [],
): AgeVerdict {
  const means = Array.from({ length: spans }, (_, index) => {
    const end = now - (spans - 1 - index) * span
    const isIn = ({ at }: { at: number }): boolean => at > end - span && at <= end
    const consumed = meanOf(points.filter(isIn))
    return { age: consumed ?? waiting.findLast(isIn)?.age ?? null, isOfOpen: consumed === null }
  })
  const isBreach = means.every(({ age }, index) => {
    const before = means[index - 1]?.age ?? limit
    return age !== null && age > before && age > limit
  })
  const { age = null, isOfOpen = false } = means.at(-1) ?? {}
  return { isBreach, age, isOfOpen: isOfOpen && age !== null }
}

function meanOf(points: readonly Consumed[]): number | null {
  const consumed = points.reduce((sum, each) => sum + each.consumed, 0)
  const ageSum = points.reduce((sum, each) => sum + each.ageSum, 0)
  return consumed > 0 ? ageSum / consumed : null
}
