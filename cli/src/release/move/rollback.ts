// rollback: makes earlier slots live again. With --to, deploys them again if they cannot be used.
import type { Config } from '../../config/schema.ts'
import { afterChange, refused, said } from '../../errors.ts'
import { type DeployInput, type DeployPorts, deployStandby } from '../deploy/deploy.ts'
import { type HeldImage, heldDigests } from '../hold/held.ts'
import { type Hooked, withHooks } from '../hooks.ts'
import { type Locked, type LockWait, withLock } from '../lock.ts'
import { observe } from '../observe.ts'
import type { Broker } from '../ports/cluster.ts'
import { currentRelease, openMove } from '../record.ts'
import { interruptedRefusal, isRefusal, type Refusal, refuse } from '../refusal.ts'
import { type Move, sideOf } from '../slot.ts'
import { type EnvironmentState, liveSlotOf } from '../state.ts'
import { type AgainPorts, withEarlier } from './again.ts'
import { findNoLogin, requireLogins } from './logins.ts'
import { type Moved, move } from './move.ts'
import { planRollback, type RollbackIntent, type RollbackPlan } from './plan-rollback.ts'
import { type Probing, withProbe } from './probing.ts'
import { recycledServices } from './recycle.ts'
import type { SwitchPorts } from './switch.ts'
import { checkBroker } from './topology.ts'

export interface RollbackInput extends RollbackIntent, LockWait {
  config: Config
  reason: string | null
  /** Does without git, where Argo CD carries out the release. */
  emergency?: boolean
  timeoutMs: number
  /** Refused unless this release is the last one: who goes back from it must not undo another. */
  only?: string
  /** false: without the probe. */
  probe: boolean
  /** How to deploy a slot again, which only `to` asks for. */
  deployInput?(): Promise<DeployInput>
}

/** How long it waits by itself for a command that holds the lock: longer than most deploys take. */
const ownWaitMs = 180_000

export type RollbackPorts = SwitchPorts & DeployPorts & AgainPorts

export interface RolledBack extends Moved {
  /** What it has put on hold. */
  held: HeldImage[]
}

export async function rollback(ports: RollbackPorts, input: RollbackInput): Promise<RolledBack> {
  return withHooks(ports, 'rollback', (hooked) => rollbackNow(hooked, input))
}

async function rollbackNow(
  ports: RollbackPorts & Hooked,
  input: RollbackInput,
): Promise<RolledBack> {
  const { reason } = input
  // A rollback does not depend on the broker: differences are only shown afterwards.
  const looking = ports.broker && brokerWarning(ports.broker)
  const change = (locked: RollbackPorts & Locked & Hooked): Promise<Moved> =>
    withProbe(locked, input, (probing) => goBack(locked, input, probing))
  const { lockWaitMs = null } = input
  const waits = { lockWaitMs, ownWaitMs }
  const moved = await withLock(ports, reason ?? 'rollback', change, waits)
  const warning = await looking
  if (warning) ports.progress.warn(warning)
  return { ...moved, held: await heldSince(ports, moved) }
}

/** The rollback is done, so a journal that cannot be read is no failure. */
async function heldSince({ journal }: RollbackPorts, { release }: Moved): Promise<HeldImage[]> {
  const found = await journal.read().catch(() => null)
  return found ? heldDigests(found).filter((each) => each.release === release) : []
}

async function goBack(
  ports: RollbackPorts & Locked & Hooked,
  input: RollbackInput,
  probing: Probing,
): Promise<Moved> {
  const { reason, timeoutMs, config, emergency = false } = input
  if (!emergency) ports.driver.prepare(ports.signal)
  const observed = await observe(ports)
  const overtaken = input.only === undefined ? null : overtakenBy(observed, input.only)
  if (overtaken) throw refused(overtaken)
  const plan = await planWithLogins(ports, observed, input)
  if (isRefusal(plan)) throw refused(plan)
  for (const line of plan.stays ?? []) ports.progress.warn(line)
  const again = () => deployAgain(ports, observed, plan, input)
  const { state, moves } = await (plan.again.length > 0 ? probing.paused(again) : again())
  // The bad version does not stay live for the sake of the figures: it waits for no requests before the move.
  const options = { reason, timeoutMs, emergency, recycle: recycledServices(config), probing }
  return move(ports, state, { kind: 'rollback', moves }, options)
}

