// shopctl cleanup
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { table } from '../output/terminal.ts'
import { cleanup } from '../release/cleanup.ts'
import { withLock } from '../release/lock.ts'
import { planCleanup } from '../release/plan.ts'

export async function cleanupCommand(context: Context): Promise<void> {
  const { chosen, env, output, progress, signal } = context
  const cluster = await context.cluster()
  const removed = await withLock(cluster, 'cleanup', signal, async () => {
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
  if (context.json) return output.json({ version: 1, env, removed: rows })
  if (rows.length === 0) return output.print('Nothing to clean up.')
  output.print(
    table([
      ['SERVICE', 'REMOVED', 'VERSION'],
      ...rows.map(({ name, color, version }) => [name, color, version]),
    ]),
  )
}
