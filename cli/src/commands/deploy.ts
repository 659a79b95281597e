// shopctl deploy
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { duration } from '../output/text.ts'
import { type Deployed, deploy } from '../release/deploy.ts'
import { desire } from '../release/desire.ts'
import { layFoundations } from '../release/foundations.ts'
import { withLock } from '../release/lock.ts'
import { planDeploy } from '../release/plan.ts'
import type { Color } from '../release/state.ts'
import { askIfProtected } from './switch.ts'

export interface DeployInput {
  color: Color | null
  timeoutMs: number
  reason: string | null
  yes: boolean
}

/** Under the lock, which the caller holds. */
export async function deploySlots(
  context: Context,
  { color, timeoutMs }: Pick<DeployInput, 'color' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Deployed[]> {
  const { config, env, environment, services, source, registry, progress } = context
  const [cluster, helm, broker, address] = await Promise.all([
    context.cluster(),
    context.helm(),
    context.broker(),
    context.registryAddress(),
  ])
  const [desired, state, unfinished] = await Promise.all([
    desire({ source, registry }, config, { env, registry: address, services }),
    cluster.read(),
    cluster.unfinishedReleases(services),
  ])
  const plan = planDeploy(state, { wanted: desired.wanted, color, unfinished })
  if (plan.kind === 'refusal') throw refused(plan)
  const foundations = { cluster, helm, broker, source, progress, signal }
  await layFoundations(foundations, environment, state.records)
  return deploy({ cluster, helm, progress, signal }, state, plan, desired.recipes, { timeoutMs })
}

export async function deployCommand(context: Context, input: DeployInput): Promise<Result> {
  const { env, services, signal } = context
  await askIfProtected(context, 'deploy', input.yes)
  const cluster = await context.cluster()
  await cluster.ensureNamespace()
  const deployed = await withLock(
    cluster,
    input.reason ?? `deploy of ${services.join(', ')}`,
    signal,
    (signal) => deploySlots(context, input, signal),
  )
  return {
    document: {
      version: 1,
      env,
      services: deployed.map(({ service, color, version, revision, action }) => ({
        name: service,
        color,
        version,
        revision,
        action,
      })),
    },
    text: (width) => deployTable(deployed, width),
    summary: `Deployed ${deployed.length} services.`,
  }
}

const outcomes: Record<Deployed['action'], string> = {
  live: 'serves already',
  ready: 'stood by already',
  upgrade: 'ready',
}

export function deployTable(deployed: readonly Deployed[], width?: number): string {
  return table(
    [
      ['SERVICE', 'SLOT', 'VERSION', 'REVISION', 'STANDBY', 'TOOK'],
      ...deployed.map(({ service, color, version, revision, action, tookMs }) => [
        service,
        color,
        version,
        revision,
        outcomes[action],
        action === 'upgrade' ? duration(tookMs) : '-',
      ]),
    ],
    width,
  )
}
