// shopctl lock | unlock
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { oneLine, wrapped } from '../output/text.ts'
import { type HandLockPorts, lockByHand, unlockByHand } from '../release/hand-lock.ts'
import { holderText } from '../release/lock.ts'
import type { LockHolder } from '../release/ports/session.ts'
import type { LockInput } from './confirm.ts'

interface HandLockInput extends LockInput {
  reason: string
}

/** All that the two need of it. */
export interface HandLockContext extends Pick<Context, 'env'> {
  cluster(): Promise<HandLockPorts>
}

export async function lockCommand(
  { env, cluster }: HandLockContext,
  input: HandLockInput,
): Promise<Result> {
  const lock = await lockByHand(await cluster(), input)
  const way =
    'Until `shopctl unlock --reason "…"`, nothing is changed here, and nothing is rolled back.'
  return {
    document: { version: 1, env, lock },
    text: (width) => wrapped(`${env} is locked by ${about(lock)} ${way}`, width),
    summary: `${env} is locked`,
  }
}

export async function unlockCommand(
  { env, cluster }: HandLockContext,
  input: HandLockInput,
): Promise<Result> {
  const ended = await unlockByHand(await cluster(), input)
  return {
    document: { version: 1, env, ended },
    text: (width) => wrapped(`${env} is unlocked. It was locked by ${about(ended)}`, width),
    summary: `${env} is unlocked`,
  }
}

function about(lock: LockHolder): string {
  return `${holderText(lock)} since ${lock.since}, for: ${oneLine(lock.reason)}.`
}
