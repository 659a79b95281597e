// The clone of a config repo: bare, without the contents of files, and as shallow as can be.
import { createHash, randomUUID } from 'node:crypto'
import { access, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Where } from './errors.ts'

/** Of the newest commit that was seen. Fetches go on from it. */
export const headRef = 'refs/shopctl/head'

/** Two processes never use the same. */
export function newRef(): string {
  return `refs/shopctl/new/${randomUUID()}`
}

/** One clone for each branch, in a folder for all of them. */
export function cloneFolder(cache: string, { url, branch }: Pick<Where, 'url' | 'branch'>): string {
  const hash = createHash('sha256').update(`${url}\0${branch}`).digest('hex')
  return join(cache, hash.slice(0, 16))
}

export async function removeClone({ folder }: Where): Promise<void> {
  // Another process that uses it gets an error, and no half of it.
  const aside = `${folder}.${randomUUID()}`
  await rename(folder, aside).catch(() => {})
  await rm(aside, { recursive: true, force: true })
}

/** Lines for its configuration: git fetches what is missing from a promisor. */
export function settingsOf({ url }: Where): string {
  const quoted = url.replaceAll(/["\\]/g, String.raw`\$&`)
  return `[core]
	repositoryformatversion = 1
[extensions]
	partialClone = origin
[remote "origin"]
	url = "${quoted}"
	promisor = true
	partialclonefilter = blob:none
`
}

/** Commits whose parents are not in the clone. */
export async function boundaryOf({ folder }: Where): Promise<Set<string>> {
  const text = await readFile(join(folder, 'shallow'), 'utf8').catch(() => '')
  return new Set(text.split('\n').filter((line) => line !== ''))
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
