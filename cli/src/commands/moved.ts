// The result of a switch or rollback, with its proof.
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import type { Moved, Proof } from '../release/move/move.ts'
import { recycledText } from '../release/move/recycle.ts'
import type { Side } from '../release/slot.ts'

export function movedResult({ release, services }: Moved): Result {
  const moves = services.map(({ name, to }) => `${name} ${to?.color ?? 'no slot'}`).join(', ')
  return {
    document: moveDocument(release, services),
    text: (width) => [release, ...movedLines(services, width)].join('\n'),
    summary: `${release}: ${moves || 'no Service had to be moved'}`,
  }
}

function movedLines(services: readonly Proof[], width: number): string[] {
  if (services.length === 0) return []
  const rows = services.map(({ name, from, to, endpointsMs, consumersMs }) => [
    name,
    sideText(from),
    sideText(to),
    `${endpointsMs} ms`,
    consumersMs === null ? '-' : `${consumersMs} ms`,
  ])
  const restarts = services.flatMap(({ name, from, recycled }) =>
    recycled
      ? [wrapped(`${name} ${from?.color ?? ''} restarted: ${recycledText(recycled)}`, width)]
      : [],
  )
  return [table([['SERVICE', 'FROM', 'TO', 'HTTP', 'EVENTS'], ...rows], width), ...restarts]
}

export function sideText(side: Side | null): string {
  return side ? `${side.color} ${side.version}` : '-'
}

export function moveDocument(
  release: string | null,
  services: readonly Pick<Proof, 'name' | 'from' | 'to' | 'epoch' | 'recycled'>[],
): object {
  return {
    version: 1,
    release,
    services: services.map(({ name, from, to, epoch, recycled }) => ({
      name,
      from: from?.color ?? null,
      to: to?.color ?? null,
      epoch,
      ...(recycled && { recycled }),
    })),
    probe: null,
  }
}
