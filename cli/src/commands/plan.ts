// shopctl plan
import type { Context } from '../context.ts'
import { type Plan, type Planned, plan } from '../inspect/plan.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { wrapped } from '../output/text.ts'
import { type DeployStep, plannedReplicas } from '../release/deploy/plan.ts'
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
  const [cluster, builder, tree] = await Promise.all([
    context.cluster(),
    context.builder(),
    context.tree(),
  ])
  const ports = { ...cluster, builder }
  const { environment } = context
  const input = { ...tree, ...context.builtinCharts(), environment, color }
  const { steps, notes } = await plan(ports, input)
  return {
    document: { version: 1, env: context.env, services: steps.map(stepDocument), notes },
    text: (width) => planText({ steps, notes }, width),
    summary: `${steps.filter(({ action }) => action === 'upgrade').length} of ${steps.length} slots to deploy`,
    tables: [planRows(steps)],
  }
}

function planRows(steps: Plan['steps']): string[][] {
  const rows = steps.map((step) => [
    step.service,
    actionText(step),
    step.color,
    step.wanted.version,
    String(plannedReplicas(step) ?? '-'),
    sideText(step.live),
  ])
  return [['SERVICE', 'ACTION', 'SLOT', 'VERSION', 'PODS', 'LIVE NOW'], ...rows]
}

export function planText({ steps, notes }: Plan, width: number): string {
  return [table(planRows(steps), width), ...notes.map((note) => wrapped(note, width))].join('\n')
}

/** Another image is what a deploy is for. Other reasons are named. */
function actionText({ action, changes }: Planned): string {
  const named = changes.filter((each) => each !== 'image')
  return named.length > 0 ? `${actions[action]}: new ${named.join(', ')}` : actions[action]
}

export function stepDocument(step: Planned): object {
  const { service, action, color, wanted, replaces, live, changes } = step
  const { digest, version, revision } = wanted
  return {
    name: service,
    action,
    color,
    wanted: { digest, version, revision },
    replicas: plannedReplicas(step),
    replaces: replaces && slotDocument(replaces),
    live: live && slotDocument(live),
    changes,
  }
}

function slotDocument({ color, digest, version, revision, replicas, ready }: Slot): object {
  return { color, digest, version, revision, replicas, ready }
}
