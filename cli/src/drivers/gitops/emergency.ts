// A rollback while git is away: the syncs of the one Application of all Services are turned off until git says what is live.
import { failed } from '../../errors.ts'
import type { PointerMove } from '../../release/ports/driver.ts'
import { servicesFolder } from './layout.ts'
import { servicesApplication } from './manifests.ts'
import { type MovePorts, patiently, versionOf, write } from './move.ts'
import { awaitCompared, awaitIdle, readApplication } from './sync.ts'

/** Returns the resourceVersion of each Service, in order. */
export async function moveWithoutGit(
  ports: MovePorts,
  moves: readonly PointerMove[],
): Promise<string[]> {
  const { applications, env } = ports
  const name = servicesApplication(env)
  const waiting = patiently(ports)
  const found = await readApplication(applications, name)
  const [release = null] = moves.flatMap((each) => each.release ?? [])
  // Otherwise Argo CD would undo what follows.
  await applications.setAutomatic(name, false, release ?? found?.emergency ?? 'an emergency')
  await waiting((limited) => awaitIdle(limited, name))
  const written = await Promise.all(moves.map((each) => write(ports, each)))
  if (written.includes(false)) {
    const before = found?.emergency ?? null
    await applications.setAutomatic(name, before === null, before)
    throw notAllowed()
  }
  return Promise.all(moves.map((each) => versionOf(ports, each)))
}

/** After an emergency: makes git say what is live, and lets Argo CD go on. */
export async function endEmergency(ports: MovePorts): Promise<void> {
  const { applications, commits, env, observer, progress } = ports
  const name = servicesApplication(env)
  const found = await readApplication(applications, name)
  const release = found?.emergency ?? null
  if (release === null) return
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
      return { deed: { operation: 'rollback (emergency)', moves: shown }, release, moves }
    },
    { depends: [servicesFolder(env)] },
  )
  await awaitCompared(ports, name, taken)
  await applications.setAutomatic(name, true, null)
  progress.note(`The config repo now says what ${release} made live, and Argo CD syncs again.`)
}

/** Argo CD would write them from git alone, which is away. */
function notAllowed(): Error {
  return failed({
    code: 'not-allowed',
    message: 'Your account may not change the Services, so nothing moved.',
    hint: 'Have somebody who may run this command, such as a deployer.',
  })
}
