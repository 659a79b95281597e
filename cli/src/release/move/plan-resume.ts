// Plans how an interrupted switch or rollback is finished; pure.
import { idOf, type Operation } from '../record.ts'
import { noLogin, notReady, type Refusal, refuse } from '../refusal.ts'
import { isReady, type Move, sameTarget, slotName } from '../slot.ts'
import { type EnvironmentState, liveSlot, type ServiceState, slotAt } from '../state.ts'
import type { NoLogin } from './logins.ts'
import { planRollback } from './plan-rollback.ts'
import type { MovePlan } from './plan-switch.ts'

/** A switch is planned as a whole again: also its Services that were moved are written, so that a late write conflicts. */
export function planResume(state: EnvironmentState, problems: NoLogin = {}): MovePlan | Refusal {
  const { open } = state.journal
  if (!open)
    return refuse(
      'nothing-to-resume',
      'No operation was interrupted.',
      'Run `shopctl status` to see the live slots.',
    )
  if (open.verb === 'rollback') return planRollback(state, { services: null, to: null }, problems)
  if (open.verb !== 'switch') return runAgain(open)
  const moves: Move[] = []
  for (const move of open.services) {
    const service = state.services[move.name]
    if (!service) continue
    const refusal = checkStep(service, move, problems)
    if (refusal) return refusal
    const { name, from, to } = move
    moves.push({ name, from, to })
  }
  return { kind: 'switch', moves }
}

/** A deploy depends on the work tree, and a smoke test is of no use by halves: their commands begin anew. */
function runAgain(open: Operation): Refusal {
  const { verb, by, startedAt } = open
  return refuse(
    'nothing-to-resume',
    `The ${verb} ${idOf(open)} of ${by} (${startedAt}) was interrupted, and moved no Service.`,
    `Run \`${againOf(open)}\` again.`,
  )
}

/** The command that does the work of an interrupted operation which is no switch or rollback. */
export function againOf({ verb, services }: Operation): string {
  if (verb === 'lock' || verb === 'unlock') return `shopctl ${verb} --reason "…"`
  if (verb === 'hold-release') return 'shopctl hold release DIGEST --reason "…"'
  const names = services.map(({ name }) => name)
  return names.length > 0 ? `shopctl ${verb} --service ${names}` : `shopctl ${verb}`
}

/** null: the switch can move this service, or has. */
function checkStep(service: ServiceState, { name, from, to }: Move, problems: NoLogin) {
  const target = service.stable?.target
  if (!sameTarget(target, from) && !sameTarget(target, to)) {
    const live = liveSlot(service)
    const now = live ? `${live.color} ${live.version}` : 'no slot'
    return undoing(
      'moved-meanwhile',
      `Somebody has moved ${name} since: ${now} is live, which is neither what the switch found nor its new slot.`,
    )
  }
  if (!to) return null
  const slot = slotAt(service, to)
  if (slot?.digest !== to.digest)
    return undoing(
      'slot-gone',
      `${name} ${to.color} with ${to.version} no longer exists, or somebody has changed it.`,
    )
  const problem = problems[slotName(name, to.color)]
  if (problem !== undefined) return noLogin(name, to.color, problem, undo)
  return isReady(slot) ? null : { ...notReady(name, slot), hint: `${wait} ${undo}` }
}

const undo = 'Run `shopctl rollback`: it undoes the switch.'
const wait = 'Wait until it is ready, and run `shopctl resume` again. Otherwise:'

function undoing(code: string, message: string): Refusal {
  return refuse(code, message, undo)
}
