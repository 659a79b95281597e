// resume: finishes a switch or rollback that was interrupted.
import type { Config } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import { type HookPorts, withHooks } from '../hooks.ts'
import { type Locked, type LockWait, withLock } from '../lock.ts'
import { observe } from '../observe.ts'
import { isRefusal } from '../refusal.ts'
import type { MoveVerb } from '../slot.ts'
import { findNoLogin } from './logins.ts'
import { type Moved, type MovePorts, move } from './move.ts'
import { planResume } from './plan-resume.ts'
import { type Probing, type ProbingPorts, withProbe } from './probing.ts'
import { recycledServices } from './recycle.ts'
import type { SwitchPorts } from './switch.ts'

export interface ResumeInput extends LockWait {
  config: Config
  /** null: that of the interrupted operation. */
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
  /** false: without the probe. */
  probe: boolean
}

export type ResumePorts = Pick<
  SwitchPorts,
  keyof MovePorts | keyof ProbingPorts | keyof HookPorts | 'lock'
>

export interface Resumed extends Moved {
  /** What was finished. */
  kind: MoveVerb
}

export async function resume(ports: ResumePorts, input: ResumeInput): Promise<Resumed> {
  const change = (locked: ResumePorts & Locked): Promise<Resumed> =>
    withProbe(locked, input, (probing) => goOn(locked, input, probing))
  const reason = input.reason ?? 'resume'
  return withHooks(ports, 'resume', (hooked) => withLock(hooked, reason, change, input))
}

/** It waits for no figures before its write: what is half-way is finished first. */
async function goOn(
  ports: ResumePorts & Locked,
  input: ResumeInput,
  probing: Probing,
): Promise<Resumed> {
  const { reason, timeoutMs, config } = input
  ports.driver.prepare(ports.signal)
  const state = await observe(ports)
  const first = planResume(state)
  if (isRefusal(first)) throw refused(first)
  const plan = planResume(state, await findNoLogin(ports, first.moves))
  if (isRefusal(plan)) throw refused(plan)
  for (const line of plan.stays ?? []) ports.progress.warn(line)
  const { open } = state.journal
  const resumes = plan.kind === 'switch' ? (open?.release ?? undefined) : undefined
  const moved = await move(ports, state, plan, {
    reason: reason ?? open?.reason ?? null,
    timeoutMs,
    probing,
    recycle: recycledServices(config),
    ...(resumes && { resumes }),
  })
  return { ...moved, kind: plan.kind }
}
