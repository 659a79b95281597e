// What the slots of an earlier release were deployed with, brought to this machine to deploy them again.
import type { Earlier } from '../deploy/desire.ts'
import { keptOf, type Settings, unpackChart, unpackSettings } from '../kept.ts'
import type { ChartFile } from '../ports/driver.ts'
import type { Piece, Pieces } from '../ports/pieces.ts'
import type { Folder, Scratch } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import type { Journal, KeptNames } from '../record.ts'
import { settleAll } from '../settle.ts'
import type { RollbackPlan } from './plan-rollback.ts'

export interface AgainPorts {
  pieces: Pieces
  scratch: Scratch
  progress: Progress
}

interface Found {
  name: string
  image: { digest: string; version: string }
  kept: { hash: string; files: ChartFile[]; settings: Settings } | null
}

/** Of one release, what to deploy again. */
type Wanted = { to: string | null } & Pick<RollbackPlan, 'again'>

/** Refused if a piece is damaged. What is not kept is left to the work tree, which a warning says. */
export async function findEarlier(
  ports: Omit<AgainPorts, 'scratch'>,
  journal: Journal,
  { to, again }: Wanted,
): Promise<Found[]> {
  const found = await settleAll(
    again.map(async ({ name, side }): Promise<Found> => {
      const { digest, version } = side
      return {
        name,
        image: { digest, version },
        kept: await firstOf(ports.pieces, keptOf(journal, name, side)),
      }
    }),
  )
  const lost = found.filter(({ kept }) => kept === null).map(({ name }) => name)
  if (lost.length > 0)
    ports.progress.warn(
      `${to}: the charts and values of ${lost.join(', ')} are not kept: those of this work tree are used`,
    )
  return found
}

/** Calls `use` with the images of the release and their charts and values, which are on this machine meanwhile. */
export async function withEarlier<T>(
  ports: AgainPorts,
  journal: Journal,
  wanted: Wanted,
  use: (images: Record<string, Earlier>) => Promise<T>,
): Promise<T> {
  const found = await findEarlier(ports, journal, wanted)
  return ports.scratch.folder(async (folder) => use(await written(folder, found)))
}

async function firstOf(pieces: Pieces, all: readonly KeptNames[]): Promise<Found['kept']> {
  for (const names of all) {
    const found = await read(pieces, names)
    if (found) return found
  }
  return null
}

async function read(pieces: Pieces, { chart, settings }: KeptNames): Promise<Found['kept']> {
  const [charts, values]: (Piece | null)[] = await settleAll([
    pieces.read(chart),
    pieces.read(settings),
  ])
  if (!charts || !values) return null
  return { hash: chart, files: unpackChart(charts), settings: unpackSettings(values) }
}

async function written(folder: Folder, found: readonly Found[]): Promise<Record<string, Earlier>> {
  const charts = new Map(found.flatMap(({ kept }) => (kept ? [[kept.hash, kept.files]] : [])))
  for (const [hash, files] of charts)
    for (const { path, content } of files) await folder.write(`${hash}/${path}`, [content])
  const images: Record<string, Earlier> = {}
  for (const { name, image, kept } of found) {
    images[name] = { ...image, kept: null }
    if (!kept) continue
    const { hash, settings } = kept
    const valuesFiles: string[] = []
    for (const [index, { text }] of settings.values.entries()) {
      const file = `${name}-${index}.yaml`
      await folder.write(file, [text])
      valuesFiles.push(`${folder.path}/${file}`)
    }
    images[name] = { ...image, kept: { chart: `${folder.path}/${hash}`, valuesFiles, settings } }
  }
  return images
}
