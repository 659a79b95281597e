// Reads the folder of a chart as helm does: all files on disk, through links.
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { refused, said } from '../errors.ts'
import { byCodeUnits } from '../release/canonical.ts'
import type { ChartFile } from '../release/ports/driver.ts'

/** `name` is for messages. Refused if a file cannot be read. */
export async function readChart(folder: string, name: string): Promise<ChartFile[]> {
  try {
    return await below(folder, '', [])
  } catch (error) {
    throw refused({
      code: 'bad-chart',
      message: `The chart ${name} cannot be read: ${said(error)}.`,
      hint: 'Make its files readable, then run the command again.',
      cause: error,
    })
  }
}

/** `above` are the real folders on the way: a link to one of them would have no end. */
async function below(root: string, path: string, above: readonly string[]): Promise<ChartFile[]> {
  const folder = join(root, path)
  const real = await realpath(folder)
  if (above.includes(real)) return []
  const found: ChartFile[] = []
  for (const name of (await readdir(folder)).sort(byCodeUnits)) {
    const inside = path === '' ? name : `${path}/${name}`
    const entry = await stat(join(root, inside))
    if (entry.isDirectory()) found.push(...(await below(root, inside, [...above, real])))
    else if (entry.isFile())
      found.push({ path: inside, content: await readFile(join(root, inside)) })
  }
  return found
}
