// deploy: writes the wanted revision to the standby slots and waits until they are ready; the live ones stay as they are.
import { afterChange, failed, interrupted } from '../errors.ts'
import { lastLines } from './last-lines.ts'
import type { DeployPlan, DeployStep } from './plan.ts'
import type { Cluster, Helm, HelmRelease, Progress } from './ports.ts'
import { judgeRollout, type RolloutProblem } from './rollout.ts'
import { settleAll } from './settle.ts'
import type { Color, EnvironmentState, Pointer } from './state.ts'
import { sameTarget } from './state.ts'

export interface DeployPorts {
  cluster: Cluster
  helm: Helm
  progress: Progress
  signal: AbortSignal
}

/** What the chart needs to know of a service, the plan aside. */
export interface Recipe {
  chart: string
  valuesFiles: string[]
  /** `host:port/shop/order`, without tag. */
  repository: string
  migrations: string
}

export interface Deployed {
  service: string
  color: Color
  revision: string
  version: string
  action: DeployStep['action']
  /** Milliseconds until the slot was ready. */
  tookMs: number
}

/** Name of a service's migration Job, as the chart makes it. */
export function migrationJob(service: string, migrations: string): string {
  return `${service}-migrate-${migrations}`
}

export function helmRelease(step: DeployStep, recipe: Recipe): HelmRelease {
  return {
    name: step.service,
    chart: recipe.chart,
    valuesFiles: recipe.valuesFiles,
    values: {
      service: step.service,
      color: step.color,
      slot: {
        image: `${recipe.repository}@${step.wanted.digest}`,
        version: step.wanted.version,
        revision: step.wanted.revision,
        migrations: recipe.migrations,
      },
    },
  }
}

export async function deploy(
  ports: DeployPorts,
  state: EnvironmentState,
  plan: DeployPlan,
  recipes: Readonly<Record<string, Recipe>>,
  options: { timeoutMs: number },
): Promise<Deployed[]> {
  const upgrades = plan.steps.filter(({ action }) => action === 'upgrade')
  const mended = await ports.cluster.clearPendingReleases(upgrades.map(({ service }) => service))
  for (const name of mended)
    ports.progress.note(`mended the Helm release ${name}, which was left half-way`)
  return settleAll(
    plan.steps.map(async (step) => {
      const started = performance.now()
      const recipe = recipes[step.service]
      if (step.action === 'upgrade' && recipe) {
        await ports.progress.step(
          `deploy ${step.service} ${step.color} ${step.wanted.version}`,
          () => upgrade(ports, step, recipe, options.timeoutMs),
        )
      } else await pointPreview(ports.cluster, step, state.services[step.service]?.preview ?? null)
      const { service, color, wanted, action } = step
      const { revision, version } = wanted
      return {
        service,
        color,
        revision,
        version,
        action,
        tookMs: Math.round(performance.now() - started),
      }
    }),
  )
}

async function upgrade(
  ports: DeployPorts,
  step: DeployStep,
  recipe: Recipe,
  timeoutMs: number,
): Promise<void> {
  const { cluster, helm, signal } = ports
  const { service, color, wanted } = step
  const job = migrationJob(service, recipe.migrations)
  await cluster.clearFailedJob(job, signal)
  // Who lost the lock, or was frozen while it ran out, must not write any more.
  if (signal.aborted) throw interrupted()
  await helm.upgrade(helmRelease(step, recipe))
  try {
    // Helm may have made the Service, or changed it.
    await pointPreview(cluster, step, await cluster.pointer(service, 'preview'))
  } catch (error) {
    throw afterChange(error)
  }
  const target = { service, color, revision: wanted.revision, job }
  const verdict = await cluster.awaitRollout(target, judgeRollout, { timeoutMs, signal })
  if (verdict?.kind === 'ready') return
  throw verdict ? await broken(cluster, step, verdict) : await late(cluster, step, timeoutMs)
}

/** Makes the slot the candidate: from now on smoke and switch mean it. */
async function pointPreview(
  cluster: Cluster,
  step: DeployStep,
  pointer: Pointer | null,
): Promise<void> {
  if (!pointer || sameTarget(pointer.target, step.preview)) return
  await cluster.point(step.service, 'preview', step.preview, pointer.resourceVersion)
}

const untouched = 'What serves was not touched.'

async function broken(cluster: Cluster, step: DeployStep, problem: RolloutProblem): Promise<Error> {
  const { pod, container, what, exitCode, restarted } = problem
  const lines =
    exitCode === null
      ? ''
      : await cluster.logs(pod, container, { lines: 15, previous: restarted }).catch(() => '')
  return failed({
    code: 'slot-broken',
    message: `${step.service} ${step.color}: ${what}${lines ? `\n${lastLines(lines, 15)}` : ''}`,
    hint: `${untouched} Mend the service and run \`shopctl deploy\` again.`,
  })
}

async function late(cluster: Cluster, step: DeployStep, timeoutMs: number): Promise<Error> {
  const target = { color: step.color, revision: step.wanted.revision }
  const pods = await cluster.pods(step.service, target)
  const reasons = await Promise.all(
    pods
      .slice(0, 2)
      .map(async (pod) => `${pod}: ${await cluster.readiness(pod).catch(() => 'no answer')}`),
  )
  return failed({
    code: 'slot-not-ready',
    message: [
      `${step.service} ${step.color} was not ready after ${timeoutMs / 1000} s.`,
      ...reasons,
    ].join('\n'),
    hint: `${untouched} Look into the pods, then run \`shopctl deploy\` again.`,
  })
}
