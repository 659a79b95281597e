// shopctl plan
import type { Context } from '../context.ts'
import { type Planned, plan } from '../inspect/plan.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import type { DeployStep } from '../release/deploy/plan.ts'
import type { Color, Slot } from '../release/slot.ts'
import { sideText } from './moved.ts'

const actions: Record<DeployStep['action'], string> = {
  live: 'already live',
  ready: 'already on standby',
  upgrade: 'deploy',
}

export async function planCommand(
  context: Context,
  { color }: { color: Color | null },
): Promise<Result> {
  const [ports, tree] = await Promise.all([context.cluster(), context.tree()])
  const { steps, notes } = await plan(ports, { ...tree, ...context.builtinCharts(), color })
  const rows = steps.map(({ service, action, color, wanted, live }) => [
    service,
    actions[action],
    color,
    wanted.version,
    sideText(live),
  ])
  return {
    document: { version: 1, env: context.env, services: steps.map(stepDocument), notes },
    text: (width) =>
      [
        table([['SERVICE', 'ACTION', 'SLOT', 'VERSION', 'LIVE NOW'], ...rows], width),
        ...notes.map((note) => wrapped(note, width)),
      ].join('\n'),
    summary: `${steps.filter(({ action }) => action === 'upgrade').length} of ${steps.length} slots to deploy`,
  }
}

export function stepDocument({ service, action, color, wanted, replaces, live }: Planned): object {
  const { digest, version, revision } = wanted
  return {
    name: service,
    action,
    color,
    wanted: { digest, version, revision },
    replaces: replaces && slotDocument(replaces),
    live: live && slotDocument(live),
  }
}

function slotDocument({ color, digest, version, revision, replicas, ready }: Slot): object {
  return { color, digest, version, revision, replicas, ready }
}
