// shopctl release
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { release } from '../release/release.ts'
import type { Color } from '../release/slot.ts'
import { type ChangeInput, confirmChange } from './confirm.ts'
import { deployInput, deployTable } from './deploy.ts'
import { moveDocument, movedResult } from './moved.ts'

export interface ReleaseCommandInput extends ChangeInput {
  color: Color | null
  skipSmoke: boolean
  deployTimeoutMs: number
  /** How long a slot may take to take over. */
  timeoutMs: number
}

export async function releaseCommand(
  context: Context,
  { yes, deployTimeoutMs, timeoutMs, ...input }: ReleaseCommandInput,
): Promise<Result> {
  await confirmChange(context, 'release', yes)
  const [ports, builder] = await Promise.all([context.cluster(), context.builder()])
  const { deployed, moved } = await release(
    { ...ports, builder },
    {
      ...(await deployInput(context)),
      ...input,
      namespaceName: context.environment.namespace,
      timeoutMs: deployTimeoutMs,
      switchTimeoutMs: timeoutMs,
    },
  )
  if (!moved) {
    const nothing = 'Everything serves already; nothing was released.'
    return { document: moveDocument(null, []), text: () => nothing, summary: nothing }
  }
  const result = movedResult(moved)
  const back = moved.services.some(({ from }) => from)
    ? [
        'What served before stands by: `shopctl rollback` goes back to it,',
        '`shopctl cleanup` removes it.',
      ]
    : []
  return {
    ...result,
    text: (width) => [deployTable(deployed, width), '', result.text(width), ...back].join('\n'),
  }
}
