// What deploy does about the standby slot of a service that is live already in the wanted version: a deploy that failed
// or was killed has left something there that was never live. What was live there before is put back, or it is deleted.
import { said } from '../../errors.ts'
import type { Driver, Recorded } from '../ports/driver.ts'
import { settleAll, valuesOf } from '../settle.ts'
import {
  isReady,
  otherColor,
  type Side,
  type Slot,
  slotName,
  type Target,
  targetOf,
} from '../slot.ts'
import { lastLiveIn, wasLive } from '../standby.ts'
import type { EnvironmentState } from '../state.ts'
import { type AwaitOptions, type AwaitPorts, awaitSlot } from './await-ready.ts'
import type { DeployStep } from './plan.ts'

export interface Tidy {
  service: string
  target: Target
  /** What stands there. null: only the rest of a Helm release. */
  slot: Slot | null
  /** What was live there last. null: nothing. */
  before: Side | null
  /** What is put back gets at least so many pods. */
  atLeast: number
  /** `replicas` of the values. */
  declared: number | null
}

export function planTidy(
  state: EnvironmentState,
  recorded: Readonly<Record<string, Recorded>>,
  steps: readonly Pick<DeployStep, 'service' | 'action' | 'color' | 'wanted' | 'atLeast'>[],
): Tidy[] {
  return steps.flatMap(({ service, action, color: live, wanted, atLeast }) => {
    if (action !== 'live') return []
    const color = otherColor(live)
    const slot = state.services[service]?.slots[color] ?? null
    const isUnfinished = recorded[slotName(service, color)]?.finished === false
    // A slot that was live is the way back. It may be unready because of something that is away for both slots.
    if (slot && wasLive(state.journal, service, slot)) return []
    if (slot ? isReady(slot) && !isUnfinished : !isUnfinished) return []
    const before = slot && lastLiveIn(state.journal, service, color)
    const target = { color, revision: slot?.revision ?? '' }
    return [{ service, target, slot, before, atLeast, declared: wanted.replicas }]
  })
}

/** `order green 6c9086eb was never live: order green 1f2e3d4c is put back` */
export function tidyText({ service, target: { color }, slot, before }: Tidy): string {
  const name = `${service} ${color}`
  const found = slot
    ? `${name} ${slot.version} was never live`
    : `${name} was not deleted completely`
  return before
    ? `${found}: ${before.version}, which was live there before, is put back if Helm still has it`
    : `${found}: it is deleted`
}

type TidyPorts = AwaitPorts & { driver: Driver }

/** Returns the services whose slot was deleted. */
export async function tidy(
  ports: TidyPorts,
  tidies: readonly Tidy[],
  options: AwaitOptions,
): Promise<string[]> {
  const { driver, progress, signal } = ports
  const removed = await settleAll(
    tidies.map(async (each) => {
      if (await putBack(ports, each, options)) return []
      const { service, target } = each
      await progress.step(`remove ${service} ${target.color}`, async () =>
        valuesOf(await driver.removeSlots([{ service, slot: target }], signal)),
      )
      return [service]
    }),
  )
  return removed.flat()
}

/** Returns whether Helm still had it. */
async function putBack(
  ports: TidyPorts,
  { service, before, atLeast, declared }: Tidy,
  options: AwaitOptions,
): Promise<boolean> {
  const { driver, progress, signal } = ports
  if (!before) return false
  const name = `${service} ${before.color} ${before.version}`
  return progress.step(`put back ${name}`, async (say) => {
    const write = { service, slot: before, atLeast, declared }
    const [done = false] = valuesOf(await driver.putBack([write], signal))
    if (!done) say('Helm does not have it any more')
    else
      await awaitSlot(ports, { service, ...targetOf(before) }, options).catch((error) => {
        if (signal.aborted) throw error
        progress.warn(
          `${name} was put back, but is not ready: \`shopctl rollback\` cannot go back to it. Run \`shopctl status\` to see why.\n${said(error)}`,
        )
      })
    return done
  })
}
