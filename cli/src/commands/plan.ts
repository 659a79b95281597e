// shopctl plan: what deploy would do, and what a switch after it would change
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { desire } from '../release/desire.ts'
import { type DeployStep, planDeploy } from '../release/plan.ts'
import { type Color, liveSlot } from '../release/state.ts'

const actions: Record<DeployStep['action'], string> = {
  live: 'serves already',
  ready: 'stands by already',
  upgrade: 'deploy',
}

export async function planCommand(
  context: Context,
  { color }: { color: Color | null },
): Promise<Result> {
  const { config, env, services, source, registry } = context
  const [cluster, address] = await Promise.all([context.cluster(), context.registryAddress()])
  const [desired, state, unfinished] = await Promise.all([
    desire({ source, registry }, config, { env, registry: address, services }),
    cluster.read(),
    cluster.unfinishedReleases(services),
  ])
  const plan = planDeploy(state, { wanted: desired.wanted, color, unfinished })
  if (plan.kind === 'refusal') throw refused(plan)
  const rows = plan.steps.map(({ service, action, color, wanted, replaces }) => {
    const now = state.services[service]
    const live = now ? liveSlot(now) : null
    return { name: service, action, color, wanted, replaces, live }
  })
  const cells = rows.map(({ name, action, color, wanted, live }) => [
    name,
    actions[action],
    color,
    wanted.version,
    live ? `${live.color} ${live.version}` : '-',
  ])
  return {
    document: { version: 1, env, services: rows },
    text: (width) => table([['SERVICE', 'ACTION', 'SLOT', 'VERSION', 'LIVE NOW'], ...cells], width),
    summary: `${rows.length} services planned.`,
  }
}
