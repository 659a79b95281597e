// shopctl cleanup
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { cleanup } from '../release/cleanup/cleanup.ts'
import { refuseFrozen } from '../release/freeze.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'

export async function cleanupCommand(
  context: Context,
  { yes, ...input }: ChangeInput & FreezeInput & LockInput,
): Promise<Result> {
  const { chosen: services, environment } = context
  const intent = { ...input, services, freezes: environment.freezes }
  refuseFrozen(context, intent)
  await confirmChange(context, 'cleanup', yes)
  const removed = await cleanup(await context.cluster(), intent)
  const rows = removed.map(({ name, slot }) => [name, slot.color, slot.version])
  const rowsWithHeading = [['SERVICE', 'REMOVED', 'VERSION'], ...rows]
  const nothing = 'Nothing to clean up.'
  return {
    document: {
      version: 1,
      env: context.env,
      removed: removed.map(({ name, slot: { color, version } }) => ({ name, color, version })),
    },
    text: (width) => (rows.length === 0 ? nothing : table(rowsWithHeading, width)),
    summary: rows.map(([name, color]) => `${name} ${color}`).join(', ') || nothing,
    tables: rows.length === 0 ? [] : [rowsWithHeading],
  }
}
