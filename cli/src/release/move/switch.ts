// switch: makes the deployed slots live, all in one move.
import type { Config } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import { type Locked, type LockPorts, type LockWait, withLock } from '../lock.ts'
import { observe } from '../observe.ts'
import type { Broker } from '../ports/cluster.ts'
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

export interface SwitchInput extends SwitchIntent, AlertIntent, LockWait {
  config: Config
  reason: string | null
  /** How long a new slot may take to take over. */
  timeoutMs: number
}

export async function switchSlots(ports: SwitchPorts, input: SwitchInput): Promise<Moved> {
  const names = input.services ?? Object.keys(input.config.services)
  const reason = input.reason ?? `switch of ${names.join(', ')}`
  return withLock(ports, reason, (locked) => switchStandby(locked, input), input)
}

/** The caller holds the lock. */
export async function switchStandby(
  ports: SwitchPorts & Locked,
  input: SwitchInput,
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
  const { reason, timeoutMs, config } = input
  const recycle = recycledServices(config)
  return move(ports, state, plan, { reason, timeoutMs, recycle, alerts: alertRecords(alerts) })
}
