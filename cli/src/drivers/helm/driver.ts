// The helm driver. Each slot is a Helm release; shopctl itself patches the selectors of the Services.
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Scaling } from '../../adapters/kubernetes/scaling.ts'
import type { SlotObjects } from '../../adapters/kubernetes/slots.ts'
import { interrupted } from '../../errors.ts'
import { isMap } from '../../release/canonical.ts'
import type { Charts, Driver, Manifest, SlotWrite } from '../../release/ports/driver.ts'
import { revisionMark } from '../../release/ports/driver.ts'
import type { Progress } from '../../release/ports/session.ts'
import { slotName } from '../../release/slot.ts'
import { readChart } from '../chart-folder.ts'
import { withoutIgnored } from '../helmignore.ts'
import type { Helm } from './helm.ts'
import type { Releases } from './releases.ts'

interface HelmDriverDeps {
  helm: Helm
  releases: Releases
  /** Changes objects without helm. */
  objects: SlotObjects
  scaling: Omit<Scaling, 'reset'>
  progress: Progress
}

export function createHelmDriver({
  helm,
  releases,
  objects,
  scaling,
  progress,
}: HelmDriverDeps): Driver {
  const repair = async (name: string): Promise<void> => {
    if (await releases.repair(name))
      progress.note(`repaired the Helm release ${name}, which was incomplete`)
  }

  const upgrade = async (write: SlotWrite, signal: AbortSignal): Promise<void> => {
    const { service, color, shared } = write
    // Adopt only where the Deployment or budget of the slot belongs to another release. Helm refuses all other cases.
    const [adopt] = await Promise.all([
      objects.belongsElsewhere(service, color),
      repair(write.name),
      shared && repair(shared.name),
    ])
    // A Job cannot be changed, so the Job of an earlier deploy is deleted first.
    await objects.deleteJob(service, color)
    if (shared) await helm.upgrade(shared, { wait: false, adopt: false }, signal)
    if (signal.aborted) throw interrupted()
    await helm.upgrade(write, { wait: false, adopt }, signal)
    await scaling.afterWrite(write)
  }
  return {
    begin() {},
    prepare() {},
    recorded: () => releases.recorded(),
    writeSlots: (slots, signal) => Promise.allSettled(slots.map((slot) => upgrade(slot, signal))),
    scaleSlots: (scales) => Promise.allSettled(scales.map((scale) => scaling.scale(scale))),
    movePointers(moves, _, __, onWrite) {
      onWrite?.()
      return Promise.allSettled(moves.map((move) => objects.point(move)))
    },
    async confirm(moves) {
      const writes = moves.map((move) => objects.point(move))
      await Promise.allSettled(writes)
      await Promise.all(writes)
      return moves.length > 0
    },
    settle: async () => {},
    removeSlots: (slots, signal) =>
      Promise.allSettled(
        slots.map(async ({ service, slot }) => {
          const name = slotName(service, slot.color)
          await objects.checkRevision(service, slot)
          // No repair: helm uninstalls an incomplete release too, and a repair deletes its list of objects.
          await helm.uninstall(name, signal)
          await objects.deleteRest(service, slot)
        }),
      ),
    putBack: (slots, signal) =>
      Promise.allSettled(
        slots.map(async ({ service, slot, atLeast, declared }) => {
          const { color } = slot
          const name = slotName(service, color)
          await repair(name)
          const version = await releases.find(name, revisionMark, slot.revision)
          if (version === null) return false
          await objects.deleteJob(service, color)
          await helm.rollback(name, version, signal)
          await scaling.afterWrite({ service, color, atLeast, declared })
          return true
        }),
      ),
    restartSlot: (service, color) => objects.restart(service, color),
    async install(chart, signal) {
      await repair(chart.name)
      const hint = `Fix the cause in the chart or the pods of ${chart.name}, then run \`shopctl deploy\` again.`
      await helm.upgrade(chart, { wait: true, adopt: false, hint }, signal)
    },
  }
}

/** `root`: base of the relative paths of charts. */
export function createCharts(
  helm: Pick<Helm, 'template'>,
  { namespace, root }: { namespace: string; root: string },
): Charts {
  return {
    render: async (release) => manifestsOf(await helm.template(release), namespace),
    files: async (chart) => withoutIgnored(await readChart(resolve(root, chart), chart)),
  }
}

/** The objects in helm's YAML. Helm applies the items of a List one by one. */
function manifestsOf(text: string, namespace: string): Manifest[] {
  // Helm reads YAML 1.1, with octal modes. Of two equal keys it takes the last.
  return parseAllDocuments(text, { version: '1.1', uniqueKeys: false })
    .flatMap((document) => flattened(document.toJS()))
    .map((object) => {
      const { namespace: where, ...metadata } = object.metadata
      return where === undefined || where === namespace ? { ...object, metadata } : object
    })
}

function flattened(object: unknown): Manifest[] {
  if (!isMap(object)) return []
  if (Array.isArray(object.items)) return object.items.flatMap(flattened)
  return isMap(object.metadata) ? [object as Manifest] : []
}