export async function planWithLogins(
  ports: Pick<RollbackPorts, 'pods' | 'progress' | 'driver'>,
  state: EnvironmentState,
  intent: RollbackIntent,
): Promise<RollbackPlan | Refusal> {
  // A rollback to the slots before waits for nothing that it can do without.
  const unfinished = intent.to === null ? [] : await unfinishedOf(ports)
  const plan = planRollback(state, intent, {}, unfinished)
  if (isRefusal(plan)) return plan
  return planRollback(state, intent, await findNoLogin(ports, plan.moves), unfinished)
}

/** An earlier rollback may have been killed while it deployed. None are known where the driver cannot say it now. */
async function unfinishedOf({ driver }: Pick<RollbackPorts, 'driver'>): Promise<string[]> {
  const recorded = await driver.recorded().catch(() => ({}))
  return Object.entries(recorded).flatMap(([name, { finished }]) => (finished ? [] : [name]))
}

/** Returns all moves, and the state that they start from. */
async function deployAgain(
  ports: RollbackPorts & Hooked,
  before: EnvironmentState,
  { moves, again }: RollbackPlan,
  { deployInput, to }: RollbackInput,
): Promise<{ state: EnvironmentState; moves: Move[] }> {
  if (again.length === 0 || !deployInput) return { state: before, moves }
  const services = again.map(({ name }) => name)
  const deployed = await withEarlier(ports, before.journal, { to, again }, async (images) => {
    const uid = await ports.namespace.ensure()
    const input = { ...(await deployInput()), services, images }
    return deployStandby(ports, input, uid, `shopctl rollback --to ${to}`)
  })
  const isUnchanged = deployed.every(({ action }) => action !== 'upgrade')
  try {
    const state = await observe(ports)
    const more = services.flatMap((name): Move[] => {
      const live = liveSlotOf(state, name)
      const slot = deployedSlot(state, name)
      return slot && slot !== live ? [{ name, from: live && sideOf(live), to: sideOf(slot) }] : []
    })
    await requireLogins(ports, more)
    if (moves.length + more.length === 0) throw refused(sameImages(services))
    return { state, moves: [...moves, ...more] }
  } catch (error) {
    throw isUnchanged ? error : afterChange(error)
  }
}

/** Code of the refusal of a rollback that is for another release than the last one. */
export const notLastCode = 'not-live-any-more'

/** An interrupted move is no end: the release may be live in part, and a person has to choose. */
function overtakenBy(state: EnvironmentState, only: string): Refusal | null {
  const { journal } = state
  const open = openMove(journal)
  if (open) return open.release === only ? null : interruptedRefusal(state)
  const last = currentRelease(journal)
  return last === only
    ? null
    : refuse(
        notLastCode,
        `${only} is not the last release any more: ${last ?? 'none'} is.`,
        'Run `shopctl status` to see the live slots.',
      )
}

function sameImages(services: readonly string[]) {
  return refuse(
    'nothing-to-roll-back',
    `What would be deployed again is live already: ${services.join(', ')}.`,
    'Run `shopctl status` to see the live slots.',
  )
}

/** The preview Service selects what was deployed last. */
function deployedSlot({ services }: EnvironmentState, name: string) {
  const { preview, slots } = services[name] ?? {}
  const color = preview?.target?.color
  return (color && slots?.[color]) ?? null
}

async function brokerWarning(broker: Broker): Promise<string | null> {
  try {
    await checkBroker(broker)
    return null
  } catch (error) {
    return said(error)
  }
}
