// What a switch or a rollback would do now. Writes nothing, and takes no lock.
import type { Config } from '../../config/schema.ts'
import type { Check } from '../../errors.ts'
import { scalesAfter } from '../capacity.ts'
import { passed, refusalsOf, refusedBy, warned } from '../checks.ts'
import { checkHooks, type HookPorts, hookLines } from '../hooks.ts'
import { type LockPorts, lockRefusal } from '../lock.ts'
import { observe } from '../observe.ts'
import type { SlotScale } from '../ports/driver.ts'
import type { LockHolder } from '../ports/session.ts'
import { isRefusal } from '../refusal.ts'
import type { Move, Side } from '../slot.ts'
import { type EnvironmentState, slotAt } from '../state.ts'
import { findEarlier } from './again.ts'
import type { EventRow } from './event-matrix.ts'
import { readFacts } from './facts.ts'
import type { RollbackIntent, RollbackPlan } from './plan-rollback.ts'
import type { MovePlan } from './plan-switch.ts'
import { preflight } from './preflight.ts'
import { recycledServices } from './recycle.ts'
import { planWithLogins, type RollbackPorts } from './rollback.ts'
import type { SwitchInput, SwitchPorts } from './switch.ts'

export interface MovePreview {
  checks: Check[]
  /** Who reads whose events. Empty: no image says it, or nobody asks. */
  events: EventRow[]
  /** null: a check refuses it. */
  plan: PlannedMoves | null
}

export interface PlannedMoves {
  /** `pods`: how many each slot wants now. null: there is no such slot. */
  moves: (Move & { pods: { from: number | null; to: number | null } })[]
  /** What becomes of the numbers of pods afterwards. */
  scales: SlotScale[]
  /** The services whose old slot is restarted afterwards. */
  restarts: string[]
  /** What a rollback deploys again first. */
  again: { name: string; side: Side }[]
  /** What a rollback leaves as it is, and why. */
  stays: string[]
  /** The hooks that it would run, one line each. */
  hooks: string[]
}

export async function previewSwitch(ports: SwitchPorts, input: SwitchInput): Promise<MovePreview> {
  await checkHooks(ports)
  const [holder, facts] = await Promise.all([ports.lock.lockHolder(), readFacts(ports, input)])
  const held = holder && lockRefusal(holder)
  const { checks, events, plan } = preflight({ ...facts, held }, input)
  const hooks = hookLines(ports.hookSettings, 'switch')
  return { checks, events, plan: plan && plannedOf(facts.state, input.config, plan, hooks) }
}

/** A rollback needs a target and nothing else. */
export async function previewRollback(
  ports: Pick<RollbackPorts, 'driver' | 'observer' | 'journal' | 'pods' | 'pieces' | 'progress'> &
    Pick<LockPorts, 'lock'> &
    Pick<HookPorts, 'hookSettings'>,
  input: RollbackIntent & { config: Config },
): Promise<MovePreview> {
  const [holder, state] = await Promise.all([ports.lock.lockHolder(), observe(ports)])
  const plan = await planWithLogins(ports, state, input)
  const target = isRefusal(plan)
    ? refusedBy('target', plan)
    : passed('target', 'it is ready, or its image is deployed again')
  const checks = [lockCheck(holder), target]
  if (isRefusal(plan) || refusalsOf(checks).length > 0) return { checks, events: [], plan: null }
  await findEarlier(ports, state.journal, { to: input.to, again: plan.again })
  const hooks = hookLines(ports.hookSettings, 'rollback')
  return { checks, events: [], plan: plannedOf(state, input.config, plan, hooks) }
}

function lockCheck(holder: LockHolder | null): Check {
  if (!holder) return passed('lock', 'no other command holds it')
  const refusal = lockRefusal(holder)
  if (holder.byHand) return refusedBy('lock', refusal)
  return warned('lock', `${refusal.message} A rollback waits for it`)
}

function plannedOf(
  state: EnvironmentState,
  config: Config,
  { moves, again = [], stays = [] }: MovePlan & Partial<Pick<RollbackPlan, 'again'>>,
  hooks: string[],
): PlannedMoves {
  const recycled = recycledServices(config)
  return {
    moves: moves.map((move) => ({ ...move, pods: podsOf(state, move) })),
    scales: scalesAfter(state, moves),
    restarts: moves.flatMap(({ name, from }) => (from && recycled.includes(name) ? [name] : [])),
    again,
    stays,
    hooks: moves.length + again.length > 0 ? hooks : [],
  }
}

function podsOf({ services }: EnvironmentState, { name, from, to }: Move) {
  const service = services[name]
  const count = (side: Side | null) => (service && slotAt(service, side)?.replicas) ?? null
  return { from: count(from), to: count(to) }
}
