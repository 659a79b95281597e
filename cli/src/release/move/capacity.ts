// Scales slots around a move, so that no move leaves fewer pods than served before.
import { said } from '../../errors.ts'
import { scalesAfter } from '../capacity.ts'
import type { Driver } from '../ports/driver.ts'
import type { Progress } from '../ports/session.ts'
import type { Move } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'

interface CapacityPorts {
  driver: Driver
  progress: Progress
}

/** The slots have moved already: a failure is a warning. */
export async function settleCapacity(
  { driver, progress }: CapacityPorts,
  state: EnvironmentState,
  moves: readonly Move[],
): Promise<void> {
  const scales = scalesAfter(state, moves)
  for (const { service, color, replicas } of scales) {
    const before = state.services[service]?.slots[color]?.replicas
    if (replicas !== null)
      progress.warn(
        `${service} ${color} has ${before} pods and gets ${replicas}, as many as served before`,
      )
  }
  const results = await driver
    .scaleSlots(scales)
    .catch((reason) => [{ status: 'rejected' as const, reason }])
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') continue
    const { service = '', color = '' } = scales[index] ?? {}
    progress.warn(`${service} ${color} could not be scaled: ${said(result.reason)}`)
  }
}
