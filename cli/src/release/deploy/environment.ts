// What deploy makes sure of first: namespace, guard, Secrets, and the charts that the services depend on.
import type { EnvironmentConfig } from '../../config/schema.ts'
import { refused, ShopctlError, said } from '../../errors.ts'
import { hashFiles } from '../build/images.ts'
import { compareBroker, firstOf } from '../move/topology.ts'
import type { Broker, Namespace } from '../ports/cluster.ts'
import type { BuiltinChart, ChartWrite, Driver, Recorded } from '../ports/driver.ts'
import type { Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll } from '../settle.ts'
import { hashChart, hashOf } from './revision.ts'
import { makeSecrets } from './secrets.ts'

export interface EnvironmentPorts {
  namespace: Namespace
  driver: Driver
  /** null: the environment names none. */
  broker: Broker | null
  source: Source
  progress: Progress
  signal: AbortSignal
}

export interface EnvironmentInput {
  environment: EnvironmentConfig
  guardChart: BuiltinChart
  /** Of the Namespace. */
  uid: string
}

/** How long a dependency may take to start that was installed before. */
const startMs = 30_000

type Dependency = EnvironmentConfig['dependencies'][number]

/** Mark of a release that says what it was made of. */
const inputs = 'inputs'

export async function prepareEnvironment(
  ports: EnvironmentPorts,
  { environment, guardChart, uid }: EnvironmentInput,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<void> {
  await Promise.all([
    makeSecrets(ports.namespace, environment.secrets),
    ensureGuard(ports, guardChart, uid, recorded),
  ])
  const { broker, dependencies } = environment
  await settleAll(
    dependencies.map(async (each) => {
      const chart = await chartOf(ports.source, each)
      const installed = await ensureInstalled(ports, chart, recorded)
      // What was installed just now has declared its topology.
      if (!installed && each.name === broker) await repairBroker(ports, chart)
    }),
  )
}

export const guardName = 'shopctl-guard'

/** The rule that nobody changes a slot that serves. Only an administrator may install it, once. */
async function ensureGuard(
  { driver, progress, signal }: EnvironmentPorts,
  { path, hash }: BuiltinChart,
  uid: string,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<void> {
  const marks = { [inputs]: hashOf([hash, uid]).slice(0, 40) }
  const known = recorded[guardName]
  if (known?.finished && known.marks[inputs] === marks[inputs]) return
  const values = { namespaceUid: uid }
  try {
    await driver.install({ name: guardName, chart: path, valuesFiles: [], values, marks }, signal)
  } catch (problem) {
    if (signal.aborted || !isForbidden(problem)) throw problem
    const state = known ? 'an older guard' : 'no guard'
    progress.warn(
      `This environment has ${state} against changes of what serves: your account may not install one. An administrator's first \`shopctl deploy\` does.`,
    )
  }
}

function isForbidden(problem: unknown): boolean {
  return problem instanceof ShopctlError && /\bforbidden\b/i.test(said(problem))
}

async function chartOf(source: Source, { name, chart, values }: Dependency): Promise<ChartWrite> {
  const [chartHash, valuesHash] = await Promise.all([
    hashChart(source, chart),
    hashFiles(source, await source.files(values)),
  ])
  const marks = { [inputs]: hashOf([chartHash, valuesHash]).slice(0, 40) }
  return { name, chart, valuesFiles: values, values: {}, marks }
}

/** Whether it was installed or upgraded. */
async function ensureInstalled(
  ports: EnvironmentPorts,
  chart: ChartWrite,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<boolean> {
  const { name, marks } = chart
  const { driver, namespace, progress, signal } = ports
  const known = recorded[name]
  const stands = await namespace.statefulSet(name)
  if (stands && known?.finished && known.marks[inputs] === marks[inputs]) {
    await awaitRunning(ports, name)
    return false
  }
  await progress.step(`install ${name}`, () => driver.install(chart, signal))
  return true
}

/** The chart's own Job declares the topology with every upgrade, and fails if the broker does not take it. */
async function repairBroker(ports: EnvironmentPorts, chart: ChartWrite): Promise<void> {
  const { broker, driver, progress, signal } = ports
  if (!broker) return
  const differences = await compareBroker(broker)
  if (differences.length === 0) return
  progress.note(`${chart.name} is not what its chart declares: ${firstOf(differences)}`)
  await progress.step(`repair ${chart.name}`, () => driver.install(chart, signal))
}

/** Without it every pod would only run into the deploy's time limit. */
async function awaitRunning(
  { namespace, progress, signal }: EnvironmentPorts,
  name: string,
): Promise<void> {
  const found = await namespace.statefulSet(name)
  if ((found?.ready ?? 0) > 0) return
  const wanted = found?.replicas ?? 0
  // It may just be starting, with the machine; scaled to nothing it never will.
  const started =
    wanted > 0 &&
    (await progress.step(`wait for ${name}`, () =>
      namespace.awaitStatefulSet(name, { timeoutMs: startMs, signal }),
    ))
  if (started) return
  throw refused({
    code: 'dependency-down',
    message: `${name} is down: none of the ${wanted} pods of its StatefulSet ${name} is ready.`,
    hint: `Look at it with \`kubectl describe statefulset ${name}\`, then run the command again.`,
  })
}
