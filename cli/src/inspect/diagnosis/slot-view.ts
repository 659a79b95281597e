// A slot as its findings see it. Pure.
import { type Color, isReady, type Slot } from '../../release/slot.ts'
import { wayBackOf } from '../../release/standby.ts'
import { liveColor } from '../../release/state.ts'
import type { Facts, SlotFacts } from './facts.ts'
import { shopctl } from './words.ts'

export interface SlotView extends SlotFacts {
  facts: Facts
  service: string
  color: Color
  slot: Slot
  isLive: boolean
  isReady: boolean
  /** `order green` */
  name: string
}

export function viewOf(facts: Facts, service: string, slot: Slot, found: SlotFacts): SlotView {
  const now = facts.state.services[service]
  const isLive = now !== undefined && liveColor(now) === slot.color
  const { color } = slot
  const name = `${service} ${color}`
  return { ...found, facts, service, color, slot, isLive, isReady: isReady(slot), name }
}

/** Deploys the service again, to the standby. */
export function deployAgain({ facts, service }: Pick<SlotView, 'facts' | 'service'>): string {
  return shopctl(facts, `deploy --service ${service}`)
}

/** The lines of this slot. */
export function logsOf({ facts, service, color }: SlotView, more = ''): string {
  return shopctl(facts, `logs ${service} --color ${color}${more}`)
}

/** What is live and does not serve comes back with a rollback first. '': it cannot, or need not. */
export function goBack({ facts, service, isLive, isReady: ready }: SlotView): string {
  const way = isLive && !ready ? wayBackOf(facts.state, service) : null
  const slot = way && facts.state.services[service]?.slots[way.side.color]
  if (!way || !slot || !isReady(slot)) return ''
  const back = shopctl(facts, `rollback --service ${service}`)
  return `${back} makes ${way.side.color} ${way.side.version} live again. `
}
