// The chart of a slot with the values that shopctl sets; pure.
import type { ChartRelease } from '../ports/driver.ts'
import { type Color, slotName } from '../slot.ts'
import type { Recipe } from './desire.ts'
import type { Wanted } from './plan.ts'

export interface SlotChart {
  /** Name of the system as a whole. */
  system: string
  service: string
  wanted: Wanted
  recipe: Recipe
  /** Whether to apply the migrations. */
  migrate: boolean
  /** Names of the slot's copies, by the names that the chart refers to. */
  secrets: Readonly<Record<string, string>>
  configMaps: Readonly<Record<string, string>>
}

/** Our values are all under the key `shopctl`, apart from the chart's own. */
export function slotChart(slot: SlotChart, color: Color): ChartRelease {
  const { system, service, wanted, recipe, migrate, secrets, configMaps } = slot
  const { chart, valuesFiles, migrations } = recipe
  const { version, revision } = wanted
  const shopctl = {
    system,
    service,
    color,
    image: imageOf(wanted, recipe),
    version,
    revision,
    secrets,
    configMaps,
    ...(migrations !== null && { migrations, migrate }),
  }
  return { name: slotName(service, color), chart, valuesFiles, values: { shopctl } }
}

export function imageOf({ digest }: Wanted, { repository }: Recipe): string {
  return `${repository}@${digest}`
}
