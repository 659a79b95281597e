// shopctl smoke
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { duration } from '../output/text.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { smoke } from '../release/smoke/smoke.ts'
import type { LockInput } from './confirm.ts'

export async function smokeCommand(context: Context, { lockWaitMs }: LockInput): Promise<Result> {
  const { config, chosen, env, environment } = context
  const ports = await context.cluster()
  const { services, combination } = await besideBroker(
    ports,
    smoke(ports, {
      config,
      services: chosen,
      namespaceName: environment.namespace,
      reason: null,
      lockWaitMs,
    }),
  )
  const rows = [
    ['SERVICE', 'SLOT', 'VERSION', 'SMOKE', 'TOOK'],
    ...services.map(({ name, color, version, tookMs }) => [
      name,
      color,
      version,
      'passed',
      duration(tookMs),
    ]),
  ]
  return {
    document: {
      version: 1,
      env,
      services: services.map(({ tookMs: _, ...slot }) => slot),
      combination,
    },
    text: (width) => table(rows, width),
    summary: `${services.map(({ name }) => name).join(', ')} passed`,
    tables: [rows],
  }
}
