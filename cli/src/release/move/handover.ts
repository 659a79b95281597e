// How each queue was handed over: from the last event of the old slot to the first one of the new slot.
import type { Handled, Pods } from '../ports/cluster.ts'
import type { Target } from '../slot.ts'
import type { Handover, Proof } from './move-record.ts'
import { asTarget } from './pointers.ts'

/** After so long it was the next event that took its time, and not the handover. */
const longestMs = 10_000

/** Where a pod does not answer, nothing is said: it may have had the last event, or the first one. */
export async function withHandovers(
  { pods }: { pods: Pods },
  proofs: readonly Proof[],
): Promise<Proof[]> {
  return Promise.all(
    proofs.map(async (proof) => {
      const { name, from, to, epoch } = proof
      if (epoch === null || !pods.reports(name)) return proof
      const asked = [from, to].map((side) => handledBy(pods, name, asTarget(side)))
      const [old, now] = await Promise.all(asked)
      return old && now ? { ...proof, ...handoverOf(old, now, epoch) } : proof
    }),
  )
}

/** null: not all pods have answered. */
async function handledBy(
  pods: Pods,
  name: string,
  target: Target | null,
): Promise<Handled[] | null> {
  if (!target) return []
  const ask = (pod: string) => pods.report(name, pod).catch(() => null)
  try {
    const names = await pods.list(name, target)
    // Once more: the processors of both slots are busy now.
    const reports = await Promise.all(names.map(async (pod) => (await ask(pod)) ?? ask(pod)))
    return reports.includes(null) ? null : reports.flatMap((report) => report?.handled ?? [])
  } catch {
    return null
  }
}

/** `epoch`: that of the new slot. */
export function handoverOf(
  old: readonly Handled[],
  now: readonly Handled[],
  epoch: number,
): Handover {
  const before = old.filter((each) => each.epoch < epoch)
  const after = now.filter((each) => each.epoch === epoch)
  const handled = after.reduce((sum, { messages }) => sum + messages, 0)
  if (before.length === 0 || after.length === 0) return { handoverMs: null, handled }
  const last = Math.max(...before.map(({ lastAt }) => Date.parse(lastAt)))
  const first = Math.min(...after.map(({ firstAt }) => Date.parse(firstAt)))
  return { handoverMs: first - last > longestMs ? null : first - last, handled }
}
