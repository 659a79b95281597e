// Writes the dashboards for Grafana, as the chart ships them: `npm run dashboards`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { infrastructure } from './infrastructure.ts'
import { messaging } from './messaging.ts'
import { release } from './release.ts'
import { shop } from './shop.ts'

export const dashboards = [shop, release, messaging, infrastructure]

/** Where they are, and what is in each file. */
export const folder = join(import.meta.dirname, '../files/dashboards')
export const files = dashboards.map((dashboard) => ({
  name: `${dashboard.uid}.json`,
  text: `${JSON.stringify(dashboard, null, 2)}\n`,
}))

if (import.meta.main) {
  mkdirSync(folder, { recursive: true })
  for (const { name, text } of files) writeFileSync(join(folder, name), text)
}
