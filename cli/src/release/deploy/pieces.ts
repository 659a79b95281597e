// Keeps what slots are deployed with, for as long as a release can be gone back to: for `rollback --to`.
import { dirname, join } from 'node:path'
import { said } from '../../errors.ts'
import { makesSecrets, namedPieces, packChart, packSettings } from '../kept.ts'
import type { ChartFile, Charts } from '../ports/driver.ts'
import { mostOfAPiece, type Piece, type Pieces } from '../ports/pieces.ts'
import type { Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import type { Journal, KeptNames } from '../record.ts'
import { settleAll } from '../settle.ts'
import type { SlotContents } from './contents.ts'
import type { Recipe } from './desire.ts'
import type { Prepared } from './prepare.ts'

interface PiecePorts {
  charts: Charts
  source: Source
  pieces: Pieces
  progress: Progress
}

export interface ToKeep {
  /** By service. */
  names: Record<string, KeptNames>
  pieces: Piece[]
}

/** Of each slot that the plan wants, and that the record says. A note says what is not kept, and why. */
export async function piecesOf(
  { charts, source, progress }: Omit<PiecePorts, 'pieces'>,
  { plan, recipes, contents, tidies }: Prepared,
): Promise<ToKeep> {
  const steps = plan.steps.filter(({ service }) => !tidies.some((each) => each.service === service))
  const used = steps.flatMap(({ service }) => recipes[service] ?? [])
  const folders = new Map(used.map(({ chart, earlier }) => [chart, earlier !== null]))
  const read = new Map(
    await settleAll(
      [...folders].map(async ([chart, isEarlier]) => {
        const files = await charts.files(chart)
        return [
          chart,
          isEarlier ? files : ofProject(chart, files, await source.files([chart])),
        ] as const
      }),
    ),
  )
  const toKeep: ToKeep = { names: {}, pieces: [] }
  for (const { service, color, wanted } of steps) {
    const [recipe, content] = [recipes[service], contents[service]?.slots[color]]
    const files = recipe && read.get(recipe.chart)
    if (!files || !content) throw new Error(`nothing is known about ${service}`)
    const [chart, settings] = [packChart(files), settingsOf(recipe, content, wanted)]
    const why = whyNot(files, [chart, settings])
    if (why === null) {
      toKeep.names[service] = { chart: chart.hash, settings: settings.hash }
      toKeep.pieces.push(chart, settings)
    } else
      progress.note(
        `${service}: its chart and values are not kept for a later \`rollback --to\`: ${why}`,
      )
  }
  return toKeep
}

/**
 * What git ignores may be private: a file of passwords beside the templates. Only the charts of dependencies are often
 * ignored. A link counts with all that it leads to.
 */
function ofProject(
  chart: string,
  files: readonly ChartFile[],
  listed: readonly string[],
): ChartFile[] {
  const known = new Set(listed)
  const isListed = (path: string): boolean =>
    path !== '.' && (known.has(join(chart, path)) || isListed(dirname(path)))
  return files.filter(({ path }) => path.startsWith('charts/') || isListed(path))
}

function whyNot(files: readonly ChartFile[], pieces: readonly Piece[]): string | null {
  // Who may read ConfigMaps may not read Secrets.
  if (makesSecrets(files)) return 'its chart makes a Secret of them'
  const isLarge = pieces.some(({ content }) => content.length > mostOfAPiece)
  return isLarge ? 'they are too large' : null
}

function settingsOf(
  { origin: { chart, values, port, replicas } }: Recipe,
  { secrets, copies }: SlotContents,
  { digest }: { digest: string },
): Piece {
  const maps = copies.filter(({ kind }) => kind === 'ConfigMap')
  const configMaps = Object.fromEntries(maps.map(({ of, content }) => [of, content]))
  return packSettings({ digest, chart, values, port, replicas, secrets, configMaps })
}

/**
 * Before the slots are written: a slot whose pieces are missing could not be deployed again. Like its record, a piece is no
 * change by itself.
 */
export async function keepPieces(
  { pieces: port }: Pick<PiecePorts, 'pieces'>,
  { pieces }: ToKeep,
  there: readonly string[],
): Promise<void> {
  const added = new Map(pieces.map((piece) => [piece.hash, piece]))
  for (const hash of there) added.delete(hash)
  await settleAll([...added.values()].map((piece) => port.add(piece)))
}

/** Those that no record names any more. `journal` is the one from before this deploy, `there` what was there then. */
export async function sweepPieces(
  { pieces, progress }: Pick<PiecePorts, 'pieces' | 'progress'>,
  journal: Journal,
  { names }: ToKeep,
  there: readonly string[],
): Promise<void> {
  const named = namedPieces(journal)
  if (!named) return
  const now = new Set(Object.values(names).flatMap(({ chart, settings }) => [chart, settings]))
  const old = there.filter((hash) => !named.has(hash) && !now.has(hash))
  await settleAll(old.map((hash) => pieces.remove(hash))).catch((error) =>
    progress.warn(`what earlier slots were deployed with was not deleted: ${said(error)}`),
  )
}

/** One line for each slot of an earlier release that is deployed again, and whose Secrets are others now. */
export function otherSecrets({ plan, recipes, contents }: Prepared): string[] {
  return plan.steps.flatMap(({ service, color }) => {
    const then = recipes[service]?.earlier?.secrets ?? {}
    const now = contents[service]?.slots[color].secrets ?? {}
    const others = Object.keys(then).filter((of) => hmacIn(then[of]) !== hmacIn(now[of]))
    return others.length === 0
      ? []
      : [
          `${service} gets the present ${others.join(', ')}: the Secret of that release had another content`,
        ]
  })
}

/** A copy is named `<slot>-<HMAC of its content>`. */
function hmacIn(copy: string | undefined): string | undefined {
  return copy?.split('-').at(-1)
}
