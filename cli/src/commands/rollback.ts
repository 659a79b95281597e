// shopctl rollback
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { withLock } from '../release/lock.ts'
import { planRollback } from '../release/plan-rollback.ts'
import type { Broker } from '../release/ports.ts'
import { checkBroker } from '../release/topology.ts'
import { askIfProtected, carryOutMove, type MoveInput, moveResult } from './switch.ts'

export interface RollbackInput extends MoveInput {
  /** Release id, null for the one before the last switch. */
  to: string | null
}

export async function rollbackCommand(context: Context, input: RollbackInput): Promise<Result> {
  await askIfProtected(context, 'rollback', input.yes)
  const intent = { services: context.chosen, to: input.to }
  const reason = input.reason ?? 'rollback'
  // A way back always works, whatever the broker says; what it says is told when the way is gone.
  const looked = context.broker().then((broker) => broker && warnOfBroker(broker))
  looked.catch(() => {})
  const moved = await withLock(await context.cluster(), reason, context.signal, (signal) =>
    carryOutMove(context, (state) => planRollback(state, intent), input, signal),
  )
  const warning = await looked.catch(() => null)
  if (warning) context.progress.warn(warning)
  return moveResult(moved)
}

async function warnOfBroker(broker: Broker): Promise<string | null> {
  try {
    await checkBroker(broker)
    return null
  } catch (problem) {
    return problem instanceof Error ? problem.message : String(problem)
  }
}
