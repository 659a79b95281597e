// What a gate says of the requests since a switch. Pure.
import { createTest, evidence, isBreach, leastBreach, type SequentialTest } from './sequential.ts'
import { type Counts, toleratedShare } from './tolerated.ts'

/** A gate that tolerates more than this would find next to nothing. */
const mostTolerated = 0.1

/** With fewer requests, a gate does not pass. */
const enoughRequests = 300

/** Seconds. A short outage of something else must not roll back a good version. */
const usualBurst = 5

/**
 * The requests that were sent in one second. A failure counts once all of them are decided: those that hang are decided
 * last, so a share that is taken earlier is too high or too low.
 */
export interface Second extends Counts {
  /** Unix time, whole seconds. */
  at: number
}

export interface Gate {
  tolerated: number
  /** null: the gate is off, since too many failed before. */
  test: SequentialTest | null
  /** Seconds of the longest burst that is set aside. */
  burst: number
}

interface Burst extends Second {
  /** How many seconds, from `at` on. */
  seconds: number
}

/** All requests since the switch. */
export interface Verdict extends Counts {
  /**
   * - breach: more fail than is tolerated
   * - passes: enough requests, and no breach
   * - inconclusive: no breach, but too few requests to say more
   * - off: so many failed before the switch that the gate would find next to nothing
   */
  outcome: 'passes' | 'breach' | 'inconclusive' | 'off'
  /** The share that is tolerated, from 0 to 1. */
  tolerated: number
  /** So many failures of these requests are a breach. null: none would be, or the gate is off. */
  limit: number | null
  /** Unix time of the second with the first failure. null: nothing failed. */
  since: number | null
  /** Without it, the failures are no breach. null: they are none anyway, or they are one. */
  burst: Burst | null
}

/**
 * @param before the half hour before the switch
 * @param least one of `leastTolerated`
 * @param gates how many gates the watch has: those that count, of all services, and the probe
 * @param burst seconds. An outage of 4 s has to fit into it.
 */
export function createGate(before: Counts, least: number, gates: number, burst = usualBurst): Gate {
  const tolerated = toleratedShare(before, least)
  return { tolerated, test: tolerated > mostTolerated ? null : createTest(tolerated, gates), burst }
}

/** @param seconds since the switch, in order. A second without requests may be left out. */
export function judge(
  { tolerated, test, burst: longest }: Gate,
  seconds: readonly Second[],
): Verdict {
  const counts = sum(seconds)
  const since = seconds.find(({ failures }) => failures > 0)?.at ?? null
  const found = { ...counts, tolerated, since }
  if (!test) return { ...found, outcome: 'off', limit: null, burst: null }
  const limit = leastBreach(test, counts.requests)
  if (!isBreach(test, counts)) return { ...found, outcome: calm(counts), limit, burst: null }
  const burst = excuse(test, seconds, counts, longest)
  return { ...found, outcome: burst ? calm(counts) : 'breach', limit, burst }
}

function calm({ requests }: Counts): Verdict['outcome'] {
  return requests < enoughRequests ? 'inconclusive' : 'passes'
}

/**
 * The burst without which the rest is the least evidence. null: the rest is a breach without any. All bursts are tried,
 * not only the one with the most failures: so whatever seconds an outage is in, the rest alone decides.
 */
function excuse(
  test: SequentialTest,
  seconds: readonly Second[],
  counts: Counts,
  longest: number,
): Burst | null {
  let worst: Burst | null = null
  let least = test.threshold
  for (const burst of bursts(seconds, longest)) {
    const rest = evidence(test, {
      requests: counts.requests - burst.requests,
      failures: counts.failures - burst.failures,
    })
    if (rest >= test.threshold || rest > least) continue
    worst = burst
    least = rest
  }
  return worst
}

/** All consecutive seconds, so many, that start with one of these. The last ones may not be over yet. */
function* bursts(seconds: readonly Second[], length: number): Generator<Burst> {
  let requests = 0
  let failures = 0
  let end = 0
  for (const start of seconds) {
    const { at } = start
    for (let next = seconds[end]; next && next.at < at + length; next = seconds[++end]) {
      requests += next.requests
      failures += next.failures
    }
    yield { at, requests, failures, seconds: length }
    requests -= start.requests
    failures -= start.failures
  }
}

function sum(seconds: readonly Counts[]): Counts {
  let requests = 0
  let failures = 0
  for (const second of seconds) {
    requests += second.requests
    failures += second.failures
  }
  return { requests, failures }
}
