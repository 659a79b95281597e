// What an interrupted operation has left, in plain words: what happened, what serves now, and what to do. Pure.
import { againOf } from '../release/move/plan-resume.ts'
import { idOf, isMove, type MoveOperation, type Operation } from '../release/record.ts'
import { waysOut } from '../release/refusal.ts'
import { sameTarget } from '../release/slot.ts'
import { type EnvironmentState, liveSlot } from '../release/state.ts'

export interface Interruption {
  /** The command that goes on. */
  next: string
  /** What to do, one sentence. */
  hint: string
  /** All three, as sentences. */
  says: string[]
}

/** `open` is not under way any more. The commands are for the environment `env`. */
export function interruption(state: EnvironmentState, open: Operation, env: string): Interruption {
  const { verb, by, startedAt, services } = open
  const command = (words: string): string => commandFor(env, words)
  const names = services.map(({ name }) => name).join(', ')
  const whose = names === '' ? '' : ` of ${names}`
  const what = `The ${verb} ${idOf(open)}${whose} began at ${startedAt}, by ${by}, and did not end.`
  if (!isMove(open)) {
    const next = command(againOf(open))
    const hint = `Run \`${next}\` again.`
    return {
      next,
      hint,
      says: [what, 'It has moved no Service: what was live before is live.', hint],
    }
  }
  const hint = waysOut(open, (words) => `\`shopctl ${command(words)}\``)
  const only = 'Until then, nothing else may change this environment.'
  return {
    next: command('shopctl resume'),
    hint,
    says: [what, nowText(state, open), `${hint} ${only}`],
  }
}

export function commandFor(env: string, words: string): string {
  return words + (env === 'local' ? '' : ` --env ${env}`)
}

/** `Live now: order green bbbbbbbb (moved), payment blue 1a2b3c4d (not moved).` */
function nowText({ services }: EnvironmentState, operation: MoveOperation): string {
  const all = operation.services.map(({ name, to }) => {
    const service = services[name]
    if (!service) return `${name} is not in shopctl.yaml`
    const slot = liveSlot(service)
    const isMoved = sameTarget(service.stable?.target, to)
    const live = slot ? `${slot.color} ${slot.version}` : 'nothing'
    return `${name} ${live} (${isMoved ? 'moved' : 'not moved'})`
  })
  return `Live now: ${all.join(', ')}.`
}
