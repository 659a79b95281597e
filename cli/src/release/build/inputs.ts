// The inputs of an image: the files of the work tree that can change it, and their hashes.
import { createHash } from 'node:crypto'
import { join } from 'node:path/posix'
import type { Config } from '../../config/schema.ts'
import type { Source } from '../ports/project.ts'

type BuildConfig = Config['services'][string]['build']

/** Whether a file is below a path, or is it. */
export function isBelow(file: string, path: string): boolean {
  return path === '.' || file === path || file.startsWith(`${path}/`)
}

/** The same, without tests and build output: folders below the path that are named `test` or `dist`. */
export function countsFor(file: string, path: string): boolean {
  if (!isBelow(file, path)) return false
  const rest = path === '.' ? file : file.slice(path.length)
  return !rest.split('/').some((part) => part === 'test' || part === 'dist')
}

/**
 * The paths whose files can change the image. The context counts as a whole, unless `inputs` choose some of it. The
 * Dockerfile always counts.
 */
export function inputPaths({ context, inputs }: BuildConfig): string[] {
  const chosen = inputs.some((path) => isBelow(path, context) || isBelow(context, path))
  const files = ['Dockerfile', 'Dockerfile.dockerignore', '.dockerignore']
  return [...inputs, ...(chosen ? files.map((file) => join(context, file)) : [context])]
}

function sha256(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** A hash for each file, over its mode and its content. */
export async function hashInputs(
  source: Source,
  files: readonly string[],
): Promise<Map<string, string>> {
  const hashes = files.map(async (file): Promise<[string, string]> => {
    const { mode, content } = await source.entry(file)
    return [file, sha256(`${mode}\0`, content)]
  })
  return new Map(await Promise.all(hashes))
}

/** One hash over the inputs, and over the settings that can change the image. */
export function hashBuild(
  files: ReadonlyMap<string, string>,
  { context, prepare = [], events }: BuildConfig,
): string {
  // The hash of an image without events is that of earlier versions of shopctl.
  const labels = events === undefined ? [] : [events]
  return sha256(JSON.stringify([context, prepare, ...labels, [...files]]))
}

/** The files that differ. */
export function changesBetween(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return names.filter((name) => before.get(name) !== after.get(name))
}

/** Hash over the names and contents of files, through links. */
export async function hashFiles(source: Source, files: readonly string[]): Promise<string> {
  const contents = await Promise.all(files.map((file) => source.read(file)))
  const parts = files.flatMap((file, index) => {
    const content = contents[index] ?? Buffer.alloc(0)
    return [`${file}\0${content.length}\0`, content]
  })
  return sha256(...parts)
}
