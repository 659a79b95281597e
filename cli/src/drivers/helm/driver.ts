// The helm driver: slots are Helm releases, and the selectors of the Services belong to shopctl alone.
import { parseAllDocuments } from 'yaml'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { interrupted } from '../../errors.ts'
import { isMap } from '../../release/canonical.ts'
import type { Charts, Driver, Manifest, Progress, SlotWrite } from '../../release/ports.ts'
import { slotName } from '../../release/slot.ts'
import type { Helm } from './helm.ts'
import type { Releases } from './releases.ts'

export interface HelmDriverDeps {
  helm: Helm
  releases: Releases
  /** Writes that need no helm. */
  objects: SlotObjects
  progress: Progress
}

export function createHelmDriver({ helm, releases, objects, progress }: HelmDriverDeps): Driver {
  const repair = async (name: string): Promise<void> => {
    if (await releases.repair(name))
      progress.note(`repaired the Helm release ${name}, which was left half-way`)
  }

  /** A release of ours that is new takes over what stands in its place. */
  const upgrade = async (write: SlotWrite, isNew: boolean, signal: AbortSignal): Promise<void> => {
    const { service, color, shared } = write
    await Promise.all([repair(write.name), shared && repair(shared.name)])
    // A Job cannot be changed: one of an earlier deploy goes first.
    await objects.deleteJob(service, color)
    if (shared) await helm.upgrade(shared, { wait: false, adopt: false }, signal)
    if (signal.aborted) throw interrupted()
    await helm.upgrade(write, { wait: false, adopt: isNew }, signal)
  }
  return {
    recorded: () => releases.recorded(),
    async writeSlots(slots, signal) {
      const recorded = await releases.recorded()
      return Promise.allSettled(
        slots.map((slot) => upgrade(slot, recorded[slot.name]?.finished !== true, signal)),
      )
    },
    movePointers: (moves) => Promise.allSettled(moves.map((move) => objects.point(move))),
    removeSlots: (slots, signal) =>
      Promise.allSettled(
        slots.map(async ({ service, slot }) => {
          const name = slotName(service, slot.color)
          await objects.checkRevision(service, slot)
          await repair(name)
          await helm.uninstall(name, signal)
          await objects.deleteRest(service, slot)
        }),
      ),
    restartSlot: (service, color) => objects.restart(service, color),
    async install(chart, signal) {
      await repair(chart.name)
      await helm.upgrade(chart, { wait: true, adopt: false }, signal)
    },
  }
}

export function createCharts(helm: Helm): Charts {
  return {
    async render(release) {
      // 1.1, as helm itself reads it: octal modes.
      return parseAllDocuments(await helm.template(release), { version: '1.1' })
        .map((document) => document.toJS() as unknown)
        .filter((object): object is Manifest => isMap(object) && isMap(object.metadata))
    },
  }
}
