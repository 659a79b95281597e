// The refusal of a plan: what is wrong, and what to do about it.
import { type MoveOperation, openMove } from './record.ts'
import { type Color, type Slot, slotName } from './slot.ts'
import type { EnvironmentState } from './state.ts'

export interface Refusal {
  kind: 'refusal'
  code: string
  /** What is wrong, one line. */
  message: string
  /** What to do about it, one line. */
  hint: string
}

export function refuse(code: string, message: string, hint: string): Refusal {
  return { kind: 'refusal', code, message, hint }
}

export function isRefusal<T extends object>(plan: T | Refusal): plan is Refusal {
  return 'kind' in plan && plan.kind === 'refusal'
}

/** Code of the refusal of what cannot be done beside an interrupted switch or rollback. */
export const interruptedCode = 'interrupted-operation'

export function interruptedRefusal({ journal }: EnvironmentState): Refusal | null {
  const move = openMove(journal)
  return (
    move &&
    refuse(
      interruptedCode,
      `The ${move.verb} ${move.release} of ${move.by} (${move.startedAt}) was interrupted.`,
      waysOut(move),
    )
  )
}

/** What to do about an interrupted switch or rollback, one line. `shopctl`: makes the command of its words. */
export function waysOut(
  { verb }: Pick<MoveOperation, 'verb'>,
  shopctl = (words: string): string => `\`shopctl ${words}\``,
): string {
  return verb === 'switch'
    ? `${shopctl('resume')} finishes it, ${shopctl('rollback')} undoes it.`
    : `${shopctl('resume')} finishes it, and so does ${shopctl('rollback')}.`
}

/** `problem` is what a pod of the slot reports. */
export function noLogin(name: string, color: Color, problem: string, hint: string): Refusal {
  return refuse(
    'no-login',
    `${name} ${color} cannot log in: ${problem}. Only open connections still work.`,
    hint,
  )
}

export function notReady(name: string, slot: Slot): Refusal {
  if (slot.replicas === 0) {
    return refuse(
      'slot-not-ready',
      `${name} ${slot.color} was scaled to zero pods.`,
      `Run \`kubectl scale deployment/${slotName(name, slot.color)} --replicas=…\` in its namespace, then run the command again.`,
    )
  }
  return refuse(
    'slot-not-ready',
    `${name} ${slot.color} is not ready: ${slot.ready} of ${slot.replicas} pods.`,
    `Wait for it, or run \`shopctl diagnose ${name}\`: it says why the pods are not ready.`,
  )
}
