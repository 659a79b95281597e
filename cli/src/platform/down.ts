// Stops the platform: the pods first, then the daemons. Then removes everything else from the machine.
import { existsSync } from 'node:fs'
import type { Machine } from './component.ts'
import { restoreMachine } from './earlier.ts'
import { clearLeftovers, type Footprint, footprint } from './leftovers.ts'
import { removeFolder } from './mounts.ts'
import { allComponents, allGroups, type Items, machineOf } from './parts.ts'
import { type Deps, stopPods } from './up.ts'

export interface DownReport {
  version: 1
  /** Names of the daemons that were running. */
  stopped: string[]
  /** What the platform had on the machine, and what is left. */
  before: Footprint
  after: Footprint
  /** What stays on disk, as text for the user. */
  kept: string[]
}

const graceMs = 15_000

async function runningNames({ daemons }: Deps, machine: Machine): Promise<string[]> {
  const names = allComponents(machine).map(({ name }) => name)
  const pids = await Promise.all(names.map((name) => daemons.pidOf(name)))
  return names.filter((_, index) => pids[index] !== null)
}

export async function takeDown(deps: Deps, items: Items, purge: boolean): Promise<DownReport> {
  const { shell, layout, progress, daemons } = deps
  const machine = machineOf(layout, items)
  const before = await footprint(shell, layout)
  const stopped = await runningNames(deps, machine)

  if (stopped.includes('containerd') && existsSync(machine.kubernetes)) {
    await progress.step('Stopping the pods', async () => {
      // The kubelet stops first: it would start the pods again.
      await daemons.stop('kubelet', graceMs)
      await stopPods(deps, machine).catch((error: Error) => progress.warn(error.message))
    })
  }
  await progress.step('Stopping the platform', async (say) => {
    for (const group of allGroups(machine).toReversed()) {
      say(group.map(({ name }) => name).join(', '))
      await Promise.all(group.map(({ name }) => daemons.stop(name, graceMs)))
    }
    await clearLeftovers(shell, layout)
    await restoreMachine(layout)
  })
  const after = await footprint(shell, layout)
  if (purge) {
    await progress.step(`Removing ${layout.cache}`, () => removeFolder(shell, layout.cache))
  }
  return { version: 1, stopped, before, after, kept: kept(deps, purge) }
}

function kept({ layout }: Deps, purge: boolean): string[] {
  return purge
    ? ['Debian packages that were installed: iptables, mmdebstrap, unzip and what they need']
    : [`${layout.home}: the cluster, its volumes and images`, `${layout.store}: what was built`]
}
