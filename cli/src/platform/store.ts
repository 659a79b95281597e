// Items that are built or fetched once, each in a folder with the hash of its inputs in its name.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

/** The first 12 hexadecimal digits of a SHA-256 over the parts. */
export function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}

/** Names and contents of all files below a folder, for a hash. */
export async function contentsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((one, other) => (one < other ? -1 : 1))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return files.flatMap((file, index) => [file.slice(folder.length), texts[index] ?? ''])
}

export interface Item {
  name: string
  /** When they change, the item is made again. */
  inputs: readonly string[]
  /** Fills an empty folder. `say` reports progress. */
  build(folder: string, say: (detail: string) => void): Promise<void>
}

export function storedAt(layout: Layout, item: Item): string {
  return join(layout.store, `${item.name}-${hashOf(item.inputs)}`)
}

export function isStored(layout: Layout, item: Item): boolean {
  return existsSync(storedAt(layout, item))
}

/** Makes the item unless it exists. It is built elsewhere and then renamed, so that a stored folder is complete. */
export async function store(
  layout: Layout,
  item: Item,
  say: (detail: string) => void,
): Promise<string> {
  const folder = storedAt(layout, item)
  if (!existsSync(folder)) await make(layout, item, folder, say)
  return folder
}

async function make(
  layout: Layout,
  item: Item,
  folder: string,
  say: (detail: string) => void,
): Promise<void> {
  const unfinished = join(layout.temporary, `${item.name}-${process.pid}`)
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  await item.build(unfinished, say)
  await mkdir(layout.store, { recursive: true })
  await rename(unfinished, folder)
}
