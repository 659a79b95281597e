// Writes, removes and puts back slots: one commit for all of them, which Argo CD syncs.
import { resolve } from 'node:path'
import { hasFailed, type Owner } from '../../adapters/kubernetes/applications.ts'
import type { Scaling } from '../../adapters/kubernetes/scaling.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { isInterrupted, ShopctlError, said } from '../../errors.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import { type ConfigRepo, isBelow } from '../../release/ports/config-repo.ts'
import type { Charts, ChartWrite, SlotPutBack, SlotWrite } from '../../release/ports/driver.ts'
import { revisionMark } from '../../release/ports/driver.ts'
import type { Progress } from '../../release/ports/session.ts'
import { type Color, slotName, type Target } from '../../release/slot.ts'
import { readChart } from '../chart-folder.ts'
import type { SlotInput } from './changes.ts'
import { type Vendored, vendor } from './chart.ts'
import type { Commits, Written } from './commits.ts'
import { slotFolder, valuesFile } from './layout.ts'
import { requireSame } from './live.ts'
import { servicesApplication, slotApplication } from './manifests.ts'
import { renderedNumbers } from './pods.ts'
import { renderFolder } from './render-folder.ts'
import {
  awaitCompared,
  awaitSynced,
  awaitTakenUp,
  readApplication,
  type SyncPorts,
  type Taken,
} from './sync.ts'
import { readYamlFile } from './yaml.ts'

export interface SlotPorts extends SyncPorts, Owner {
  /** Base of the relative paths of charts and values files. */
  root: string
  repo: ConfigRepo
  commits: Commits
  charts: Charts
  objects: Pick<SlotObjects, 'checkRevision' | 'deleteJob' | 'deleteRest'>
  observer: Pick<Observer, 'pointer'>
  scaling: Scaling
  progress: Progress
  /** The text of a file on this machine. */
  readText(file: string): Promise<string>
}

export async function writeSlots(
  ports: SlotPorts,
  slots: readonly SlotWrite[],
  signal: AbortSignal,
): Promise<PromiseSettledResult<void>[]> {
  const { commits, env, observer } = ports
  const services = slots.map(({ service }) => service)
  const committing = (async () => {
    const inputs = await Promise.all(slots.map((slot) => inputOf(ports, slot)))
    const shared = slots.flatMap((slot) => slot.shared ?? [])
    const sharedChart = shared[0] ? await chartOf(ports, shared[0]) : null
    const named = slots.map(({ service, color, values }) => ({
      service,
      color,
      version: versionIn(values),
    }))
    // A slot that is written is the one to test.
    const moves = slots.map(({ service, color, marks }) => ({
      service,
      which: 'preview' as const,
      release: null,
      to: { color, revision: marks[revisionMark] ?? '' },
    }))
    const taken = await commits.write(
      async ({ state }) => {
        await requireSame(observer, state, services)
        return {
          deed: { operation: 'deploy', slots: named },
          release: null,
          slots: inputs,
          sharedChart,
          moves,
        }
      },
      { depends: slots.map(({ service, color }) => slotFolder(env, service, color)), signal },
    )
    // Their ServiceAccounts, for the pods.
    await follow(ports, servicesApplication(ports), taken)
    return taken
  })()
  return Promise.allSettled(
    slots.map(async (slot) => {
      const rendering = ports.charts.render(slot)
      const [taken, manifests] = await Promise.all([committing, rendering])
      const { service, color, atLeast } = slot
      if (!(await followSlot(ports, slot, taken))) return
      await ports.scaling.reset(service, color, renderedNumbers(manifests), atLeast)
      await ports.scaling.afterWrite(slot)
    }),
  )
}

function versionIn({ shopctl }: SlotWrite['values']): string {
  const { version } = shopctl as { version?: unknown }
  return String(version)
}

async function inputOf(ports: SlotPorts, write: SlotWrite): Promise<SlotInput> {
  const { root, readText } = ports
  const values = await Promise.all(
    write.valuesFiles.map(
      async (file) => readYamlFile(await readText(resolve(root, file)), file).values,
    ),
  )
  return { write, chart: await chartOf(ports, write), values }
}

async function chartOf(
  { root }: SlotPorts,
  { chart }: Pick<ChartWrite, 'chart'>,
): Promise<Vendored> {
  return vendor(await readChart(resolve(root, chart), chart), chart)
}

async function follow(ports: SyncPorts, name: string, taken: Taken): Promise<void> {
  await awaitCompared(ports, name, taken)
  await awaitSynced(ports, name, taken)
}

