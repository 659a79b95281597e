// Waits until nobody uses the slots that a cleanup deletes: no open connection, and nothing in flight on either plane.
import { refused, ShopctlError } from '../../errors.ts'
import type { PlaneReport, PodReport, Pods } from '../ports/cluster.ts'
import type { Clock, Progress } from '../ports/session.ts'
import type { NamedSlot } from '../slot.ts'

interface IdlePorts {
  pods: Pods
  clock: Clock
  progress: Progress
  signal: AbortSignal
}

interface IdleInput {
  timeoutMs: number
  /** Goes on after the time. */
  now: boolean
}

const pollMs = 1_000
/** After this time the broker has closed the connection of a silent pod and returned its messages to the queue. */
const silenceMs = 15_000

/**
 * `meant` are the slots that would be deleted, and `read` those that would be now, since another command may go on
 * meanwhile: so the caller must not hold the lock.
 */
export async function awaitIdle(
  ports: IdlePorts,
  { timeoutMs, now }: IdleInput,
  meant: readonly NamedSlot[],
  read: () => Promise<readonly NamedSlot[]>,
): Promise<void> {
  const { clock, progress, signal } = ports
  const started = clock.monotonic()
  const waited = () => clock.monotonic() - started
  const look = (slots: readonly NamedSlot[]) => usesOf(ports, slots, waited() < silenceMs)
  const first = await look(meant).catch((error) => {
    // The lock says first which right is missing, or the next look does.
    if (error instanceof ShopctlError && error.code === 'not-allowed') return []
    throw error
  })
  if (first.length === 0) return
  await progress.step('wait until nobody uses the old slots', async (say) => {
    for (let uses = first; uses.length > 0; uses = await look(await read())) {
      say(uses.join('; '))
      if (waited() > timeoutMs) {
        if (!now) throw slotInUse(uses)
        progress.warn(`deleted all the same: ${uses.join('; ')}`)
        return
      }
      await clock.sleep(pollMs, signal)
    }
  })
}

/** Once, under the lock: others may have used them again since. */
export async function requireIdle(ports: IdlePorts, slots: readonly NamedSlot[]): Promise<void> {
  const uses = await usesOf(ports, slots, false)
  if (uses.length > 0) throw slotInUse(uses)
}

function slotInUse(uses: readonly string[]): Error {
  return refused({
    code: 'slot-in-use',
    message: `A slot is still in use, and nothing was deleted: ${uses.join('; ')}.`,
    hint: 'Wait with a longer `--timeout`, or run `shopctl cleanup --now`: it deletes such a slot after its `--timeout`.',
  })
}

/** One line for each pod that is in use. */
async function usesOf(
  { pods }: IdlePorts,
  slots: readonly NamedSlot[],
  awaitsSilent: boolean,
): Promise<string[]> {
  const each = await Promise.all(
    slots.map(async ({ name, slot }) => {
      if (!pods.reports(name)) return []
      const found = await pods.list(name, slot)
      const lines = found.map(async (pod) => {
        const report = await pods.report(name, pod)
        if (report) return useOf(pod, report)
        return awaitsSilent ? [`${pod} does not answer`] : []
      })
      return (await Promise.all(lines)).flat()
    }),
  )
  return each.flat()
}

/** On the preview plane it may consume: there it is the candidate. */
function useOf(pod: string, report: PodReport): string[] {
  const { preview } = report
  const uses = [
    ...(report.role === 'live' ? ['is live'] : []),
    ...(report.consuming ? ['consumes'] : []),
    ...workOf(report, ''),
    ...(preview ? workOf(preview, ' in the preview plane') : []),
  ]
  return uses.length > 0 ? [`${pod} ${uses.join(', ')}`] : []
}

function workOf({ inFlight, connections }: PlaneReport, where: string): string[] {
  return [
    ...(inFlight > 0 ? [`has ${inFlight} messages in flight${where}`] : []),
    ...(connections ? [`has ${connections} open connections${where}`] : []),
  ]
}
