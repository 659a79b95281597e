// rollback: makes earlier slots live again.
import type { Config } from '../../config/schema.ts'
import { refused, said } from '../../errors.ts'
import { withLock } from '../lock.ts'
import { observe } from '../observe.ts'
import type { Broker } from '../ports/cluster.ts'
import { isRefusal } from '../refusal.ts'
import { type Moved, move } from './move.ts'
import { planRollback, type RollbackIntent } from './plan-rollback.ts'
import { recycledServices } from './recycle.ts'
import type { SwitchPorts } from './switch.ts'
import { checkBroker } from './topology.ts'

export interface RollbackInput extends RollbackIntent {
  config: Config
  reason: string | null
  timeoutMs: number
}

/** How long it waits for a command that holds the lock: longer than most deploys take. */
const lockMs = 180_000

export async function rollback(ports: SwitchPorts, input: RollbackInput): Promise<Moved> {
  const { reason, timeoutMs, config } = input
  // A rollback does not depend on the broker: differences are only shown afterwards.
  const looking = ports.broker && brokerWarning(ports.broker)
  const change = async (locked: SwitchPorts): Promise<Moved> => {
    const state = await observe(locked)
    const plan = planRollback(state, input)
    if (isRefusal(plan)) throw refused(plan)
    for (const line of plan.stays ?? []) locked.progress.warn(line)
    return move(locked, state, plan, { reason, timeoutMs, recycle: recycledServices(config) })
  }
  const moved = await withLock(ports, reason ?? 'rollback', change, { waitMs: lockMs })
  const warning = await looking
  if (warning) ports.progress.warn(warning)
  return moved
}

async function brokerWarning(broker: Broker): Promise<string | null> {
  try {
    await checkBroker(broker)
    return null
  } catch (problem) {
    return said(problem)
  }
}
