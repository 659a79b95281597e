// What a command leaves that is killed, and what must hold whatever happens.
import { keptOf } from '../../src/release/kept.ts'
import { isReady, type Slot, slotName, type Target } from '../../src/release/slot.ts'
import { slotAt } from '../../src/release/state.ts'
import type { Shop } from './shop.ts'
import type { World } from './world.ts'

/** What a helm that is killed leaves of a slot or a release. */
export const halves = [
  'driver.writeSlots',
  'driver.install',
  'driver.putBack',
  'driver.removeSlots',
]

export function half({ world }: Shop, title: string, what: unknown): void {
  if (!halves.includes(title)) return
  const { name, service, slot } = what as { name?: string; service?: string; slot?: Target }
  const release = name ?? (service && slot ? slotName(service, slot.color) : '')
  const { releases } = world.driver
  releases[release] = { marks: {}, ...releases[release], finished: false }
}

/** A killed process is gone: its lock is free, and pods become ready without it. */
export function comeToRest({ world }: Shop): void {
  world.lock.holder = null
  for (const { slots } of Object.values(world.state.services))
    for (const slot of Object.values(slots)) if (slot) slot.ready = slot.replicas
}

/** What must hold at any time. */
export async function brokenNow({ world }: Shop): Promise<string[]> {
  const found: string[] = []
  for (const [name, service] of Object.entries(world.state.services)) {
    const target = service.stable?.target ?? null
    if (!target) continue
    const slot = slotAt(service, target)
    const release = slotName(name, target.color)
    if (!slot || !isReady(slot)) found.push(`${name} serves from no complete slot`)
    const text = JSON.stringify(world.driver.standing[release] ?? [])
    for (const [, copy = ''] of text.matchAll(/"secretKeyRef":\{"name":"([^"]+)"/g))
      if (!world.contents.copies[copy]) found.push(`${release} lacks ${copy}`)
    found.push(...lackingPieces(world, name, slot))
    for (const pod of await world.pods.list(name, target)) {
      const { role, gate } = (await world.pods.report(name, pod)) ?? {}
      if (role !== 'live' || gate?.revision !== target.revision) found.push(`${pod} does not serve`)
    }
  }
  return found
}

/** What serves can be deployed again once it is gone. */
function lackingPieces({ state, pieces }: World, name: string, slot: Slot | null): string[] {
  const [kept] = slot ? keptOf(state.journal, name, slot) : []
  const lacks = !kept || [kept.chart, kept.settings].some((hash) => !pieces.kept.has(hash))
  return lacks ? [`what ${name} was deployed with is not kept`] : []
}

/** What must hold once nothing is interrupted any more. */
export function brokenRecords({ world }: Shop): string[] {
  const { open, closed, counter, damaged } = world.state.journal
  const numbers = closed.map(({ number }) => number)
  const isInOrder = numbers.every(
    (number, index) => index === 0 || number > (numbers[index - 1] ?? 0),
  )
  return [
    ...(open ? [`${open.verb} ${open.number} is open`] : []),
    ...closed.flatMap(({ number, outcome }) => (outcome ? [] : [`${number} has no outcome`])),
    ...(isInOrder && counter.operation === numbers.at(-1) ? [] : [`numbers: ${numbers}`]),
    ...damaged,
  ]
}
