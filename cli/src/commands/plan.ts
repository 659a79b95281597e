// shopctl plan
import type { Context } from '../context.ts'
import { plan } from '../inspect/plan.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import type { DeployStep } from '../release/deploy/plan.ts'
import type { Color } from '../release/slot.ts'

const actions: Record<DeployStep['action'], string> = {
  live: 'serves already',
  ready: 'stands by already',
  upgrade: 'deploy',
}

export async function planCommand(
  context: Context,
  { color }: { color: Color | null },
): Promise<Result> {
  const [ports, tree] = await Promise.all([context.cluster(), context.tree()])
  const steps = await plan(ports, { ...tree, sharedChart: context.builtin.service, color })
  const rows = steps.map(({ service, action, color, wanted, live }) => [
    service,
    actions[action],
    color,
    wanted.version,
    live ? `${live.color} ${live.version}` : '-',
  ])
  const services = steps.map(({ service: name, ...step }) => ({ name, ...step }))
  return {
    document: { version: 1, env: context.env, services },
    text: (width) => table([['SERVICE', 'ACTION', 'SLOT', 'VERSION', 'LIVE NOW'], ...rows], width),
    summary: `${steps.filter(({ action }) => action === 'upgrade').length} of ${steps.length} slots to deploy`,
  }
}
