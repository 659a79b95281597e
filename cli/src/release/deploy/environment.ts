// What deploy prepares first: Secrets, guard, and the charts that the services depend on.
import type { EnvironmentConfig } from '../../config/schema.ts'
import { refused, ShopctlError, said } from '../../errors.ts'
import { hashFiles } from '../build/inputs.ts'
import { compareBroker, firstOf } from '../move/topology.ts'
import type { Broker, Namespace } from '../ports/cluster.ts'
import type { BuiltinChart, ChartWrite, Driver, Recorded } from '../ports/driver.ts'
import type { Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll } from '../settle.ts'
import { hashChart, hashOf } from './revision.ts'
import { makeSecrets, type SecretsPlan } from './secrets.ts'
import { type WordsPorts, withWords } from './words.ts'

export interface EnvironmentPorts extends WordsPorts {
  namespace: Namespace
  driver: Driver
  /** null: the environment names none. */
  broker: Broker | null
  source: Source
  progress: Progress
}

interface EnvironmentInput {
  environment: EnvironmentConfig
  guardChart: BuiltinChart
  secrets: SecretsPlan
  /** The uid of the Namespace. */
  uid: string
}

/** How long an installed dependency may take to start. */
const startMs = 30_000

type Dependency = EnvironmentConfig['dependencies'][number]

/** Mark of a release: the hash of its chart and values. */
const inputs = 'inputs'

export async function prepareEnvironment(
  ports: EnvironmentPorts,
  { environment, guardChart, secrets, uid }: EnvironmentInput,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<void> {
  await settleAll([
    makeSecrets(ports.namespace, secrets),
    ensureGuard(ports, guardChart, uid, recorded),
  ])
  const { broker, dependencies } = environment
  await settleAll(
    dependencies.map(async (each) => {
      const chart = await chartOf(ports.source, each)
      const installed = await ensureInstalled(ports, chart, recorded)
      // Installing the chart has just declared its topology.
      if (!installed && each.name === broker) await repairBroker(ports, chart)
    }),
  )
}

export const guardName = 'shopctl-guard'

/** Installs the admission policy that protects the live slots. Only an administrator may install it. */
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
  } catch (error) {
    if (signal.aborted || !isForbidden(error)) throw error
    const state = known ? 'an older guard' : 'no guard'
    progress.warn(
      `This environment has ${state} against changes of the live slots: your account may not install one. An administrator's \`shopctl deploy\` installs it.`,
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

/** Whether the chart was installed or upgraded. */
async function ensureInstalled(
  ports: EnvironmentPorts,
  chart: ChartWrite,
  recorded: Readonly<Record<string, Recorded>>,
): Promise<boolean> {
  const { name, marks } = chart
  const { driver, namespace, progress } = ports
  const known = recorded[name]
  const exists = (await namespace.statefulSet(name)) !== null
  if (exists && known?.finished && known.marks[inputs] === marks[inputs]) {
    await awaitRunning(ports, name)
    return false
  }
  await progress.step(`install ${name}`, () =>
    withWords(ports, name, (signal) => driver.install(chart, signal)),
  )
  return true
}

/** The chart's Job declares the topology at every upgrade, and fails if the broker rejects it. */
async function repairBroker(ports: EnvironmentPorts, chart: ChartWrite): Promise<void> {
  const { broker, driver, progress } = ports
  if (!broker) return
  const differences = await compareBroker(broker)
  if (differences.length === 0) return
  progress.note(`${chart.name} is not as its chart declares: ${firstOf(differences)}`)
  await progress.step(`repair ${chart.name}`, () =>
    withWords(ports, chart.name, (signal) => driver.install(chart, signal)),
  )
}

/** Refuses early: without a dependency no slot becomes ready. */
async function awaitRunning(ports: EnvironmentPorts, name: string): Promise<void> {
  const { namespace, progress } = ports
  const found = await namespace.statefulSet(name)
  if ((found?.ready ?? 0) > 0) return
  const wanted = found?.replicas ?? 0
  const time = wanted > 0 ? `, also after ${startMs / 1000} s` : ''
  const down = refused({
    code: 'dependency-down',
    message: `${name} is down: none of the ${wanted} pods of its StatefulSet ${name} is ready${time}.`,
    hint: `Run \`shopctl diagnose\` to see why, then run the command again.`,
  })
  // Scaled to zero it never starts.
  if (wanted === 0) throw down
  await progress.step(`wait for ${name}`, () =>
    withWords(ports, name, async (signal) => {
      if (await namespace.awaitStatefulSet(name, { timeoutMs: startMs, signal })) return
      throw down
    }),
  )
}
