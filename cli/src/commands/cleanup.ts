// shopctl cleanup
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { cleanup } from '../release/cleanup.ts'
import { withLock } from '../release/lock.ts'
import { planCleanup } from '../release/plan.ts'
import { askIfProtected } from './switch.ts'

export async function cleanupCommand(
  context: Context,
  { reason, yes }: { reason: string | null; yes: boolean },
): Promise<Result> {
  await askIfProtected(context, 'cleanup', yes)
  const { chosen, env, progress, signal } = context
  const cluster = await context.cluster()
  const removed = await withLock(cluster, reason ?? 'cleanup', signal, async () => {
    const state = await cluster.read()
    const plan = planCleanup(state, { services: chosen })
    if (plan.kind === 'refusal') throw refused(plan)
    await cleanup({ cluster, progress }, state, plan)
    return plan.deletions
  })
  const rows = removed.map(({ service, slot: { color, version } }) => ({
    name: service,
    color,
    version,
  }))
  const nothing = 'Nothing to clean up.'
  const cells = rows.map(({ name, color, version }) => [name, color, version])
  return {
    document: { version: 1, env, removed: rows },
    text: (width) =>
      rows.length === 0 ? nothing : table([['SERVICE', 'REMOVED', 'VERSION'], ...cells], width),
    summary: rows.length === 0 ? nothing : `Removed ${rows.length} slots.`,
  }
}
