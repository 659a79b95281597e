// Writes the Services of a move and puts them back.
import type { Locked } from '../lock.ts'
import type { Observer } from '../ports/cluster.ts'
import type { Driver, Mover, PointerMove } from '../ports/driver.ts'
import { openMove } from '../record.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { type Move, type Side, sameTarget, type Target, targetOf } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'

export interface PointerPorts {
  driver: Driver
  observer: Observer
  signal: AbortSignal
}

/** What is moved, and by what. */
interface Pointing {
  mover: Mover
  moves: readonly Move[]
}

/** Stores in `versions` the resourceVersion after each write, by service. */
export async function pointAll(
  { driver, signal }: PointerPorts,
  state: EnvironmentState,
  { mover, moves }: Pointing,
  release: string,
  { versions, onWrite }: { versions: Map<string, string>; onWrite(): void },
): Promise<void> {
  const wanted = moves.map(({ name, from, to }): PointerMove => {
    const resourceVersion = state.services[name]?.stable?.resourceVersion ?? ''
    const [before, after] = [asTarget(from), asTarget(to)]
    return { service: name, which: 'stable', from: before, to: after, resourceVersion, release }
  })
  const stays = mover === 'switch' ? [] : stayingBack(state, moves, release)
  const results = await driver.movePointers([...wanted, ...stays], mover, signal, onWrite)
  for (const [index, { name }] of moves.entries()) {
    const result = results[index]
    if (result?.status === 'fulfilled') versions.set(name, result.value)
  }
  valuesOf(results)
}

/**
 * The other Services of the interrupted switch that a rollback undoes. They are where they were, and are written all the
 * same: a write of the switch may still be under way, on a laptop that sleeps, and is a conflict then.
 */
function stayingBack(
  state: EnvironmentState,
  moves: readonly Move[],
  release: string,
): PointerMove[] {
  const open = openMove(state.journal)
  const others = open?.services.filter(({ name }) => !moves.some((each) => each.name === name))
  return open?.verb === 'switch' ? confirming(state, others ?? [], release) : []
}

/** Writes of what a Service selects already. */
function confirming(
  state: EnvironmentState,
  moves: readonly Move[],
  release: string,
): PointerMove[] {
  return moves.flatMap(({ name, from }): PointerMove[] => {
    const stable = state.services[name]?.stable
    const to = asTarget(from)
    // One whose slot is gone stays where it is.
    if (!stable || !sameTarget(stable.target, to)) return []
    const { resourceVersion } = stable
    return [{ service: name, which: 'stable', from: to, to, resourceVersion, release }]
  })
}

export function asTarget(side: Side | null): Target | null {
  return side && targetOf(side)
}

export async function pointPreviews(
  { driver, observer, signal }: PointerPorts,
  { mover, moves }: Pointing,
): Promise<void> {
  const found = await settleAll(
    moves.map(async ({ name, to }): Promise<PointerMove[]> => {
      const pointer = await observer.pointer(name, 'preview')
      const target = asTarget(to)
      if (!pointer || !target || sameTarget(pointer.target, target)) return []
      const { resourceVersion } = pointer
      return [{ service: name, which: 'preview', to: target, resourceVersion, release: null }]
    }),
  )
  valuesOf(await driver.movePointers(found.flat(), mover, signal))
}

export async function pointBack(
  { driver, observer, lost }: PointerPorts & Locked,
  moves: readonly Move[],
  release: string,
  versions: ReadonlyMap<string, string>,
): Promise<void> {
  const written = await settleAll(
    moves.map(async ({ name, from, to }): Promise<PointerMove[]> => {
      const version = versions.get(name) ?? (await versionIfWritten(observer, name, asTarget(to)))
      if (!version) return []
      const [before, after] = [asTarget(to), asTarget(from)]
      const move = { service: name, which: 'stable', from: before, to: after, release } as const
      return [{ ...move, resourceVersion: version }]
    }),
  )
  valuesOf(await driver.movePointers(written.flat(), 'undo', lost))
}

/**
 * A switch was interrupted before it moved anything. Git may say that it did. A write of it that is still under way is a
 * conflict afterwards.
 */
export async function confirmBack(
  { driver, signal }: PointerPorts,
  state: EnvironmentState,
  moves: readonly Move[],
  release: string,
): Promise<void> {
  await driver.confirm(confirming(state, moves, release), signal)
}

/** A write without an answer may have been carried out. */
async function versionIfWritten(
  observer: Observer,
  name: string,
  to: Target | null,
): Promise<string | null> {
  const pointer = await observer.pointer(name, 'stable')
  return pointer && sameTarget(pointer.target, to) ? pointer.resourceVersion : null
}
