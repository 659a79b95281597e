// shopctl release
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { wrapped } from '../output/text.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { refuseFrozen } from '../release/freeze.ts'
import { type Released, release } from '../release/release.ts'
import type { Color } from '../release/slot.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'
import { deployInput, deployRows, deployTable } from './deploy.ts'
import { moveDocument, movedResult } from './moved.ts'
import { digestsOf } from './push.ts'
import { type AfterSwitch, watched } from './watch.ts'

interface ReleaseCommandInput extends ChangeInput, FreezeInput, LockInput, AfterSwitch {
  color: Color | null
  skipSmoke: boolean
  despiteAlerts: boolean
  deployTimeoutMs: number
  /** How long the switch waits for a slot to take over. */
  timeoutMs: number
}

const nextSteps =
  'The old slots are on standby. `shopctl rollback` makes them live again, `shopctl cleanup` deletes them.'

export async function releaseCommand(
  context: Context,
  { yes, deployTimeoutMs, timeoutMs, ...input }: ReleaseCommandInput,
): Promise<Result> {
  refuseFrozen(context, { ...input, freezes: context.environment.freezes })
  await confirmChange(context, 'release', yes)
  const [ports, builder] = await Promise.all([context.cluster(), context.builder()])
  const desired = {
    ...(await deployInput(context)),
    ...input,
    namespaceName: context.environment.namespace,
    timeoutMs: deployTimeoutMs,
    switchTimeoutMs: timeoutMs,
  }
  const releasing = release({ ...ports, builder }, desired)
  const released = await besideBroker(ports, releasing)
  const { moved } = released
  const { watchMs, probe, json } = input
  const after = { release: moved?.release ?? null, watchMs, probe, json, timeoutMs }
  return watched(context, ports, releaseResult(released), after)
}

export function releaseResult({ pushed, deployed, moved }: Omit<Released, 'built'>): Result {
  if (!moved) {
    const nothing = 'Every service is already live in this version. Nothing was released.'
    return {
      document: moveDocument(null, []),
      text: () => nothing,
      summary: nothing,
      outputs: { digests: digestsOf(pushed) },
    }
  }
  const result = movedResult(moved)
  const hasOld = moved.services.some(({ from }) => from)
  return {
    ...result,
    tables: [deployRows(deployed), ...(result.tables ?? [])],
    outputs: { ...result.outputs, digests: digestsOf(pushed) },
    text: (width) =>
      [
        deployTable(deployed, width),
        '',
        result.text(width),
        ...(hasOld ? [wrapped(nextSteps, width)] : []),
      ].join('\n'),
  }
}
