// How each queue was handed over: from the last event of the old slot to the first one of the new slot.
import type { Handled, Pods } from '../ports/cluster.ts'
import type { Target } from '../slot.ts'
import type { Handover, Proof } from './move-record.ts'
import { asTarget } from './pointers.ts'

/** After so long it was the next event that took its time, and not the handover. */
const longestMs = 10_000

/** Pods that do not answer are left out: the slots have taken over all the same. */
export async function withHandovers(
  { pods }: { pods: Pods },
  proofs: readonly Proof[],
): Promise<Proof[]> {
  return Promise.all(
    proofs.map(async (proof) => {
      const { name, from, to, epoch } = proof
      if (epoch === null || !pods.reports(name)) return proof
      const [old, now] = await Promise.all(
        [from, to].map((side) => handledBy(pods, name, asTarget(side))),
      )
      return { ...proof, ...handoverOf(old ?? [], now ?? [], epoch) }
    }),
  )
}

async function handledBy(pods: Pods, name: string, target: Target | null): Promise<Handled[]> {
  if (!target) return []
  const names = await pods.list(name, target).catch(() => [])
  const reports = await Promise.all(names.map((pod) => pods.report(name, pod).catch(() => null)))
  return reports.flatMap((report) => report?.handled ?? [])
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
