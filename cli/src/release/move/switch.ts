// switch: makes the deployed slots live, all in one move.
import type { Config } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import { type FreezeIntent, heedFreeze } from '../freeze.ts'
import { type Locked, type LockPorts, type LockWait, withLock } from '../lock.ts'
import { observe } from '../observe.ts'
import type { Broker } from '../ports/cluster.ts'
import type { FreezeRecord } from '../record.ts'
import { isRefusal } from '../refusal.ts'
import {
  type AlertIntent,
  type AlertPorts,
  alertRecords,
  alertText,
  checkCoverage,
  criticalAlerts,
  heedAlerts,
} from './alerts.ts'
import { requireLogins } from './logins.ts'
import { type Moved, type MovePorts, move } from './move.ts'
import { planSwitch, type SwitchIntent } from './plan-switch.ts'
import { recycledServices } from './recycle.ts'
import { checkBroker } from './topology.ts'

export interface SwitchPorts extends MovePorts, LockPorts, AlertPorts {
  /** null: the environment names none. */
  broker: Broker | null
}

interface StandbyInput extends SwitchIntent, AlertIntent {
  config: Config
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
  /** The freeze that it goes on in spite of. null: there is none. */
  freeze: FreezeRecord | null
}

export interface SwitchInput extends Omit<StandbyInput, 'freeze'>, FreezeIntent, LockWait {}

export async function switchSlots(ports: SwitchPorts, input: SwitchInput): Promise<Moved> {
  const names = input.services ?? Object.keys(input.config.services)
  const reason = input.reason ?? `switch of ${names.join(', ')}`
  const change = async (locked: SwitchPorts & Locked) =>
    switchStandby(locked, { ...input, freeze: heedFreeze(locked, input) })
  return withLock(ports, reason, change, input)
}

/** The caller holds the lock. */
export async function switchStandby(
  ports: SwitchPorts & Locked,
  input: StandbyInput,
): Promise<Moved> {
  const { broker, driver, signal } = ports
  driver.prepare(signal)
  const [state, critical] = await Promise.all([
    observe(ports),
    criticalAlerts(ports),
    broker && checkBroker(broker),
  ])
  const plan = planSwitch(state, input)
  if (isRefusal(plan)) throw refused(plan)
  await checkCoverage(ports, state)
  const alerts = heedAlerts(state, critical, input)
  for (const alert of alerts) ports.progress.warn(`${alertText(alert)} fires`)
  await requireLogins(ports, plan.moves)
  const { reason, timeoutMs, config, freeze } = input
  const recycle = recycledServices(config)
  const despite = {
    ...(alerts.length > 0 && { alerts: alertRecords(alerts) }),
    ...(freeze && { freeze }),
  }
  return move(ports, state, plan, { reason, timeoutMs, recycle, despite })
}
