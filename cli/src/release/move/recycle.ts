// Restarts the old slot after a switch: its open connections would stay, as a Service routes only new ones.
import type { Config } from '../../config/schema.ts'
import { said } from '../../errors.ts'
import type { PodEnd, Pods } from '../ports/cluster.ts'
import type { Driver } from '../ports/driver.ts'
import type { Clock, Progress } from '../ports/session.ts'
import type { Move, Side } from '../slot.ts'

interface RecyclePorts {
  driver: Driver
  pods: Pods
  progress: Progress
  clock: Clock
  signal: AbortSignal
}

/** How the pods of the slot ended. A killed pod breaks its open connections. */
export interface Recycled {
  tookMs: number
  drained: number
  killed: number
  /** Pods that did not end within the time, or whose end was not seen. */
  unknown: number
}

/** Services whose old slot is restarted. Pods that report their role close their connections by themselves. */
export function recycledServices({ services }: Config): string[] {
  return Object.entries(services)
    .filter(([, { recycle, management }]) => recycle ?? management?.role === undefined)
    .map(([name]) => name)
}

/** Longer than the default terminationGracePeriodSeconds. */
const limitMs = 60_000

/** Restarts the old slots of these services. Does not fail: the new slots are live. */
export async function recycleAll<M extends Move>(
  ports: RecyclePorts,
  moves: readonly M[],
  services: readonly string[],
): Promise<(M & { recycled: Recycled | null })[]> {
  return Promise.all(
    moves.map(async (move) => {
      const { name, from } = move
      if (!from || !services.includes(name)) return { ...move, recycled: null }
      const recycled = await recycle(ports, name, from).catch((error) => {
        ports.progress.warn(
          `${name}: the old slot was not restarted and keeps its open connections: ${said(error)}`,
        )
        return null
      })
      return { ...move, recycled }
    }),
  )
}

/** null: the slot has no pods. */
async function recycle(
  { driver, pods, progress, clock, signal }: RecyclePorts,
  service: string,
  { color, revision, version }: Side,
): Promise<Recycled | null> {
  const names = await pods.list(service, { color, revision })
  if (names.length === 0) return null
  return progress.step(`restart ${service} ${color} ${version}`, async () => {
    const from = clock.monotonic()
    const ending = pods.awaitEnd({ service, color, revision }, names, {
      timeoutMs: limitMs,
      signal,
    })
    ending.catch(() => {})
    await driver.restartSlot(service, color)
    const ends = await ending.catch((error) => {
      progress.warn(
        `${service}: the old slot was restarted, but its end was not watched: ${said(error)}`,
      )
      return names.map((pod): PodEnd => ({ pod, exitCode: null }))
    })
    const drained = ends.filter(({ exitCode }) => exitCode === 0).length
    const unknown = ends.filter(({ exitCode }) => exitCode === null).length
    const tookMs = Math.round(clock.monotonic() - from)
    return { tookMs, drained, killed: ends.length - drained - unknown, unknown }
  })
}

export function recycledText({ tookMs, drained, killed, unknown }: Recycled): string {
  const parts = [
    ...(drained > 0 ? [`${drained} drained`] : []),
    ...(killed > 0 ? [`${killed} killed with open connections`] : []),
    ...(unknown > 0 ? [`${unknown} not seen to end`] : []),
  ]
  return `${parts.join(', ')} in ${(tookMs / 1000).toFixed(1)} s`
}
