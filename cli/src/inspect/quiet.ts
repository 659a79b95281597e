// Waits until the services have come to rest: nothing waits, nothing is under way, and the books stay as they are.
import { failed, ShopctlError } from '../errors.ts'
import { canonical } from '../release/canonical.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Plane } from '../release/ports/cluster.ts'
import type { Clock } from '../release/ports/session.ts'
import { type AccountingPorts, type Books, readBooks, serving } from './accounting.ts'

export interface QuietPorts extends AccountingPorts, ObservePorts {
  clock: Clock
}

const pollMs = 400
/** Once quiet, so many further looks have to show the same: what moves between two queues is in neither. */
const furtherLooks = 2
/** By then the broker has missed the heartbeats of a silent pod, and given to others what it held. */
const silenceMs = 15_000

/** Lines about what is not at rest yet. */
export function unsettled({ service, account }: Books): string[] {
  const { outbox, queued, dead, retrying, inFlight } = account
  const counts = { 'in its outbox': outbox.waiting, queued, dead, retrying, 'in flight': inFlight }
  const moving = Object.entries(counts).filter(([, number]) => number > 0)
  if (moving.length === 0) return []
  return [`${service}: ${moving.map(([what, number]) => `${number} ${what}`).join(', ')}`]
}

export async function awaitQuiet(
  ports: QuietPorts,
  { plane, timeoutMs }: { plane: Plane; timeoutMs: number },
  say: (what: string) => void,
): Promise<void> {
  const { clock, signal } = ports
  const started = clock.monotonic()
  const silentSince = new Map<string, number>()
  let before: string | null = null
  let looks = 0
  for (;;) {
    const { waiting, books } = await look(ports, plane, silentSince)
    looks = waiting.length === 0 && books === before ? looks + 1 : 0
    if (looks >= furtherLooks) return
    before = waiting.length === 0 ? books : null
    const what = waiting.join('; ') || 'the books still change'
    say(what)
    if (clock.monotonic() - started > timeoutMs) {
      throw failed({
        code: 'not-quiet',
        message: `The services did not come to rest within ${timeoutMs / 1000} s: ${what}.`,
        hint: 'Wait longer, or run `shopctl audit` without --wait to see what it comes to now.',
      })
    }
    await clock.sleep(pollMs, signal)
  }
}

/** A look that fails means to wait: a pod, the broker or a database may just be starting again. */
async function look(
  ports: QuietPorts,
  plane: Plane,
  silentSince: Map<string, number>,
): Promise<{ waiting: string[]; books: string }> {
  try {
    const state = await observe(ports)
    const names = serving(ports.management, 'accounting', state, null)
    const books = await Promise.all(names.map((name) => readBooks(ports, state, name, plane)))
    const silent = noteSilence(ports.clock, silentSince, books)
    const waiting = [...books.flatMap(unsettled), ...silent.map((pod) => `${pod} does not answer`)]
    // When they were read is no change.
    return { waiting, books: canonical(books.map(({ account }) => ({ ...account, at: null }))) }
  } catch (problem) {
    if (!(problem instanceof ShopctlError) || problem.kind !== 'failed') throw problem
    return { waiting: [problem.message], books: '' }
  }
}

/** Those of the silent pods that may still hold something. */
function noteSilence(clock: Clock, since: Map<string, number>, books: readonly Books[]): string[] {
  const now = clock.monotonic()
  const silent = books.flatMap((each) => each.silent)
  for (const pod of since.keys()) if (!silent.includes(pod)) since.delete(pod)
  for (const pod of silent) if (!since.has(pod)) since.set(pod, now)
  return silent.filter((pod) => now - (since.get(pod) ?? now) < silenceMs)
}
