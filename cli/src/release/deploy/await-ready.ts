// Waits until a slot is ready, or says why it is not.
import { afterChange, failed } from '../../errors.ts'
import { lastLines } from '../last-lines.ts'
import type { Observer, Pods, Rollout, SlotId } from '../ports/cluster.ts'
import type { Driver } from '../ports/driver.ts'
import type { Clock, Progress } from '../ports/session.ts'
import { sameTarget } from '../slot.ts'
import type { Pointer } from '../state.ts'
import type { DeployStep } from './plan.ts'
import { createJudge, isWaiting, pendingReasons, type RolloutProblem } from './rollout.ts'
import { showWarnings } from './warnings.ts'

export interface AwaitPorts {
  clock: Clock
  pods: Pods
  progress: Progress
  signal: AbortSignal
}

export interface AwaitOptions {
  /** How long a slot may take to become ready. */
  timeoutMs: number
}

export const untouched = 'The same slots are live as before.'

type AwaitedStep = Pick<DeployStep, 'service' | 'color' | 'preview'> & {
  wanted: { revision: string }
}

/** Makes the slot the candidate, and waits until all its pods are ready. */
export async function awaitReady(
  ports: AwaitPorts & { driver: Driver; observer: Observer },
  step: AwaitedStep,
  options: AwaitOptions,
): Promise<void> {
  const { observer } = ports
  const { service, color, wanted } = step
  try {
    // The write may have created or changed the Service.
    await pointPreview(ports, step, await observer.pointer(service, 'preview'))
  } catch (error) {
    throw afterChange(error)
  }
  await awaitSlot(ports, { service, color, revision: wanted.revision }, options)
}

/** Waits until all pods of the slot are ready. */
export async function awaitSlot(
  ports: AwaitPorts,
  slot: SlotId,
  { timeoutMs }: AwaitOptions,
): Promise<void> {
  const { pods, signal } = ports
  const seen: Rollout[] = []
  const judgeNow = createJudge(ports.clock.monotonic)
  const judge = (rollout: Rollout) => {
    seen[0] = rollout
    return judgeNow(rollout)
  }
  const verdict = await pods.awaitRollout(slot, judge, { timeoutMs, signal }).catch((error) => {
    throw afterChange(error)
  })
  if (verdict?.kind === 'ready') return seen[0] && showWarnings(ports, slot.service, seen[0])
  throw verdict
    ? await broken(pods, slot, verdict)
    : await late(pods, slot, seen[0] ?? null, timeoutMs)
}

/** Makes the slot the candidate of smoke and switch. */
export async function pointPreview(
  { driver, signal }: { driver: Driver; signal: AbortSignal },
  { service, preview }: AwaitedStep,
  pointer: Pointer | null,
): Promise<void> {
  if (!pointer || sameTarget(pointer.target, preview)) return
  const { resourceVersion } = pointer
  const move = { service, which: 'preview' as const, to: preview, resourceVersion, release: null }
  const [moved] = await driver.movePointers([move], 'deploy', signal)
  if (moved?.status === 'rejected') throw moved.reason
}

async function broken(pods: Pods, slot: SlotId, problem: RolloutProblem): Promise<Error> {
  const { pod, container, what, exitCode, restarted } = problem
  const lines =
    exitCode === null
      ? ''
      : await pods.logs(pod, container, { lines: 15, previous: restarted }).catch(() => '')
  const ending = lines ? ` Its last lines:\n${lastLines(lines, 15)}` : ''
  return failed({
    code: 'slot-broken',
    message: `${slot.service} ${slot.color}: ${what}${ending}`,
    hint: `${untouched} Fix the cause and run \`shopctl deploy\` again.`,
  })
}

async function late(
  pods: Pods,
  { service, color }: SlotId,
  rollout: Rollout | null,
  timeoutMs: number,
): Promise<Error> {
  const unready = rollout?.pods.filter(({ ready }) => !ready) ?? []
  const running = unready.filter((pod) => !isWaiting(pod)).slice(0, 2)
  const answers = await Promise.all(
    running.map(
      async ({ name }) =>
        `${name}: ${await pods.readiness(service, name).catch(() => 'no answer')}`,
    ),
  )
  const reasons = rollout ? pendingReasons(rollout) : []
  return failed({
    code: 'slot-not-ready',
    message: [
      `${service} ${color} was not ready after ${timeoutMs / 1000} s.`,
      ...reasons,
      ...answers,
    ].join('\n'),
    hint: `${untouched} \`shopctl diagnose ${service}\` says more, then \`shopctl deploy\` tries again.`,
  })
}
