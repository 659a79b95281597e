// shopctl smoke
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { duration } from '../output/text.ts'
import { withLock } from '../release/lock.ts'
import { type Smoked, smoke } from '../release/smoke.ts'

/** Under the lock, which the caller holds. */
export async function smokeSlots(context: Context, signal: AbortSignal): Promise<Smoked> {
  const { config, chosen, environment, programs, progress, clock } = context
  const [cluster, traffic] = await Promise.all([context.cluster(), context.traffic()])
  const scripts = Object.fromEntries(
    Object.entries(config.services).map(([name, { smoke }]) => [name, smoke]),
  )
  return smoke({ cluster, traffic, programs, progress, clock, signal }, await cluster.read(), {
    services: chosen,
    namespace: environment.namespace,
    scripts,
    whole: config.smoke ?? null,
  })
}

export async function smokeCommand(context: Context): Promise<Result> {
  const { env, services, signal } = context
  const reason = `smoke test of ${services.join(', ')}`
  const smoked = await withLock(await context.cluster(), reason, signal, (signal) =>
    smokeSlots(context, signal),
  )
  return {
    document: {
      version: 1,
      env,
      services: smoked.services.map(({ name, color, version, revision }) => ({
        name,
        color,
        version,
        revision,
      })),
      combination: smoked.combination,
    },
    text: (width) =>
      table(
        [
          ['SERVICE', 'SLOT', 'VERSION', 'SMOKE', 'TOOK'],
          ...smoked.services.map(({ name, color, version, tookMs }) => [
            ...[name, color, version, 'passed', duration(tookMs)],
          ]),
        ],
        width,
      ),
    summary: `The smoke tests of ${smoked.services.map(({ name }) => name).join(', ')} passed.`,
  }
}
