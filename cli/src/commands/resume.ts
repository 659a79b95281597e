// shopctl resume
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { resume } from '../release/move/resume.ts'
import { type ChangeInput, confirmChange, type LockInput } from './confirm.ts'
import { movedResult } from './moved.ts'
import { type AfterSwitch, watched } from './watch.ts'

interface ResumeCommandInput extends ChangeInput, LockInput, AfterSwitch {}

export async function resumeCommand(
  context: Context,
  { yes, ...input }: ResumeCommandInput,
): Promise<Result> {
  await confirmChange(context, 'resume', yes)
  const { config } = context
  const ports = await context.cluster()
  const resumed = await besideBroker(ports, resume(ports, { ...input, config }))
  const { kind, ...moved } = resumed
  const result = movedResult(moved)
  // A switch that was put back has moved nothing.
  return kind === 'switch' && moved.services.length > 0
    ? watched(context, ports, result, { ...input, release: moved.release })
    : result
}
