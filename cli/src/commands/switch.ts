// shopctl switch
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { refuseFrozen } from '../release/freeze.ts'
import { switchSlots } from '../release/move/switch.ts'
import type { Color } from '../release/slot.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'
import { movedResult } from './moved.ts'

interface SwitchCommandInput extends ChangeInput, FreezeInput, LockInput {
  color: Color | null
  skipSmoke: boolean
  despiteAlerts: boolean
  timeoutMs: number
  /** Shows the checks and the plan, and changes nothing. */
  dryRun: boolean
  probe: boolean
}

export async function switchCommand(
  context: Context,
  { yes, dryRun, ...input }: SwitchCommandInput,
): Promise<Result> {
  const { config, env, chosen: services, environment } = context
  const intent = { ...input, config, services, environment, freezes: environment.freezes }
  if (!dryRun) {
    refuseFrozen(context, intent)
    await confirmChange(context, 'switch', yes)
  }
  const [ports, { registryAddress }] = await Promise.all([context.cluster(), context.tree()])
  if (dryRun) {
    const [{ previewSwitch }, { previewResult }] = await Promise.all([
      import('../release/move/preview.ts'),
      import('./preview.ts'),
    ])
    const looking = previewSwitch(ports, { ...intent, registryAddress })
    return previewResult(env, 'switch', await besideBroker(ports, looking))
  }
  const moving = switchSlots(ports, { ...intent, registryAddress })
  return movedResult(await besideBroker(ports, moving))
}
