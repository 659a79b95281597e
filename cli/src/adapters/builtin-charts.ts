// The charts that come with shopctl: the shared objects of a service, and the guard of an environment.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { byCodeUnits } from '../release/canonical.ts'
import type { BuiltinChart } from '../release/ports/driver.ts'

/** The package has them beside the program, the repository among the other charts. */
export function chartFolder(name: string): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const places = [join(here, '../charts', name), join(here, '../../../charts', name)]
  return places.find((place) => existsSync(place)) ?? join(here, name)
}

export function builtinChart(name: 'shop-service' | 'shop-guard'): BuiltinChart {
  const path = chartFolder(name)
  const hash = createHash('sha256')
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(byCodeUnits)
  for (const file of files) hash.update(`${relative(path, file)}\0`).update(readFileSync(file))
  return { path, hash: hash.digest('hex') }
}
