// What deploy makes sure of first: namespace, generated Secrets, and the charts that the services depend on.
import { randomBytes } from 'node:crypto'
import type { EnvironmentConfig } from '../config/schema.ts'
import { refused } from '../errors.ts'
import { hashFiles } from './images.ts'
import type { Broker, Cluster, Helm, Progress, Source } from './ports.ts'
import { canonical, hashChart } from './revision.ts'
import { settleAll } from './settle.ts'
import type { Records } from './state.ts'
import { compareBroker, firstOf } from './topology.ts'

export interface FoundationPorts {
  cluster: Cluster
  helm: Helm
  /** null: the environment names none. */
  broker: Broker | null
  source: Source
  progress: Progress
  signal: AbortSignal
}

export async function layFoundations(
  ports: FoundationPorts,
  environment: EnvironmentConfig,
  records: Records,
): Promise<void> {
  await makeSecrets(ports.cluster, environment.secrets)
  const { broker, dependencies } = environment
  await settleAll(
    dependencies.map(async (each) => {
      const installed = await ensureDependency(ports, each, records)
      // What was installed just now has declared its topology.
      if (!installed && each.name === broker) await mendBroker(ports, each)
    }),
  )
}

/** How long a dependency may take to start that was installed before. */
const startMs = 30_000

type Dependency = EnvironmentConfig['dependencies'][number]

type Secrets = Record<string, Record<string, string>>

function randomText(): string {
  return randomBytes(18).toString('base64url')
}

/** What is missing in `existing`, with random values drawn and references filled in; pure but for `draw`. */
export function missingSecrets(wanted: Secrets, existing: Secrets, draw: () => string): Secrets {
  const all: Secrets = structuredClone(existing)
  const missing: Secrets = {}
  const add = (secret: string, key: string, value: string): void => {
    for (const map of [all, missing]) {
      map[secret] ??= {}
      map[secret][key] = value
    }
  }
  const open = Object.entries(wanted).flatMap(([secret, keys]) =>
    Object.entries(keys)
      .filter(([key]) => existing[secret]?.[key] === undefined)
      .map(([key, text]) => ({ secret, key, text })),
  )
  for (const { secret, key } of open.filter(({ text }) => text === 'random'))
    add(secret, key, draw())
  for (const { secret, key, text } of open.filter(({ text }) => text !== 'random')) {
    add(secret, key, fillIn(text, all, `secrets.${secret}.${key}`))
  }
  return missing
}

function fillIn(text: string, secrets: Secrets, path: string): string {
  return text.replaceAll(/\$\{([^}.]+)\.([^}]+)\}/g, (_, secret: string, key: string) => {
    const value = secrets[secret]?.[key]
    if (value !== undefined) return encodeURIComponent(value)
    throw refused({
      code: 'bad-config',
      message: `shopctl.yaml: ${path}: there is no secret value ${secret}.${key}.`,
      hint: `Add it below \`secrets.${secret}\`; it has to be \`random\` or exist already.`,
    })
  })
}

async function makeSecrets(cluster: Cluster, wanted: Secrets): Promise<void> {
  const found = await Promise.all(
    Object.keys(wanted).map(async (name) => [name, await cluster.readSecret(name)] as const),
  )
  const existing = Object.fromEntries(found.flatMap(([name, data]) => (data ? [[name, data]] : [])))
  const missing = missingSecrets(wanted, existing, randomText)
  await Promise.all(Object.entries(missing).map(([name, data]) => cluster.addToSecret(name, data)))
}

/** Whether it was installed or upgraded. */
async function ensureDependency(
  ports: FoundationPorts,
  dependency: Dependency,
  records: Records,
): Promise<boolean> {
  const { name, chart, values } = dependency
  const { cluster, source, progress } = ports
  const [chartHash, valuesHash] = await Promise.all([
    hashChart(source, chart),
    hashFiles(source, await source.files(values)),
  ])
  const hash = canonical([chartHash, valuesHash])
  const stands = await cluster.statefulSet(name)
  if (records.dependencies[name] === hash && stands) {
    await awaitRunning(ports, name)
    return false
  }
  await progress.step(`install ${name}`, () => install(ports, dependency))
  await cluster.updateRecords((now) => ({
    ...now,
    dependencies: { ...now.dependencies, [name]: hash },
  }))
  return true
}

async function install(
  { cluster, helm }: FoundationPorts,
  { name, chart, values }: Dependency,
): Promise<void> {
  await cluster.clearPendingReleases([name])
  await helm.upgrade({ name, chart, valuesFiles: values, wait: true })
}

/** The chart's own Job declares the topology with every upgrade, and fails if the broker does not take it. */
async function mendBroker(ports: FoundationPorts, dependency: Dependency): Promise<void> {
  const { broker, progress } = ports
  if (!broker) return
  const differences = await compareBroker(broker)
  if (differences.length === 0) return
  progress.note(`${dependency.name} is not what its chart declares: ${firstOf(differences)}`)
  await progress.step(`mend ${dependency.name}`, () => install(ports, dependency))
}

/** Without it every pod would only run into the deploy's time limit. */
async function awaitRunning(
  { cluster, progress, signal }: FoundationPorts,
  name: string,
): Promise<void> {
  const ready = async (): Promise<boolean> => ((await cluster.statefulSet(name))?.ready ?? 0) > 0
  if (await ready()) return
  const wanted = (await cluster.statefulSet(name))?.replicas ?? 0
  // It may just be starting, with the machine; scaled to nothing it never will.
  if (
    wanted > 0 &&
    (await progress.step(`wait for ${name}`, () =>
      cluster.awaitStatefulSet(name, { timeoutMs: startMs, signal }),
    ))
  )
    return
  throw refused({
    code: 'dependency-down',
    message: `${name} is down: none of the ${wanted} pods of its StatefulSet ${name} is ready.`,
    hint: `Look at it with \`kubectl describe statefulset ${name}\`, then run the command again.`,
  })
}