/** false: its migration failed. The wait for the slot's pods reports why. */
async function followSlot(
  ports: SlotPorts,
  { service, color }: { service: string; color: Color },
  taken: Written,
): Promise<boolean> {
  const slot = slotName(service, color)
  const name = slotApplication(ports, slot)
  try {
    // Another one's hook may wait for what only this deploy brings.
    await awaitTakenUp(ports, name, taken)
    const folder = slotFolder(ports.env, service, color)
    const isNew = taken.changed.some((path) => isBelow(path, folder))
    await awaitSynced(ports, name, taken, !isNew && (await syncAgain(ports, name, taken)))
    return true
  } catch (error) {
    const isMigration =
      error instanceof ShopctlError &&
      error.code === 'sync-failed' &&
      error.message.includes(`Job ${slot}-migrate`)
    if (isMigration) return false
    throw error
  }
}

/**
 * Argo CD tries each commit once, and runs a migration in no other sync. A second deploy of the same is a second try. Returns
 * whether it was asked for one: not where it goes on by itself.
 */
async function syncAgain(
  { applications }: SyncPorts,
  name: string,
  { commit }: Taken,
): Promise<boolean> {
  const found = await readApplication(applications, name)
  if (!found || found.busy) return false
  const { sync, operation } = found
  const isDue = sync === 'Synced' || (operation?.revision === commit && hasFailed(operation))
  if (isDue) await applications.sync(name, commit)
  return isDue
}

export async function removeSlots(
  ports: SlotPorts,
  slots: readonly { service: string; slot: Target }[],
  signal: AbortSignal,
): Promise<PromiseSettledResult<void>[]> {
  const { commits, env, objects, observer } = ports
  const services = slots.map(({ service }) => service)
  const committing = (async () => {
    await Promise.all(slots.map(({ service, slot }) => objects.checkRevision(service, slot)))
    const removals = slots.map(({ service, slot: { color } }) => ({ service, color }))
    return commits.write(
      async ({ state }) => {
        await requireSame(observer, state, services)
        return { deed: { operation: 'cleanup', removed: removals }, release: null, removals }
      },
      { depends: removals.map(({ service, color }) => slotFolder(env, service, color)), signal },
    )
  })()
  return Promise.allSettled(
    slots.map(async ({ service, slot }) => {
      await follow(ports, slotApplication(ports, slotName(service, slot.color)), await committing)
      // A hook that has run stays, and what it uses.
      await objects.deleteJob(service, slot.color)
      await objects.deleteRest(service, slot)
    }),
  )
}

/** How many earlier commits of a slot are looked at. Mostly it is the last one but one. */
const looks = [2, 10, 100]

export async function putBack(
  ports: SlotPorts,
  slots: readonly SlotPutBack[],
  signal: AbortSignal,
): Promise<PromiseSettledResult<boolean>[]> {
  return Promise.allSettled(
    slots.map(async ({ service, slot, atLeast, declared }) => {
      const { color, revision } = slot
      const { commits, env, repo, scaling } = ports
      const folder = slotFolder(env, service, color)
      const { commit } = await commits.read(signal)
      const found = await findCommit(ports, commit, folder, revision)
      if (found === null) return false
      const deed = {
        operation: 'deploy (put back)',
        slots: [{ service, color, version: revision }],
      }
      const taken = await commits.write(
        async ({ commit: now }) => {
          const isThere = await repo.keeps(found, now, [folder], signal)
          return { deed, release: null, restored: isThere ? [] : [{ folder, from: found }] }
        },
        { depends: [folder], signal },
      )
      if (await followSlot(ports, { service, color }, taken)) {
        await resetNumbers(ports, { service, color, atLeast }, { commit: found, folder }, signal)
        await scaling.afterWrite({ service, color, atLeast, declared })
      }
      return true
    }),
  )
}

/** Argo CD leaves the numbers alone: they would still be those of the failed deploy. */
async function resetNumbers(
  ports: SlotPorts,
  { service, color, atLeast }: Pick<SlotWrite, 'service' | 'color' | 'atLeast'>,
  at: { commit: string; folder: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    const manifests = await renderFolder(ports, { ...at, name: slotName(service, color) }, signal)
    await ports.scaling.reset(service, color, renderedNumbers(manifests), atLeast)
  } catch (error) {
    if (isInterrupted(error)) throw error
    const slot = `${service} ${color}`
    ports.progress.warn(`${slot} keeps the number of pods of the failed deploy: ${said(error)}`)
  }
}

/** The last commit in which this revision was in the folder. */
async function findCommit(
  { repo }: SlotPorts,
  head: string,
  folder: string,
  revision: string,
): Promise<string | null> {
  const file = valuesFile(folder)
  let seen = 0
  for (const limit of looks) {
    const { commits } = await repo.log(head, [file], limit)
    for (const { commit } of commits.slice(seen)) {
      const text = (await repo.read(commit, [file])).get(file)
      if (text?.includes(revision) && hasRevision(text, file, revision)) return commit
    }
    if (commits.length < limit) return null
    seen = commits.length
  }
  return null
}

function hasRevision(text: string, file: string, revision: string): boolean {
  const { marks } = readYamlFile(text, file).values as { marks?: Record<string, unknown> }
  return marks?.[revisionMark] === revision
}
