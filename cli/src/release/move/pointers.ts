// Writes the Services of a move and puts them back.
import type { Locked } from '../lock.ts'
import type { Observer } from '../ports/cluster.ts'
import type { Driver, Mover, PointerMove } from '../ports/driver.ts'
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
  const results = await driver.movePointers(wanted, mover, signal, onWrite)
  for (const [index, result] of results.entries())
    if (result.status === 'fulfilled') versions.set(moves[index]?.name ?? '', result.value)
  valuesOf(results)
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

/** A switch was interrupted before it moved anything. Git may say that it did. */
export async function confirmBack(
  { driver, signal }: PointerPorts,
  state: EnvironmentState,
  moves: readonly Move[],
  release: string,
): Promise<void> {
  const live = moves.flatMap(({ name, from }): PointerMove[] => {
    const stable = state.services[name]?.stable
    if (!stable) return []
    const { resourceVersion } = stable
    return [{ service: name, which: 'stable', to: asTarget(from), resourceVersion, release }]
  })
  await driver.confirm(live, signal)
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
