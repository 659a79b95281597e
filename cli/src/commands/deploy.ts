// shopctl deploy
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { duration } from '../output/text.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { type Deployed, type DeployInput, deploy } from '../release/deploy/deploy.ts'
import { refuseFrozen } from '../release/freeze.ts'
import type { Color } from '../release/slot.ts'
import { type ChangeInput, confirmChange, type FreezeInput, type LockInput } from './confirm.ts'

interface DeployCommandInput extends ChangeInput, FreezeInput, LockInput {
  color: Color | null
  /** The image of each service. null: those of the work tree that were pushed from this machine. */
  digests: Readonly<Record<string, string>> | null
  timeoutMs: number
}

export async function deployCommand(
  context: Context,
  { yes, ...input }: DeployCommandInput,
): Promise<Result> {
  refuseFrozen(context, { ...input, freezes: context.environment.freezes })
  await confirmChange(context, 'deploy', yes)
  const ports = await context.cluster()
  const desired = { ...(await deployInput(context)), ...input }
  return deployResult(context.env, await besideBroker(ports, deploy(ports, desired)))
}

export function deployResult(env: string, deployed: readonly Deployed[]): Result {
  return {
    document: {
      version: 1,
      env,
      services: deployed.map(({ service: name, tookMs: _, ...slot }) => ({ name, ...slot })),
    },
    text: (width) => deployTable(deployed, width),
    summary: deployed
      .map(({ service, color, version }) => `${service} ${color} ${version}`)
      .join(', '),
    tables: [deployRows(deployed)],
    outputs: {
      colors: Object.fromEntries(deployed.map(({ service, color }) => [service, color])),
      standby: deployed.filter(({ action }) => action !== 'live').map(({ service }) => service),
    },
  }
}

/** The input of a deploy that comes from the project. */
export async function deployInput(
  context: Context,
): Promise<Omit<DeployInput, 'color' | 'timeoutMs' | 'reason'>> {
  const { environment } = context
  return { ...(await context.tree()), ...context.builtinCharts(), environment }
}

const outcomes: Record<Deployed['action'], string> = {
  live: 'already live',
  ready: 'already on standby',
  upgrade: 'ready',
}

export function deployTable(deployed: readonly Deployed[], width: number): string {
  return table(deployRows(deployed), width)
}

export function deployRows(deployed: readonly Deployed[]): string[][] {
  return [
    ['SERVICE', 'SLOT', 'VERSION', 'REVISION', 'STATE', 'TOOK'],
    ...deployed.map(({ service, color, version, revision, action, tookMs }) => [
      service,
      color,
      version,
      revision,
      outcomes[action],
      action === 'upgrade' ? duration(tookMs) : '-',
    ]),
  ]
}
