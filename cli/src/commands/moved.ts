// The result of a switch or rollback, with its proof.
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import { type HeldImage, releaseCommand } from '../release/hold/held.ts'
import type { Moved } from '../release/move/move.ts'
import type { Proof } from '../release/move/move-record.ts'
import { tallyIn, tallyText } from '../release/move/open-work.ts'
import type { Probed } from '../release/move/probing.ts'
import { recycledText } from '../release/move/recycle.ts'
import type { Side } from '../release/slot.ts'
import { probeLines, probeRows } from './probed.ts'

/** `held`: what a rollback has put on hold. */
export function movedResult(moved: Moved & { held?: readonly HeldImage[] }): Result {
  const { release, services, held, ...probed } = moved
  const moves = services.map(({ name, to }) => `${name} ${to?.color ?? 'no slot'}`).join(', ')
  return {
    document: { ...moveDocument(release, services, probed), ...(held && { held }) },
    text: (width) =>
      [
        release,
        ...movedLines(services, width),
        ...probeLines(probed, width),
        ...heldLines(held ?? [], width),
      ].join('\n'),
    summary: `${release}: ${moves || 'no Service had to be moved'}`,
    tables: [proofRows(services), probeRows(probed)].filter((rows) => rows.length > 1),
    outputs: { release, colors: colorsOf(services) },
  }
}

/** The live color of each service that was moved. */
function colorsOf(services: readonly Proof[]): Record<string, string> {
  return Object.fromEntries(services.flatMap(({ name, to }) => (to ? [[name, to.color]] : [])))
}

function proofRows(services: readonly Proof[]): string[][] {
  const isHandedOver = services.some(({ handoverMs }) => handoverMs != null)
  const rows = services.map(({ name, from, to, endpointsMs, consumersMs, handoverMs }) => [
    name,
    sideText(from),
    sideText(to),
    msText(endpointsMs),
    msText(consumersMs),
    ...(isHandedOver ? [msText(handoverMs)] : []),
  ])
  const headings = ['SERVICE', 'FROM', 'TO', 'HTTP', 'EVENTS']
  return [[...headings, ...(isHandedOver ? ['HANDOVER'] : [])], ...rows]
}

function msText(ms: number | null | undefined): string {
  return ms == null ? '-' : `${ms} ms`
}

function movedLines(services: readonly Proof[], width: number): string[] {
  if (services.length === 0) return []
  const restarts = services.flatMap(({ name, from, recycled }) =>
    recycled
      ? [wrapped(`${name} ${from?.color ?? ''} restarted: ${recycledText(recycled)}`, width)]
      : [],
  )
  const open = services.flatMap((each) => tallyText(each, each) ?? [])
  return [
    table(proofRows(services), width),
    ...open.map((line) => wrapped(line, width)),
    ...restarts,
  ]
}

function heldLines(held: readonly HeldImage[], width: number): string[] {
  if (held.length === 0) return []
  const what = held.map(({ service, side }) => `${service} ${side.version}`).join(', ')
  const line = `On hold, so that it is not released again: ${what}. \`${releaseCommand(held)}\` frees it.`
  return [wrapped(line, width)]
}

export function sideText(side: Side | null): string {
  return side ? `${side.color} ${side.version}` : '-'
}

export function moveDocument(
  release: string | null,
  services: readonly Omit<Proof, 'endpointsMs' | 'consumersMs'>[],
  { probe, withoutProbe }: Probed = {},
): object {
  return {
    version: 1,
    release,
    services: services.map(({ name, from, to, epoch, recycled, handoverMs, handled, ...rest }) => ({
      name,
      from: from?.color ?? null,
      to: to?.color ?? null,
      epoch,
      ...(handoverMs != null && { handoverMs }),
      ...(handled != null && { handled }),
      ...tallyIn(rest),
      ...(recycled && { recycled }),
    })),
    probe: probe ?? null,
    ...(withoutProbe !== undefined && { withoutProbe }),
  }
}
