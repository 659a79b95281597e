// Waits until nothing is in flight: no message waits, no pod holds one, and the accounts do not change.
import { failed, ShopctlError } from '../errors.ts'
import { canonical } from '../release/canonical.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Plane } from '../release/ports/cluster.ts'
import type { Clock } from '../release/ports/session.ts'
import {
  type AccountingPorts,
  type Reading,
  readAccount,
  requireLive,
  servicesWith,
} from './accounting.ts'

interface QuietPorts extends AccountingPorts, ObservePorts {
  clock: Clock
}

const pollMs = 400
/** Further readings that must show the same: a message between two queues is counted in neither. */
const furtherLooks = 2
/** After this time the broker has closed the connection of a silent pod and returned its messages to the queue. */
const silenceMs = 15_000

/** What is still in flight: one line, or none. */
export function unsettled({ service, account }: Reading): string[] {
  const { outbox, queued, dead, retrying, inFlight } = account
  const counts = { 'in its outbox': outbox.waiting, queued, dead, retrying, 'in flight': inFlight }
  const moving = Object.entries(counts).filter(([, number]) => number > 0)
  if (moving.length === 0) return []
  const list = moving.map(([what, number]) => `${number} ${what}`).join(', ')
  return [`${service}: ${list}`]
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
    const { waiting, accounts } = await look(ports, plane, silentSince)
    looks = waiting.length === 0 && accounts === before ? looks + 1 : 0
    if (looks >= furtherLooks) return
    before = waiting.length === 0 ? accounts : null
    const what = waiting.join('; ') || 'the accounts still change'
    say(what)
    if (clock.monotonic() - started > timeoutMs) {
      throw failed({
        code: 'not-quiet',
        message: `Messages were still in flight after ${timeoutMs / 1000} s: ${what}.`,
        hint: 'Run `shopctl audit` with a longer --wait, or without --wait to audit at once.',
      })
    }
    await clock.sleep(pollMs, signal)
  }
}

/** A failed reading is something to wait for: a pod, the broker or a database may be restarting. */
async function look(
  ports: QuietPorts,
  plane: Plane,
  silentSince: Map<string, number>,
): Promise<{ waiting: string[]; accounts: string }> {
  try {
    const state = await observe(ports)
    const names = requireLive(state, servicesWith('accounting', ports.management, state, null))
    const accounts = await Promise.all(names.map((name) => readAccount(ports, state, name, plane)))
    const silent = noteSilence(ports.clock, silentSince, accounts)
    const waiting = [
      ...accounts.flatMap(unsettled),
      ...silent.map((pod) => `${pod} does not answer`),
    ]
    // The time of the reading is not a change.
    return {
      waiting,
      accounts: canonical(accounts.map(({ account }) => ({ ...account, at: null }))),
    }
  } catch (error) {
    if (!(error instanceof ShopctlError) || error.kind !== 'failed') throw error
    return { waiting: [error.message], accounts: '' }
  }
}

/** The silent pods that may still hold messages. */
function noteSilence(
  clock: Clock,
  since: Map<string, number>,
  readings: readonly Reading[],
): string[] {
  const now = clock.monotonic()
  const silent = readings.flatMap((each) => each.silent)
  for (const pod of since.keys()) if (!silent.includes(pod)) since.delete(pod)
  for (const pod of silent) if (!since.has(pod)) since.set(pod, now)
  return silent.filter((pod) => now - (since.get(pod) ?? now) < silenceMs)
}
