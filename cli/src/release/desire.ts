// What the work tree and its configuration want an environment to be: a revision per service, and how to write it.
import type { Config } from '../config/schema.ts'
import type { Recipe } from './deploy.ts'
import { describeImages, type Image, requireService } from './images.ts'
import type { Wanted } from './plan.ts'
import type { Registry, Source } from './ports.ts'
import { requireDigest } from './push.ts'
import { hashChart, readValues, revisionOf, valuesFiles } from './revision.ts'

export interface DesirePorts {
  source: Source
  registry: Registry
}

export interface Desired {
  wanted: Record<string, Wanted>
  recipes: Record<string, Recipe>
}

/** Refused when the registry has no image of this tree. */
export async function desire(
  ports: DesirePorts,
  config: Config,
  target: { env: string; registry: string; services: readonly string[] },
): Promise<Desired> {
  const images = await describeImages(ports.source, config, target.registry, target.services)
  const each = await Promise.all(images.map((image) => desireOne(ports, config, target.env, image)))
  return {
    wanted: Object.fromEntries(each.map(({ service, wanted }) => [service, wanted])),
    recipes: Object.fromEntries(each.map(({ service, recipe }) => [service, recipe])),
  }
}

async function desireOne(
  { source, registry }: DesirePorts,
  config: Config,
  env: string,
  image: Image,
): Promise<{ service: string; wanted: Wanted; recipe: Recipe }> {
  const { service, repository, version, migrations } = image
  const { chart } = requireService(config, service)
  const files = await valuesFiles(source, config, env, service)
  const [digest, values, chartHash] = await Promise.all([
    requireDigest(registry, image),
    readValues(source, files),
    hashChart(source, chart),
  ])
  return {
    service,
    wanted: { digest, version, revision: revisionOf({ digest, values, chart: chartHash }) },
    recipe: { chart, valuesFiles: files, repository, migrations },
  }
}
