// The gitops driver. What a command writes is one commit in the config repo, and Argo CD carries it out.
import { type Application, hasFailed, type Owner } from '../../adapters/kubernetes/applications.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { advised, afterChange, isInterrupted, ShopctlError } from '../../errors.ts'
import type { Driver, Mover, PointerMove, Recorded } from '../../release/ports/driver.ts'
import { colors, slotName } from '../../release/slot.ts'
import { endEmergency, moveWithoutGit } from './emergency.ts'
import { type Expected, expectedOf, type Followed, problemOf, sharedOf } from './expected.ts'
import { requireSame } from './live.ts'
import { servicesApplication, slotApplication } from './manifests.ts'
import { checkVersion, type MovePorts, move } from './move.ts'
import { waitingOf } from './patience.ts'
import type { ConfigState } from './read.ts'
import { scalingAsAllowed } from './rights.ts'
import { putBack, removeSlots, type SlotPorts, writeSlots } from './slots.ts'

export interface GitopsDriverDeps
  extends Omit<SlotPorts, 'objects'>,
    Omit<MovePorts, 'objects'>,
    Followed {
  objects: SlotObjects
  services: readonly string[]
  /** Installs what belongs to no service. */
  helm: Pick<Driver, 'recorded' | 'install'>
}

export function createGitopsDriver(given: GitopsDriverDeps): Driver {
  const deps = { ...given, scaling: scalingAsAllowed(given.scaling, given.progress) }
  const { applications, commits, helm, objects, observer, scaling, services } = deps
  const shared = sharedOf(deps)
  const checked = (found: Application[], expected: readonly Expected[]): Application[] => {
    const problem = problemOf(found, expected, deps)
    if (problem) throw problem
    return found
  }
  const look = (moves: readonly PointerMove[]) =>
    Promise.all([applications.list(), Promise.all(moves.map((each) => checkVersion(deps, each)))])
  /** Of each move. */
  const settling: Promise<void>[] = []
  let queue: Promise<unknown> = Promise.resolve()
  return {
    begin: (purpose) => commits.begin(purpose),
    prepare: (signal) => commits.prepare(signal),
    async recorded() {
      const [found, { state }, others] = await Promise.all([
        applications.list().then((list) => checked(list, expectedOf(deps, services))),
        commits.read(),
        helm.recorded(),
      ])
      const isEmergency = found.some(({ emergency }) => emergency !== null)
      if (!isEmergency) await requireSame(observer, state, services)
      return { ...others, ...recordedOf(deps, state, found) }
    },
    writeSlots: (writes, signal) => writeSlots(deps, writes, signal),
    scaleSlots: (scales) => Promise.allSettled(scales.map((scale) => scaling.scale(scale))),
    async movePointers(moves, mover, signal, onWrite) {
      if (moves.length === 0) return []
      // Moves of one command go on top of each other, in one file.
      const before = queue
      const ports = { ...deps, signal }
      const moving = withoutGitInNeed(mover, async () => {
        await before
        if (mover === 'emergency') {
          onWrite?.()
          return moveWithoutGit(ports, moves)
        }
        const waiting = waitingOf(ports, mover)
        const [seen, pointers] = await look(moves)
        const isEnded = await endEmergency(ports, seen, waiting)
        try {
          const found = isEnded ? await applications.list() : seen
          // Somebody may have paused the syncs because of the very release that is rolled back.
          if (mover !== 'rollback' && mover !== 'undo') checked(found, [shared])
          const options = { mover, found, pointers, waiting, onWrite }
          const { versions, synced } = await move(ports, moves, options)
          settling.push(synced)
          if (mover !== 'switch' && mover !== 'rollback') await synced
          return versions
        } catch (error) {
          throw isEnded ? afterChange(error) : error
        }
      })
      queue = moving.catch(() => {})
      return Promise.allSettled(moves.map(async (_, index) => (await moving)[index] ?? ''))
    },
    async confirm(moves, signal) {
      const ports = { ...deps, signal }
      // Without moves, it is a command that needs Argo CD in any case.
      const mover = moves.length === 0 ? 'deploy' : 'undo'
      const waiting = waitingOf(ports, mover)
      const [seen, pointers] = await look(moves)
      const isEnded = await endEmergency(ports, seen, waiting)
      if (moves.length === 0) return isEnded
      const found = isEnded ? await applications.list() : seen
      await (await move(ports, moves, { mover, found, pointers, waiting })).synced
      return true
    },
    async settle() {
      await Promise.allSettled(settling)
      await Promise.all(settling)
    },
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
  owner: Owner,
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
      const finished = isFinished(slotApplication(owner, name))
      return [[name, { finished, marks: entry.marks, digest: entry.digest }]]
    }),
  )
  const finished = isFinished(servicesApplication(owner))
  const shared = Object.entries(services).map(([service, { marks }]): [string, Recorded] => [
    service,
    { finished, marks },
  ])
  return Object.fromEntries([...written, ...shared])
}
