// shopctl rollback
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { rollback } from '../release/move/rollback.ts'
import { type ChangeInput, confirmChange, type LockInput } from './confirm.ts'
import { deployInput } from './deploy.ts'
import { movedResult } from './moved.ts'

interface RollbackCommandInput extends ChangeInput, LockInput {
  /** Release id, null: the slots before the last switch. */
  to: string | null
  /** Does without git. */
  emergency: boolean
  timeoutMs: number
  /** How long a slot that is deployed again may take to become ready. */
  deployTimeoutMs: number
}

export async function rollbackCommand(
  context: Context,
  { yes, deployTimeoutMs, ...input }: RollbackCommandInput,
): Promise<Result> {
  await confirmChange(context, 'rollback', yes)
  const { config, chosen: services } = context
  const { reason } = input
  const again = async () => {
    const timing = { color: null, timeoutMs: deployTimeoutMs, reason }
    return { ...(await deployInput(context)), ...timing }
  }
  const ports = await context.cluster()
  if (input.emergency && !ports.gitops)
    throw refused({
      code: 'no-gitops',
      message: `${context.env} is released by helm: its rollback needs no git.`,
      hint: 'Run `shopctl rollback` without --emergency.',
    })
  const moving = rollback(ports, { ...input, config, services, deployInput: again })
  return movedResult(await besideBroker(ports, moving))
}
