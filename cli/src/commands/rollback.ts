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
  probe: boolean
  /** How long a slot that is deployed again may take to become ready. */
  deployTimeoutMs: number
  /** Shows the plan, and changes nothing. */
  dryRun: boolean
}

export async function rollbackCommand(
  context: Context,
  { yes, deployTimeoutMs, dryRun, ...input }: RollbackCommandInput,
): Promise<Result> {
  if (!dryRun) await confirmChange(context, 'rollback', yes)
  const { config, env, chosen: services } = context
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
  if (dryRun) {
    const [{ previewRollback }, { previewResult }] = await Promise.all([
      import('../release/move/preview.ts'),
      import('./preview.ts'),
    ])
    const looking = previewRollback(ports, { ...input, config, services })
    return previewResult(env, 'rollback', await besideBroker(ports, looking))
  }
  const moving = rollback(ports, { ...input, config, services, deployInput: again })
  return movedResult(await besideBroker(ports, moving))
}
