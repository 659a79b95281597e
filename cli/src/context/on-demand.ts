// What only some environments have. Each part is imported when it is first needed: a command starts sooner without it.
import type { KubernetesPorts } from '../adapters/kubernetes/ports.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { LogStore } from '../release/ports/logs.ts'
import type { Metrics } from '../release/ports/metrics.ts'
import type { createEksAccess, EksAccess } from './eks.ts'
import type { createGitops } from './gitops.ts'
import type { LogStoreOptions } from './log-store.ts'
import type { createMetrics } from './metrics.ts'

/** null: the environment names no log store. */
export async function accessLogStore(
  { logs, namespace }: EnvironmentConfig,
  api: KubernetesPorts['api'],
  options: LogStoreOptions,
): Promise<LogStore | null> {
  if (!logs) return null
  const { createLogStore } = await import('./log-store.ts')
  return createLogStore({ ...logs, namespace }, api, options)
}

export async function accessGitops(...of: Parameters<typeof createGitops>) {
  const { createGitops } = await import('./gitops.ts')
  return createGitops(...of)
}

export async function accessEks(...of: Parameters<typeof createEksAccess>): Promise<EksAccess> {
  const { createEksAccess } = await import('./eks.ts')
  return createEksAccess(...of)
}

export async function accessMetrics(...of: Parameters<typeof createMetrics>): Promise<Metrics> {
  const { createMetrics } = await import('./metrics.ts')
  return createMetrics(...of)
}
