// switch: makes the deployed slots live, all in one move. Everything is checked before anything is written.
import { isDeepStrictEqual } from 'node:util'
import { type Check, refused, type ShopctlError } from '../../errors.ts'
import { refusalError } from '../checks.ts'
import { type Hooked, type HookPorts, withHooks } from '../hooks.ts'
import { heldOf, type Locked, type LockPorts, type LockWait, withLock } from '../lock.ts'
import type { Progress } from '../ports/session.ts'
import type { Operation } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import { alertRecords, criticalOf, heedAlerts } from './alerts.ts'
import { type FactInput, type FactPorts, type Facts, readFacts } from './facts.ts'
import { type Moved, type MovePorts, move } from './move.ts'
import type { MovePlan } from './plan-switch.ts'
import { type PreflightIntent, preflight } from './preflight.ts'
import { type Probing, type ProbingPorts, withProbe } from './probing.ts'
import { recycledServices } from './recycle.ts'

export interface SwitchPorts extends MovePorts, LockPorts, FactPorts, ProbingPorts, HookPorts {}

interface StandbyInput extends FactInput, PreflightIntent {
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
  /** false: without the probe. */
  probe: boolean
  /** What somebody has agreed to: nothing else is moved. */
  agreed?: MovePlan
}

export interface SwitchInput extends StandbyInput, LockWait {
  /** Called after the checks. It may take hours, so the lock is free. Throws if the switch is not to go on. */
  pause?: (plan: MovePlan, signal: AbortSignal) => Promise<void>
}

export async function switchSlots(ports: SwitchPorts, input: SwitchInput): Promise<Moved> {
  return withHooks(ports, 'switch', (hooked) => switchWithPause(hooked, input))
}

async function switchWithPause(ports: SwitchPorts & Hooked, input: SwitchInput): Promise<Moved> {
  const names = input.services ?? Object.keys(input.config.services)
  const reason = input.reason ?? `switch of ${names.join(', ')}`
  const wanted = input.pause ? { ...input, agreed: await agree(ports, input, input.pause) } : input
  try {
    return await withLock(ports, reason, (locked) => switchStandby(locked, wanted), input)
  } catch (error) {
    const held = heldOf(error)
    throw (held && (await refusalWith(ports, input, held))) ?? error
  }
}

async function agree(
  ports: SwitchPorts,
  input: StandbyInput,
  pause: NonNullable<SwitchInput['pause']>,
): Promise<MovePlan> {
  const { plan, checks } = await checked(ports, input)
  tell(ports.progress, checks)
  await pause(plan, ports.signal)
  return plan
}

/** What else is wrong while the lock is held. null: nobody knows. */
async function refusalWith(
  ports: SwitchPorts,
  input: SwitchInput,
  held: Refusal,
): Promise<ShopctlError | null> {
  const facts = await readFacts(ports, input).catch(() => null)
  return facts && refusalError(preflight({ ...facts, held }, input).checks)
}

/** The caller holds the lock. */
export async function switchStandby(
  ports: SwitchPorts & Locked & Hooked,
  input: StandbyInput,
): Promise<Moved> {
  return withProbe(ports, input, (probing) => checkAndMove(ports, input, probing))
}

async function checkAndMove(
  ports: SwitchPorts & Locked & Hooked,
  input: StandbyInput,
  probing: Probing,
): Promise<Moved> {
  const { agreed, hooks } = await askHook(ports, input, probing)
  ports.driver.prepare(ports.signal)
  const { facts, plan, checks } = await checked(ports, { ...input, ...(agreed && { agreed }) })
  tell(ports.progress, checks)
  const { state, freeze } = facts
  const heeded = heedAlerts(state, criticalOf(facts.alerts), input)
  const alerts = Array.isArray(heeded) ? alertRecords(heeded) : []
  const despite = { ...(alerts.length > 0 && { alerts }), ...(freeze && { freeze }) }
  await probing.before()
  const { reason, timeoutMs, config } = input
  const recycle = recycledServices(config)
  const asked = hooks && { hooks }
  return move(ports, state, plan, { reason, timeoutMs, recycle, despite, ...asked, probing })
}

/**
 * With the lock held: nobody else moves what the hook is asked about, and its time limit is also how long it can hold
 * others up. Pods and alerts do not wait for it, so all checks are made again afterwards.
 */
async function askHook(
  ports: SwitchPorts & Hooked,
  input: StandbyInput,
  probing: Probing,
): Promise<{ agreed?: MovePlan; hooks?: Operation['hooks'] }> {
  if (!ports.hooks.has('pre-switch')) return {}
  const { plan } = await checked(ports, input)
  const change = { reason: input.reason, services: plan.moves }
  if (plan.moves.length === 0) return {}
  const ask = () => ports.hooks.before('pre-switch', change, ports.signal)
  return { agreed: plan, ...(await probing.paused(ask)) }
}

function changedMeanwhile(): Error {
  return refused({
    code: 'changed-meanwhile',
    message:
      'Somebody has deployed or moved something meanwhile: the switch would move something else now.',
    hint: 'Run `shopctl status`, then the same command again.',
  })
}

/** Throws what refuses the switch. */
async function checked(
  ports: SwitchPorts,
  input: StandbyInput,
): Promise<{ facts: Facts; plan: MovePlan; checks: Check[] }> {
  const facts = { ...(await readFacts(ports, input)), held: null }
  const { checks, plan } = preflight(facts, input)
  if (!plan) throw refusalError(checks)
  if (input.agreed && !isDeepStrictEqual(plan, input.agreed)) throw changedMeanwhile()
  return { facts, plan, checks }
}

/** Only what did not pass is named. */
function tell(progress: Progress, checks: readonly Check[]): void {
  for (const { name, state, message, hint } of checks) {
    if (state === 'warning') progress.warn(hint ? `${message}. ${hint}` : message)
    // Prometheus has said so itself, or is not there.
    if (state === 'unknown' && name !== 'alerts')
      progress.warn(`${name} could not be checked: ${message}`)
  }
  const { length } = checks.filter(({ state }) => state === 'passed')
  progress.note(`${length} checks passed`)
}
