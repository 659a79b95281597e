// shopctl resume
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { resume } from '../release/move/resume.ts'
import { type ChangeInput, confirmChange, type LockInput } from './confirm.ts'
import { movedResult } from './moved.ts'

interface ResumeCommandInput extends ChangeInput, LockInput {
  timeoutMs: number
  probe: boolean
}

export async function resumeCommand(
  context: Context,
  { yes, ...input }: ResumeCommandInput,
): Promise<Result> {
  await confirmChange(context, 'resume', yes)
  const { config } = context
  const ports = await context.cluster()
  return movedResult(await besideBroker(ports, resume(ports, { ...input, config })))
}
