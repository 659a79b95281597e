// The gitops driver. What a command writes is one commit in the config repo, and Argo CD carries it out.
import { type Application, hasFailed } from '../../adapters/kubernetes/applications.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { advised, isInterrupted, ShopctlError } from '../../errors.ts'
import type { Driver, Mover, Recorded } from '../../release/ports/driver.ts'
import { colors, slotName } from '../../release/slot.ts'
import { endEmergency, moveWithoutGit } from './emergency.ts'
import { type Expected, problemOf } from './expected.ts'
import { servicesFolder, slotFolder } from './layout.ts'
import { servicesApplication, slotApplication } from './manifests.ts'
import { type MovePorts, move } from './move.ts'
import type { ConfigState } from './read.ts'
import { scalingAsAllowed } from './rights.ts'
import { putBack, removeSlots, type SlotPorts, writeSlots } from './slots.ts'

export interface GitopsDriverDeps extends Omit<SlotPorts, 'objects'>, Omit<MovePorts, 'objects'> {
  objects: SlotObjects
  services: readonly string[]
  branch: string
  /** Installs what belongs to no service. */
  helm: Pick<Driver, 'recorded' | 'install'>
}

export function createGitopsDriver(given: GitopsDriverDeps): Driver {
  const deps = { ...given, scaling: scalingAsAllowed(given.scaling, given.progress) }
  const { applications, branch, commits, env, helm, objects, scaling, services } = deps
  const slots = services.flatMap((service) =>
    colors.map((color) => ({
      name: slotApplication(env, slotName(service, color)),
      path: slotFolder(env, service, color),
    })),
  )
  const shared = { name: servicesApplication(env), path: servicesFolder(env) }
  const checked = async (expected: readonly Expected[]): Promise<Application[]> => {
    const found = await applications.list()
    const problem = problemOf(found, expected, branch)
    if (problem) throw problem
    return found
  }
  let settling: Promise<void> = Promise.resolve()
  let queue: Promise<unknown> = Promise.resolve()
  return {
    async recorded() {
      const [found, { state }, others] = await Promise.all([
        checked([shared, ...slots]),
        commits.read(),
        helm.recorded(),
      ])
      return { ...others, ...recordedOf(env, state, found) }
    },
    writeSlots: (writes, signal) => writeSlots(deps, writes, signal),
    scaleSlots: (scales) => Promise.allSettled(scales.map((scale) => scaling.scale(scale))),
    async movePointers(moves, mover, onWrite) {
      if (moves.length === 0) return []
      // Moves of one command go on top of each other, in one file.
      const before = queue
      const moving = withoutGitInNeed(mover, async () => {
        await before
        if (mover === 'emergency') {
          onWrite?.()
          return moveWithoutGit(deps, moves)
        }
        await endEmergency(deps)
        // Somebody may have paused the syncs because of the very release that is rolled back.
        if (mover !== 'rollback' && mover !== 'undo') await checked([shared])
        const { versions, synced } = await move(deps, moves, { mover, onWrite })
        settling = synced
        if (mover !== 'switch' && mover !== 'rollback') await synced
        return versions
      })
      queue = moving.catch(() => {})
      return Promise.allSettled(moves.map(async (_, index) => (await moving)[index] ?? ''))
    },
    async confirm(moves) {
      await endEmergency(deps)
      if (moves.length === 0) return
      await (await move(deps, moves, { mover: 'undo', onWrite: undefined })).synced
    },
    settle: () => settling,
    removeSlots: (removals, signal) => removeSlots(deps, removals, signal),
    putBack: (backs, signal) => putBack(deps, backs, signal),
    restartSlot: (service, color) => objects.restart(service, color),
    install: (chart, signal) => helm.install(chart, signal),
  }
}

/** A rollback that fails on git or Argo CD names the way without them. */
async function withoutGitInNeed<T>(mover: Mover, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const isKnown = error instanceof ShopctlError && error.code !== 'conflict'
    if (mover !== 'rollback' || !isKnown || isInterrupted(error)) throw error
    const command = "shopctl rollback --emergency --reason '…'"
    throw advised(error, `If it must be now, \`${command}\` does without git.`)
  }
}

/** What git says. It is finished if Argo CD could carry it out. */
export function recordedOf(
  env: string,
  { slots, services }: ConfigState,
  found: readonly Application[],
): Record<string, Recorded> {
  const isFinished = (name: string): boolean => {
    const { sync, operation = null } = found.find((each) => each.name === name) ?? {}
    return sync === 'Synced' || !hasFailed(operation)
  }
  const written = Object.entries(slots).flatMap(([service, both]) =>
    colors.flatMap((color): [string, Recorded][] => {
      const entry = both[color]
      if (entry === null || entry === 'removed') return []
      const name = slotName(service, color)
      const finished = isFinished(slotApplication(env, name))
      return [[name, { finished, marks: entry.marks }]]
    }),
  )
  const finished = isFinished(servicesApplication(env))
  const shared = Object.entries(services).map(([service, { marks }]): [string, Recorded] => [
    service,
    { finished, marks },
  ])
  return Object.fromEntries([...written, ...shared])
}
