// Computes from the work tree and shopctl.yaml the wanted revision of each service and how to write it.
import { isRefused, refused } from '../../errors.ts'
import {
  describeImages,
  type Image,
  repositoryOf,
  requireService,
  type TreeInput,
} from '../build/images.ts'
import type { Settings } from '../kept.ts'
import type { BuiltinChart } from '../ports/driver.ts'
import type { PushRecord, Registry, Source } from '../ports/project.ts'
import { requireDigest } from '../push/push.ts'
import { settleAll } from '../settle.ts'
import { rules } from './charts.ts'
import type { Wanted } from './plan.ts'
import {
  hashChart,
  hashOf,
  mergedValues,
  readReplicas,
  readTexts,
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
  /** What is kept with the slot. */
  origin: Origin
  /** What the slot of an earlier release used, which is deployed again. null: it is of the work tree. */
  earlier: Pick<Settings, 'secrets' | 'configMaps'> | null
}

/** What the revision of a slot depends on, and how it was made. */
type Origin = Pick<Settings, 'chart' | 'values' | 'port' | 'replicas'>

/** What a slot of an earlier release was deployed with, in files on this machine. */
export interface KeptSlot {
  /** The folder of its chart. */
  chart: string
  valuesFiles: string[]
  settings: Settings
}

/** An image of an earlier release. */
export interface Earlier {
  digest: string
  version: string
  /** null: the chart and values of the work tree are used. */
  kept: KeptSlot | null
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
  images?: Readonly<Record<string, Earlier>>
  /** The images of the work tree, pushed by another machine, by service. null: pushed by this one. */
  digests?: Readonly<Record<string, string>> | null
}

/** Refused if the registry has no image of the current work tree. */
export async function desire(ports: DesirePorts, input: DesireInput): Promise<Desired> {
  const { services, images = {} } = input
  const kept = services.flatMap((service) => {
    const earlier = images[service]
    return earlier?.kept ? [{ service, earlier, kept: earlier.kept }] : []
  })
  const others = services.filter((service) => !images[service]?.kept)
  const [described] = await settleAll([
    others.length > 0 ? describeImages(ports.source, { ...input, services: others }) : [],
    requireDependencies(ports.source, input),
  ])
  const each = await settleAll([
    ...described.map((image) => desireOne(ports, input, image)),
    ...kept.map((slot) => desireKept(ports, input, slot)),
  ])
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

interface DesiredOne {
  service: string
  wanted: Wanted
  recipe: Recipe
}

async function desireOne(
  ports: DesirePorts,
  input: DesireInput,
  image: Image,
): Promise<DesiredOne> {
  const { config, env, images } = input
  const { source } = ports
  const { service, repository } = image
  const earlier = images?.[service]
  const { version } = earlier ?? image
  // The migrations of an earlier image are applied already.
  const { migrations, migrationFiles } = earlier ? { migrations: null, migrationFiles: [] } : image
  const { chart, port = null } = requireService(config, service)
  await requireChart(source, config, ['services', service, 'chart'], chart)
  const files = await valuesFiles(source, config, env, service)
  const texts = readTexts(source, files)
  const [digest, values, chartHash, replicas] = await settleAll([
    requireImage(ports, input, image),
    texts,
    hashChart(source, chart),
    texts.then((read) => readReplicas(source, chart, read)),
  ])
  return desiredOf(input, {
    service,
    repository,
    digest,
    version,
    chart,
    valuesFiles: files,
    migrations,
    migrationFiles,
    earlier: null,
    origin: { chart: chartHash, values, port, replicas },
  })
}

/** Of the work tree only its `edge` counts: its release may be older than any chart of it. */
async function desireKept(
  { registry, source }: DesirePorts,
  input: DesireInput,
  { service, earlier, kept }: { service: string; earlier: Earlier; kept: KeptSlot },
): Promise<DesiredOne> {
  const { digest, version } = earlier
  const { chart, settings } = kept
  const repository = repositoryOf(input, service)
  const [shared] = await settleAll([
    sharedNow(source, input, service, settings),
    requireEarlier(registry, { service, repository }, earlier),
  ])
  return desiredOf(input, {
    service,
    repository,
    digest,
    version,
    chart,
    valuesFiles: kept.valuesFiles,
    // They are applied already, and never taken back: each of them has only added.
    migrations: null,
    migrationFiles: [],
    earlier: settings,
    origin: settings,
    shared,
  })
}

/**
 * The Services are no part of the slot, and what is live uses them meanwhile: with the ports of then, customers could not
 * reach it. `then` is used where the work tree has no values of the service any more.
 */
async function sharedNow(
  source: Source,
  { config, env }: Pick<DesireInput, 'config' | 'env'>,
  service: string,
  then: Settings,
): Promise<Recipe['shared']> {
  const files = await valuesFiles(source, config, env, service).catch((error) => {
    if (isRefused(error)) return null
    throw error
  })
  return sharedIn(mergedValues(files ? await readTexts(source, files) : then.values))
}

function sharedIn({ edge }: { edge?: unknown }): Recipe['shared'] {
  return edge === undefined ? {} : { edge }
}

/** `shared` left out: as its own values say. */
type Facts = Omit<Recipe, 'shared' | 'port' | 'checkedHash' | 'renderHash'> &
  Pick<Wanted, 'digest' | 'version'> & { service: string; shared?: Recipe['shared'] }

function desiredOf(
  { sharedChart }: Pick<DesireInput, 'sharedChart'>,
  { service, digest, version, origin, ...facts }: Facts,
): DesiredOne {
  const { chart, port, replicas } = origin
  const values = mergedValues(origin.values)
  if (values.shopctl !== undefined) throw ownValues(service, facts.valuesFiles)
  const { edge: _, ...own } = values
  const { shared = sharedIn(values) } = facts
  const checked = [rules, chart, sharedChart.hash, { ...own, ...shared }, port]
  const checkedHash = hashOf(checked).slice(0, 32)
  const renderHash = hashOf([chart, values]).slice(0, 12)
  return {
    service,
    wanted: { digest, version, revision: revisionOf({ digest, values, chart }), replicas },
    recipe: { ...facts, origin, shared, port, checkedHash, renderHash },
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
  { service, repository }: Pick<Image, 'service' | 'repository'>,
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
