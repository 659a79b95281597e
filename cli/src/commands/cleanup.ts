// shopctl cleanup
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import { type Cleaned, cleanup } from '../release/cleanup/cleanup.ts'
import { refuseFrozen } from '../release/freeze.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'

interface CleanupCommandInput extends ChangeInput, FreezeInput, LockInput {
  now: boolean
  timeoutMs: number
}

export async function cleanupCommand(
  context: Context,
  { yes, ...input }: CleanupCommandInput,
): Promise<Result> {
  const { chosen: services, environment } = context
  const { freezes, keep = null } = environment
  const intent = { ...input, services, freezes, keep }
  refuseFrozen(context, intent)
  await confirmChange(context, 'cleanup', yes)
  return cleanupResult(context.env, await cleanup(await context.cluster(), intent))
}

const nothing = 'Nothing to clean up.'
const wayBack =
  '`shopctl deploy` writes a standby slot again, `shopctl rollback --to` that of an earlier release.'

export function cleanupResult(env: string, { removed, kept }: Cleaned): Result {
  const rows = removed.map(({ name, slot }) => [name, slot.color, slot.version])
  const rowsWithHeading = [['SERVICE', 'REMOVED', 'VERSION'], ...rows]
  return {
    document: {
      version: 1,
      env,
      removed: removed.map(({ name, slot: { color, version } }) => ({ name, color, version })),
      kept: kept.map(({ name, slot: { color, version }, until }) => ({
        name,
        color,
        version,
        until,
      })),
    },
    text: (width) =>
      [
        ...(rows.length === 0
          ? [nothing]
          : [table(rowsWithHeading, width), wrapped(wayBack, width)]),
        ...keptLines(kept, width),
      ].join('\n'),
    summary: rows.map(([name, color]) => `${name} ${color}`).join(', ') || nothing,
    tables: rows.length === 0 ? [] : [rowsWithHeading],
  }
}

function keptLines(kept: Cleaned['kept'], width: number): string[] {
  if (kept.length === 0) return []
  const slots = kept.map(
    ({ name, slot, until }) => `${name} ${slot.color} until ${until.replace(/\.\d+Z$/, 'Z')}`,
  )
  return [
    wrapped(
      `Kept as a way back: ${slots.join(', ')}. \`shopctl cleanup --now\` deletes what is kept.`,
      width,
    ),
  ]
}
