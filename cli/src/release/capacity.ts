// How many pods the slots of a service need: a slot that goes live has at least as many as serve now. Pure.
import type { SlotScale } from './ports/driver.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Move, NamedSlot, Slot } from './slot.ts'
import { type EnvironmentState, liveSlotOf, slotAt } from './state.ts'

/** Whether the values now say another number than when the slot was deployed. */
export function isChanged({ declared }: Slot, wanted: number | null): boolean {
  return wanted !== null && declared !== null && wanted !== declared
}

/** The pods of the live slot once `replicas` of the values is applied. null: the values do not set it. */
export function liveReplicas(live: Slot, wanted: number | null): number {
  const { replicas, declared, autoscaler } = live
  if (wanted === null || !isChanged(live, wanted)) return replicas
  // A slot that was scaled since, by a person or its autoscaler, needs these pods.
  const isScaled = autoscaler !== null || replicas !== declared
  return isScaled ? Math.max(replicas, wanted) : wanted
}

/** How the live slot follows a changed `replicas` of the values. null: it is unchanged. */
export function scaleLive(service: string, live: Slot, wanted: number | null): SlotScale | null {
  const { color, replicas, declared, autoscaler } = live
  if (!isChanged(live, wanted)) return null
  const next = liveReplicas(live, wanted)
  const follows = autoscaler !== null && autoscaler.declaredMin === declared
  return {
    service,
    color,
    declared: wanted,
    replicas: next === replicas ? null : next,
    min: follows ? wanted : null,
  }
}

/** Refuses a slot with fewer pods than the live one. */
export function checkCapacity(
  state: EnvironmentState,
  slots: readonly NamedSlot[],
): Refusal | null {
  for (const { name, slot } of slots) {
    const live = liveSlotOf(state, name)
    if (!live || slot.replicas >= live.replicas) continue
    return refuse(
      'too-few-pods',
      `${name} ${slot.color} has ${slot.replicas} pods, but ${live.color}, which is live, has ${live.replicas}.`,
      `Run \`shopctl deploy --service ${name}\`: it gives ${slot.color} as many. Then run this command again.`,
    )
  }
  return null
}

/** The scales that let these slots have as many pods as the live ones. */
export function raises(state: EnvironmentState, slots: readonly NamedSlot[]): SlotScale[] {
  return slots.flatMap(({ name, slot: { color, replicas } }) => {
    const wanted = liveSlotOf(state, name)?.replicas ?? 0
    if (replicas >= wanted) return []
    return [{ service: name, color, replicas: wanted, min: wanted, declared: null }]
  })
}

/**
 * The scales after a move. The old slot keeps its pods, so that it can go live again: without traffic, its autoscaler
 * would remove them. The autoscaler of the new slot gets back the least of its chart. After a rollback, the new slot
 * may have fewer pods than the old one had.
 */
export function scalesAfter(state: EnvironmentState, moves: readonly Move[]): SlotScale[] {
  return moves.flatMap((move) => {
    const service = move.name
    const { old, live } = slotsOf(state, move)
    const scales: SlotScale[] = []
    if (old?.autoscaler && old.autoscaler.min < old.replicas) {
      const { color, replicas: min } = old
      scales.push({ service, color, min, replicas: null, declared: null })
    }
    if (live) {
      const { color, autoscaler } = live
      const replicas = old && old.replicas > live.replicas ? old.replicas : null
      const least = autoscaler?.declaredMin ?? null
      const min = least !== null && autoscaler && autoscaler.min > least ? least : null
      if (replicas !== null || min !== null)
        scales.push({ service, color, replicas, min, declared: null })
    }
    return scales
  })
}

/** The pods of a slot that gets more after the move. null: it gets no more. */
export function podsBeforeRaise(state: EnvironmentState, move: Move): number | null {
  const { old, live } = slotsOf(state, move)
  return old && live && old.replicas > live.replicas ? live.replicas : null
}

function slotsOf({ services }: EnvironmentState, { name, from, to }: Move) {
  const service = services[name]
  return { old: service ? slotAt(service, from) : null, live: service ? slotAt(service, to) : null }
}
