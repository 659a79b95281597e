// A rollback while git is away: the syncs of the one Application of all Services are turned off until git says what is live.
import type { Application } from '../../adapters/kubernetes/applications.ts'
import { failed, interrupted } from '../../errors.ts'
import type { PointerMove } from '../../release/ports/driver.ts'
import { operationsOf } from '../../release/record.ts'
import { sameTarget } from '../../release/slot.ts'
import { servicesFolder } from './layout.ts'
import { servicesApplication } from './manifests.ts'
import { checkSignal, conflict, type MovePorts, versionOf, write } from './move.ts'
import { occupy, patiently, trying, type Waiting } from './patience.ts'
import { afterCommit, awaitCompared, awaitIdle, awaitLook, find, readApplication } from './sync.ts'

/** Returns the resourceVersion of each Service, in order. */
export async function moveWithoutGit(
  ports: MovePorts,
  moves: readonly PointerMove[],
): Promise<string[]> {
  const { applications, progress, signal } = ports
  const name = servicesApplication(ports)
  const waiting = patiently(ports)
  const found = await readApplication(applications, name)
  const [release = null] = moves.flatMap((each) => each.release ?? [])
  if (signal.aborted) throw interrupted()
  if (!found) {
    progress.warn(`Argo CD has no Application ${name}, so it undoes nothing: ${beforeInit}`)
    await writeAll(ports, moves)
    return versionsOf(ports, moves)
  }
  // Otherwise Argo CD would undo what follows.
  await applications.setAutomatic(name, false, release ?? found.emergency ?? 'an emergency')
  const commit = found.compared ?? found.source.branch
  let isAway = false
  await waiting(
    // What it compares at this moment it has begun with the syncs on.
    async (limited) => {
      await awaitLook(limited, name)
      await awaitIdle(limited, name)
    },
    async () => {
      isAway = true
      // What fails is said after the write.
      await occupy(ports, name, commit).catch(() => {})
    },
  )
  await writeAll(ports, moves, async () => {
    // Somebody may have paused them before.
    await applications.setAutomatic(name, found.automatic.sync, found.emergency)
  })
  if (isAway) {
    await trying(ports, name, () => occupy(ports, name, commit))
    await Promise.all(moves.map((each) => writeAgain(ports, each)))
  }
  return versionsOf(ports, moves)
}

const beforeInit = 'make git say what is live before you run `shopctl gitops init`.'

/** `onDenied` runs if a Service may not be written. */
async function writeAll(
  ports: MovePorts,
  moves: readonly PointerMove[],
  onDenied = async (): Promise<void> => {},
): Promise<void> {
  await checkSignal(ports)
  const written = await Promise.all(moves.map((each) => write(ports, each)))
  if (written.includes('denied')) {
    await onDenied()
    throw notAllowed()
  }
  const lost = moves.find((_, index) => written[index] === 'conflict')
  if (lost) throw conflict(lost)
}

function versionsOf(ports: MovePorts, moves: readonly PointerMove[]): Promise<string[]> {
  return Promise.all(moves.map((each) => versionOf(ports, each)))
}

/** An operation that had begun may have moved it back. */
async function writeAgain(ports: MovePorts, move: PointerMove): Promise<void> {
  const { observer } = ports
  const pointer = await observer.pointer(move.service, move.which)
  if (!pointer || sameTarget(pointer.target, move.to)) return
  const { resourceVersion, target: from } = pointer
  await write(ports, { ...move, resourceVersion, from })
}

/** null: none, or the rollback is not recorded. */
async function reasonOf({ journal }: MovePorts, release: string): Promise<string | null> {
  const operations = operationsOf(await journal.read())
  return operations.find((each) => each.release === release)?.reason ?? null
}

/**
 * After an emergency: makes git say what is live, and lets Argo CD go on once it knows that. false: there is none among
 * those that were `found`.
 */
export async function endEmergency(
  ports: MovePorts,
  found: readonly Application[],
  waiting: Waiting,
): Promise<boolean> {
  const { applications, commits, env, observer, progress, signal } = ports
  const name = servicesApplication(ports)
  const release = find(found, name)?.emergency ?? null
  if (release === null) return false
  const reason = await reasonOf(ports, release)
  const taken = await commits.write(
    async ({ state }) => {
      const services = Object.keys(state.services)
      const live = await Promise.all(
        services.map(async (service) => {
          const [stable, preview] = await Promise.all([
            observer.pointer(service, 'stable'),
            observer.pointer(service, 'preview'),
          ])
          return [
            {
              service,
              which: 'stable',
              to: stable?.target ?? null,
              release: stable?.release ?? null,
            },
            { service, which: 'preview', to: preview?.target ?? null, release: null },
          ] as const
        }),
      )
      const moves = live.flat()
      const shown = moves
        .filter(({ which }) => which === 'stable')
        .map(({ service, to }) => ({
          service,
          from: state.services[service]?.stable?.color ?? null,
          to: to?.color ?? null,
        }))
        .filter(({ from, to }) => from !== to)
      return { deed: { operation: 'rollback (emergency)', moves: shown }, release, reason, moves }
    },
    { depends: [servicesFolder(env)], signal },
  )
  await waiting(async (limited) => {
    await awaitCompared(limited, name, taken)
    if (signal.aborted) throw interrupted()
    await afterCommit(() => applications.setAutomatic(name, true, null))
    progress.note(`The config repo now says what ${release} made live, and Argo CD syncs again.`)
  })
  return true
}

/** Argo CD would write them from git alone, which is away. */
function notAllowed(): Error {
  return failed({
    code: 'not-allowed',
    message: 'Your account may not change the Services, so nothing moved.',
    hint: 'Have somebody who may run this command, such as a deployer.',
  })
}
