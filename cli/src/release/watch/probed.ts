// The pods count the requests of the probe, too. What is left without them is what customers asked. Pure.
import type { Second } from './gate.ts'

/** Share of the probe that pods have counted at least, if they count it: its last requests may be missing. */
const surely = 0.9

/**
 * Without what the probe got of these pods. Both are counted up to the same looks, but not up to the same moment: what
 * pods have not counted yet is taken off later. Nothing is taken off where they seem to count no request of the probe,
 * as of a page for health checks: customers who fail would weigh too much.
 * @param probed in the same seconds, those that pods have answered
 * @param usual requests of customers in a second, before the switch. null: nobody knows, so nothing is taken off
 */
export function withoutProbe(
  counted: readonly Second[],
  probed: readonly Second[],
  usual: number | null,
): readonly Second[] {
  if (usual === null || !isCounted(counted, probed, usual)) return counted
  const found = new Map(counted.map((second) => [second.at, second]))
  const own = new Map(probed.map((second) => [second.at, second]))
  const debt = { quiet: 0, failures: 0 }
  const take = (of: keyof typeof debt, count: number): number => {
    const taken = Math.min(count, debt[of])
    debt[of] -= taken
    return count - taken
  }
  return [...new Set([...found.keys(), ...own.keys()])]
    .toSorted((a, b) => a - b)
    .flatMap((at) => {
      const { requests, failures } = found.get(at) ?? nothing
      const sent = own.get(at) ?? nothing
      debt.failures += sent.failures
      debt.quiet += sent.requests - sent.failures
      const bad = take('failures', failures)
      const all = bad + take('quiet', requests - failures)
      return all > 0 ? [{ at, requests: all, failures: bad }] : []
    })
}

const nothing = { requests: 0, failures: 0 }

/** Nearer to what is usual and the probe than to what is usual alone. */
function isCounted(counted: readonly Second[], probed: readonly Second[], usual: number): boolean {
  const [all, sent] = [counted, probed].map((seconds) =>
    seconds.reduce((sum, { requests }) => sum + requests, 0),
  ) as [number, number]
  const times = [...counted, ...probed].map(({ at }) => at)
  const [first, last] = times.reduce(
    ([least, most], at) => [Math.min(least, at), Math.max(most, at)],
    [Number.POSITIVE_INFINITY, 0],
  )
  const expected = usual * Math.max(0, last + 1 - first)
  return all >= surely * sent && all >= expected + sent / 2
}
