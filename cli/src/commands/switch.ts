// shopctl switch
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { confirm } from '../output/confirm.ts'
import type { Result } from '../output/result.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { refuseFrozen } from '../release/freeze.ts'
import type { MovePlan } from '../release/move/plan-switch.ts'
import { switchSlots } from '../release/move/switch.ts'
import type { Color } from '../release/slot.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'
import { movedResult } from './moved.ts'
import { type AfterSwitch, watched } from './watch.ts'

interface SwitchCommandInput extends ChangeInput, FreezeInput, LockInput, AfterSwitch {
  color: Color | null
  skipSmoke: boolean
  despiteAlerts: boolean
  timeoutMs: number
  /** Shows the checks and the plan, and changes nothing. */
  dryRun: boolean
  /** Asks at the terminal after the checks, before the first write. */
  pauseBefore: boolean
}

export async function switchCommand(
  context: Context,
  { yes, dryRun, pauseBefore, ...input }: SwitchCommandInput,
): Promise<Result> {
  const { config, env, chosen: services, environment } = context
  const intent = { ...input, config, services, environment, freezes: environment.freezes }
  if (!dryRun) {
    if (pauseBefore) requireTerminal()
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
  const pause = (plan: MovePlan, signal: AbortSignal) => askToGoOn(env, plan, signal)
  const moving = switchSlots(ports, { ...intent, registryAddress, ...(pauseBefore && { pause }) })
  const moved = await besideBroker(ports, moving)
  return watched(context, ports, movedResult(moved), { ...input, release: moved.release })
}

function requireTerminal(): void {
  if (process.stdin.isTTY) return
  throw refused({
    code: 'no-terminal',
    message: '`--pause-before` asks at a terminal, and stdin is none.',
    hint: 'Run the command at a terminal, or without --pause-before: `--dry-run` shows the checks and the plan.',
  })
}

async function askToGoOn(env: string, { moves }: MovePlan, signal: AbortSignal): Promise<void> {
  const names = moves.map(({ name, to }) => `${name} to ${to?.color}`).join(', ')
  if (await confirm(`All checks are made. Switch ${names} in ${env} now?`, signal)) return
  throw refused({
    code: 'not-confirmed',
    message: 'The switch was ended at its pause. Nothing was changed.',
    hint: 'Run `shopctl switch` again when it may go on.',
  })
}
