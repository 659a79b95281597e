// shopctl hold | hold release
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { oneLine, wrapped } from '../output/text.ts'
import { type HeldImage, heldDigests, releaseCommand } from '../release/hold/held.ts'
import {
  type ReleaseHoldInput,
  type ReleaseHoldPorts,
  releaseHold,
} from '../release/hold/release-hold.ts'
import type { JournalStore } from '../release/ports/session.ts'

/** All that the two need of it. */
interface HoldContext<P> extends Pick<Context, 'env'> {
  cluster(): Promise<P>
}

export async function holdCommand({
  env,
  cluster,
}: HoldContext<{ journal: Pick<JournalStore, 'read'> }>): Promise<Result> {
  const { journal } = await cluster()
  const held = heldDigests(await journal.read())
  return {
    document: { version: 1, env, held },
    text: (width) => holdText(held, width),
    summary: `${held.length} images on hold`,
    tables: held.length > 0 ? [holdRows(held)] : [],
  }
}

function holdText(held: readonly HeldImage[], width: number): string {
  if (held.length === 0) return 'Nothing is on hold.'
  const reasons = held.flatMap(({ release, reason }) =>
    reason === null ? [] : [`${release}: ${oneLine(reason)}`],
  )
  return [
    table(holdRows(held), width),
    ...[...new Set(reasons)].map((line) => wrapped(line, width)),
    wrapped(
      `\`${releaseCommand(held)}\` frees ${held.length === 1 ? 'it' : 'all of them'}.`,
      width,
    ),
  ].join('\n')
}

function holdRows(held: readonly HeldImage[]): string[][] {
  const rows = held.map(({ service, side, release, by, since }) => [
    service,
    side.version,
    side.digest.slice(0, 19),
    release,
    since.slice(0, 19).replace('T', ' '),
    by,
  ])
  return [['SERVICE', 'VERSION', 'DIGEST', 'ROLLED BACK', 'AT (UTC)', 'BY'], ...rows]
}

export async function holdReleaseCommand(
  { env, cluster }: HoldContext<ReleaseHoldPorts>,
  input: ReleaseHoldInput,
): Promise<Result> {
  const freed = await releaseHold(await cluster(), input)
  const names = freed.map(({ service, side }) => `${service} ${side.version}`).join(', ')
  const way = '`shopctl switch --service …` makes a slot live that is still on standby.'
  return {
    document: { version: 1, env, freed },
    text: (width) => wrapped(`No longer on hold: ${names}. ${way}`, width),
    summary: `no longer on hold: ${names}`,
  }
}
