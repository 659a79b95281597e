// Computes from the work tree and shopctl.yaml the wanted revision of each service and how to write it.
import { refused } from '../../errors.ts'
import { describeImages, type Image, requireService, type TreeInput } from '../build/images.ts'
import type { BuiltinChart } from '../ports/driver.ts'
import type { PushRecord, Registry, Source } from '../ports/project.ts'
import { requireDigest } from '../push/push.ts'
import { settleAll } from '../settle.ts'
import { rules } from './charts.ts'
import type { Wanted } from './plan.ts'
import {
  hashChart,
  hashOf,
  readReplicas,
  readValues,
  requireChart,
  requireValues,
  revisionOf,
  valuesFiles,
} from './revision.ts'

export interface DesirePorts {
  source: Source
  registry: Registry
  pushed: PushRecord
}

/** How to write a service. */
export interface Recipe {
  /** Chart of a slot. */
  chart: string
  valuesFiles: string[]
  /** The values for the shared chart. */
  shared: { edge?: unknown }
  /** The port in shopctl.yaml. null: it is read from the chart. */
  port: string | number | null
  /** `host:port/shop/order`, without tag. */
  repository: string
  /** Hash over its migrations. null: there are none. */
  migrations: string | null
  migrationFiles: string[]
  /** Hash over charts and values. A combination that passed the checks is not rendered again. */
  checkedHash: string
  /** Hash over the chart of a slot and its values. */
  renderHash: string
}

interface Desired {
  wanted: Record<string, Wanted>
  recipes: Record<string, Recipe>
}

export interface DesireInput extends TreeInput {
  env: string
  /** The chart of the objects that the slots of a service share. */
  sharedChart: BuiltinChart
  /** Earlier images to deploy instead of those of the work tree, by service. */
  images?: Readonly<Record<string, { digest: string; version: string }>>
  /** The images of the work tree, pushed by another machine, by service. null: pushed by this one. */
  digests?: Readonly<Record<string, string>> | null
}

/** Refused if the registry has no image of the current work tree. */
export async function desire(ports: DesirePorts, input: DesireInput): Promise<Desired> {
  const [images] = await settleAll([
    describeImages(ports.source, input),
    requireDependencies(ports.source, input),
  ])
  const each = await settleAll(images.map((image) => desireOne(ports, input, image)))
  return {
    wanted: Object.fromEntries(each.map(({ service, wanted }) => [service, wanted])),
    recipes: Object.fromEntries(each.map(({ service, recipe }) => [service, recipe])),
  }
}

/** Before the first change: deploy installs them after the Secrets. */
async function requireDependencies(
  source: Source,
  { config, env }: Pick<DesireInput, 'config' | 'env'>,
): Promise<void> {
  const { dependencies = [] } = config.environments[env] ?? {}
  const setting = (index: number) => ['environments', env, 'dependencies', index]
  await settleAll(
    dependencies.flatMap(({ chart, values }, index) => [
      requireChart(source, config, [...setting(index), 'chart'], chart),
      ...values.map((path, at) =>
        requireValues(source, config, [...setting(index), 'values', at], path),
      ),
    ]),
  )
}

async function desireOne(
  ports: DesirePorts,
  input: DesireInput,
  image: Image,
): Promise<{ service: string; wanted: Wanted; recipe: Recipe }> {
  const { config, env, sharedChart, images } = input
  const { source } = ports
  const { service, repository } = image
  const earlier = images?.[service]
  const { version } = earlier ?? image
  // The migrations of an earlier image are applied already.
  const { migrations, migrationFiles } = earlier ? { migrations: null, migrationFiles: [] } : image
  const { chart, port = null } = requireService(config, service)
  await requireChart(source, config, ['services', service, 'chart'], chart)
  const files = await valuesFiles(source, config, env, service)
  const [digest, values, chartHash, replicas] = await settleAll([
    requireImage(ports, input, image),
    readValues(source, files),
    hashChart(source, chart),
    readReplicas(source, chart, files),
  ])
  if (values.shopctl !== undefined) throw ownValues(service, files)
  const shared = values.edge === undefined ? {} : { edge: values.edge }
  const checkedHash = hashOf([rules, chartHash, sharedChart.hash, values, port]).slice(0, 32)
  return {
    service,
    wanted: {
      digest,
      version,
      revision: revisionOf({ digest, values, chart: chartHash }),
      replicas,
    },
    recipe: {
      chart,
      valuesFiles: files,
      shared,
      port,
      repository,
      migrations,
      migrationFiles,
      checkedHash,
      renderHash: hashOf([chartHash, values]).slice(0, 12),
    },
  }
}

/** Its digest, which the registry has. */
function requireImage(
  ports: DesirePorts,
  { images, digests = null }: DesireInput,
  image: Image,
): Promise<string> {
  const { registry } = ports
  const earlier = images?.[image.service]
  if (earlier) return requireEarlier(registry, image, earlier)
  if (digests) return requireGiven(registry, image, digests[image.service])
  return requireDigest(ports, image)
}

async function requireEarlier(
  registry: Registry,
  { service, repository }: Image,
  { digest, version }: { digest: string; version: string },
): Promise<string> {
  if (await registry.digest(repository, digest)) return digest
  throw refused({
    code: 'image-gone',
    message: `The registry no longer has the image ${version} of ${service} (${digest.slice(0, 19)}…).`,
    hint: 'Check out that version and run `shopctl release`, or choose a later release of `shopctl history`.',
  })
}

/** The digest is given, so no tag has to be believed. */
async function requireGiven(
  registry: Registry,
  { service, repository }: Image,
  digest: string | undefined,
): Promise<string> {
  if (digest && (await registry.digest(repository, digest))) return digest
  throw refused({
    code: 'not-pushed',
    message: digest
      ? `The registry has no image ${digest.slice(0, 19)}… of ${service}.`
      : `--digests names no image of ${service}.`,
    hint: digest
      ? `Check that ${repository} is where \`shopctl push\` pushed to, or run it again.`
      : 'Add it, or choose the other services with `--service`.',
  })
}

function ownValues(service: string, files: readonly string[]): Error {
  return refused({
    code: 'bad-values',
    message: `The values of ${service} set \`shopctl\`, which shopctl sets itself.`,
    hint: `Remove it from ${files.join(' or ')}.`,
  })
}
