// shopctl rollback
import type { Context } from '../context.ts'
import { withLock } from '../release/lock.ts'
import { planRollback } from '../release/plan-rollback.ts'
import { askIfProtected, carryOutMove, type MoveInput, printMove } from './switch.ts'

export interface RollbackInput extends MoveInput {
  /** Release id, null for the one before the last switch. */
  to: string | null
}

export const rollbackCommand = async (context: Context, input: RollbackInput): Promise<void> => {
  await askIfProtected(context, 'rollback', input.yes)
  const intent = { services: context.chosen, to: input.to }
  const reason = input.reason ?? 'rollback'
  const moved = await withLock(await context.cluster(), reason, context.signal, (signal) =>
    carryOutMove(context, (state) => planRollback(state, intent), input, signal),
  )
  printMove(context, moved)
}
