// Moves of the Services in a scene, and what gets in their way.
import { changesOf } from '../../../src/drivers/gitops/changes.ts'
import { failed, refused } from '../../../src/errors.ts'
import type { Mover } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import { servicePath } from '../../fakes/argocd-objects.ts'
import { type Around, createScene, green, held, names, outcomes, type Scene } from './scene.ts'
import { treeOf } from './tree.ts'

/** What git or the cluster says, both Services of each service alike. */
export const are = (stable: string, preview = stable) =>
  names.flatMap((name) => [`${name} stable ${stable}`, `${name} preview ${preview}`])

/** Green was deployed, or is live since r-2. */
export async function sceneOf(live: 'blue' | 'green'): Promise<Scene> {
  const scene = createScene()
  if (live === 'blue') return scene
  await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'switch', held)
  scene.argo.settle()
  scene.seen.splice(0, scene.seen.length - 1)
  return scene
}

/** Somebody changes a Service in the cluster. Argo CD heals it. */
export function drift({ api }: Scene, service: string): void {
  const path = servicePath('shop', service)
  const found = api.objects.get(path)
  api.put(path, { ...found, spec: { ...(found?.spec as object), ports: [] } })
}

/** Moves all Services. */
export async function move(
  scene: Scene,
  to: Target | null,
  mover: Mover,
  around?: Around,
  signal = held,
) {
  const moves = await scene.moves(to, 'r-9')
  return outcomes(await scene.driver(around).movePointers(moves, mover, signal))
}

/** Files in which somebody has moved Services. */
export function withMoves(
  { repo }: Scene,
  to: Target | null,
  release: string | null,
  services: readonly string[] = names,
): Record<string, string> {
  const moves = services.map((service) => ({ service, which: 'stable' as const, to, release }))
  const { write } = changesOf(treeOf(repo.head().files), { moves })
  return Object.fromEntries([...write].map(([path, text]) => [path, String(text)]))
}

/** A port of which one call fails. */
export const failing =
  (call: string, error: Error): Around =>
  (name, run) => {
    if (name === call) throw error
    return run()
  }
export const denied = failing('objects.point', refused({ code: 'not-allowed', message: 'no' }))
export const broken = failing(
  'objects.point',
  failed({ code: 'cluster-unreachable', message: 'no' }),
)
