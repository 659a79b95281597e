// What the test of a gate does, calculated and not sampled. Requests fail independently, each with the same probability.
import { isBreach, type SequentialTest } from '../../../src/release/watch/sequential.ts'

/** Less than this is not followed any further. It counts as a breach, so that a false alarm is never understated. */
const negligible = 1e-14

/** No calculation goes further than so many requests. */
const longest = 300_000

/** The smallest number of failures that is a breach of 1, 2, 3, … requests. n + 1: n requests cannot be one. */
export function* boundary(test: SequentialTest): Generator<number> {
  // It never falls as the requests grow.
  let failures = 0
  for (let requests = 1; requests <= longest; requests++) {
    while (failures <= requests && !isBreach(test, { requests, failures })) failures++
    yield failures
  }
}

/** The probability that there was a breach after 1, 2, 3, … requests, if the gate looks after each. */
export function* breached(test: SequentialTest, share: number): Generator<number> {
  // open[k]: the probability of k failures and no breach so far. It is 0 outside of `first` to `last`.
  const open = new Float64Array(100_000)
  open[0] = 1
  let first = 0
  let last = 0
  let sum = 0
  for (const limit of boundary(test)) {
    last++
    // Billions of times: without a call, and with indexes that are there.
    for (let failures = last; failures > first; failures--)
      open[failures] =
        (open[failures] as number) * (1 - share) + (open[failures - 1] as number) * share
    open[first] = at(open, first) * (1 - share)
    while (last >= limit) sum += take(open, last--)
    while (last > first && at(open, last) < negligible) sum += take(open, last--)
    while (first < last && at(open, first) < negligible) sum += take(open, first++)
    yield sum
  }
}

function at(open: Float64Array, failures: number): number {
  return open[failures] ?? 0
}

function take(open: Float64Array, failures: number): number {
  const probability = at(open, failures)
  open[failures] = 0
  return probability
}

export function breachedAfter(test: SequentialTest, share: number, requests: number): number {
  let count = 0
  for (const probability of breached(test, share)) if (++count === requests) return probability
  throw new Error(`more than ${longest} requests`)
}

/** The number of requests after which there was a breach with these probabilities, which grow. */
export function requestsUntil(
  test: SequentialTest,
  share: number,
  probabilities: readonly number[],
): number[] {
  const found: number[] = []
  let count = 0
  for (const probability of breached(test, share)) {
    count++
    while (probability >= (probabilities[found.length] ?? 2)) found.push(count)
    if (found.length === probabilities.length) return found
  }
  throw new Error(`not within ${longest} requests`)
}
