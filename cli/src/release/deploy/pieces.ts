// Keeps what slots are deployed with, for as long as a release can be gone back to: for `rollback --to`.
import { said } from '../../errors.ts'
import { namedPieces, packChart, packSettings } from '../kept.ts'
import type { Charts } from '../ports/driver.ts'
import { mostOfAPiece, type Piece, type Pieces } from '../ports/pieces.ts'
import type { Progress } from '../ports/session.ts'
import type { Journal, KeptNames } from '../record.ts'
import { settleAll } from '../settle.ts'
import type { SlotContents } from './contents.ts'
import type { Recipe } from './desire.ts'
import type { Prepared } from './prepare.ts'

interface PiecePorts {
  charts: Charts
  pieces: Pieces
  progress: Progress
}

export interface ToKeep {
  /** By service. */
  names: Record<string, KeptNames>
  pieces: Piece[]
}

/** Of each slot that the plan wants, and that the record says. What is too large is named in a warning, and is not kept. */
export async function piecesOf(
  { charts, progress }: PiecePorts,
  { plan, recipes, contents, tidies }: Prepared,
): Promise<ToKeep> {
  const read = new Map<string, Promise<Piece>>()
  const chartOf = (chart: string): Promise<Piece> => {
    const found = read.get(chart) ?? charts.files(chart).then(packChart)
    read.set(chart, found)
    return found
  }
  const steps = plan.steps.filter(({ service }) => !tidies.some((each) => each.service === service))
  const found = await settleAll(
    steps.map(async ({ service, color, wanted }) => {
      const [recipe, used] = [recipes[service], contents[service]?.slots[color]]
      if (!recipe || !used) throw new Error(`nothing is known about ${service}`)
      const pieces = {
        chart: await chartOf(recipe.chart),
        settings: settingsOf(recipe, used, wanted),
      }
      return { service, pieces }
    }),
  )
  const kept = found.filter(({ pieces }) => Object.values(pieces).every(fits))
  const large = found.filter((each) => !kept.includes(each)).map(({ service }) => service)
  if (large.length > 0)
    progress.warn(
      `The charts or ConfigMaps of ${large.join(', ')} are too large to be kept: a later \`rollback --to\` uses those of its work tree`,
    )
  return {
    names: Object.fromEntries(
      kept.map(({ service, pieces: { chart, settings } }) => [
        service,
        { chart: chart.hash, settings: settings.hash },
      ]),
    ),
    pieces: kept.flatMap(({ pieces }) => Object.values(pieces)),
  }
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

function fits({ content }: Piece): boolean {
  return content.length <= mostOfAPiece
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
  const now = Object.values(names).flatMap(({ chart, settings }) => [chart, settings])
  const old = there.filter((hash) => !named.has(hash) && !now.includes(hash))
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
