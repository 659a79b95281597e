// Writes the Services of a move and puts them back.
import type { Observer } from '../ports/cluster.ts'
import type { Driver, PointerMove } from '../ports/driver.ts'
import { settleAll, valuesOf } from '../settle.ts'
import { type Move, type Side, sameTarget, type Target, targetOf } from '../slot.ts'
import type { EnvironmentState } from '../state.ts'

export interface PointerPorts {
  driver: Driver
  observer: Observer
}

/** Stores in `versions` the resourceVersion after each write, by service. */
export async function pointAll(
  { driver }: PointerPorts,
  state: EnvironmentState,
  moves: readonly Move[],
  release: string,
  versions: Map<string, string>,
): Promise<void> {
  const wanted = moves.map(({ name, to }): PointerMove => {
    const resourceVersion = state.services[name]?.stable?.resourceVersion ?? ''
    return { service: name, which: 'stable', to: asTarget(to), resourceVersion, release }
  })
  const results = await driver.movePointers(wanted)
  for (const [index, result] of results.entries())
    if (result.status === 'fulfilled') versions.set(moves[index]?.name ?? '', result.value)
  valuesOf(results)
}

export function asTarget(side: Side | null): Target | null {
  return side && targetOf(side)
}

export async function pointPreviews(
  { driver, observer }: PointerPorts,
  moves: readonly Move[],
): Promise<void> {
  const found = await settleAll(
    moves.map(async ({ name, to }): Promise<PointerMove[]> => {
      const pointer = await observer.pointer(name, 'preview')
      if (!pointer || !to) return []
      const { resourceVersion } = pointer
      const target = asTarget(to)
      return [{ service: name, which: 'preview', to: target, resourceVersion, release: null }]
    }),
  )
  valuesOf(await driver.movePointers(found.flat()))
}

export async function pointBack(
  { driver, observer }: PointerPorts,
  moves: readonly Move[],
  release: string,
  versions: ReadonlyMap<string, string>,
): Promise<void> {
  const written = await settleAll(
    moves.map(async ({ name, from, to }): Promise<PointerMove[]> => {
      const version = versions.get(name) ?? (await versionIfWritten(observer, name, asTarget(to)))
      if (!version) return []
      const target = asTarget(from)
      return [{ service: name, which: 'stable', to: target, resourceVersion: version, release }]
    }),
  )
  valuesOf(await driver.movePointers(written.flat()))
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
