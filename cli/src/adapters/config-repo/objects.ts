// Reads commits of the clone. What the clone lacks is fetched in one go.
import { randomUUID } from 'node:crypto'
import { refused } from '../../errors.ts'
import { type Commit, isBelow } from '../../release/ports/config-repo.ts'
import { boundaryOf } from './clone.ts'
import { knownProblem, unknownProblem, type Where } from './errors.ts'
import type { Git, GitInput } from './git.ts'

/** git in a clone that is ready. Throws what it means for the user. */
export type Check = (what: string, args: readonly string[], more?: GitInput) => Promise<string>

export function createCheck(git: Git, where: Where): Check {
  return async (what, args, more) => {
    const { exitCode, stdout, stderr } = await git(args, more)
    if (exitCode === 0) return stdout
    throw knownProblem(stderr, where) ?? unknownProblem(what, stderr, where)
  }
}

/** `--stdin` names what to fetch. As git itself does for one object, but for all at once. */
const fetchObjects = [
  '-c',
  'fetch.negotiationAlgorithm=noop',
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--filter=blob:none',
  '--stdin',
  'origin',
]

export interface Entry {
  path: string
  hash: string
  isFile: boolean
}

/** Of the files below these paths. */
export async function entriesOf(
  check: Check,
  commit: string,
  paths: readonly string[],
): Promise<Entry[]> {
  if (paths.length === 0) return []
  const args = ['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...paths]
  const lines = (await check('list', args)).split('\0').filter((line) => line !== '')
  return lines.map((line) => {
    const tab = line.indexOf('\t')
    const [mode = '', , hash = ''] = line.slice(0, tab).split(' ')
    return { path: line.slice(tab + 1), hash, isFile: mode.startsWith('100') }
  })
}

/** The same. What is read of a commit is mostly on its last list, and git is not asked again. */
export function createLister(check: Check) {
  let last = { commit: '', paths: [] as readonly string[], entries: [] as Entry[] }
  return async (commit: string, paths: readonly string[]): Promise<Entry[]> => {
    const { commit: listed, paths: places } = last
    const isListed =
      listed === commit && paths.every((path) => places.some((place) => isBelow(path, place)))
    if (isListed)
      return last.entries.filter((entry) => paths.some((path) => isBelow(entry.path, path)))
    const entries = await entriesOf(check, commit, paths)
    last = { commit, paths, entries }
    return entries
  }
}

/** Of the contents of the files below a folder, by path. */
export async function hashesOf(
  check: Check,
  commit: string,
  folder: string,
): Promise<Map<string, string>> {
  const entries = await entriesOf(check, commit, [folder])
  return new Map(entries.map(({ path, hash }) => [path, hash]))
}

/** Whether the clone has an object. To ask git for the object itself would fetch it. */
export async function localObjects(check: Check): Promise<Set<string>> {
  const all = ['cat-file', '--batch-all-objects', '--unordered', '--batch-check=%(objectname)']
  return new Set((await check('list', all)).split('\n'))
}

/** Text by path. */
export async function textsOf(
  check: Check,
  entries: readonly Entry[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const files = entries.filter(({ isFile }) => isFile)
  const contents = await contentsOf(check, await obtain(check, files, signal))
  return new Map(
    files.map(({ path, hash }) => {
      const text = contents.get(hash) ?? ''
      if (!text.includes('\uFFFD')) return [path, text]
      throw refused({
        code: 'bad-config-repo',
        message: `${path} is not UTF-8.`,
        hint: 'Correct it in the config repo, then run the command again.',
      })
    }),
  )
}

/** Fetches what the clone lacks. Returns the hashes of all. */
export async function obtain(
  check: Check,
  entries: readonly Entry[],
  signal?: AbortSignal,
): Promise<string[]> {
  const hashes = [...new Set(entries.map(({ hash }) => hash))]
  if (hashes.length === 0) return []
  const present = await localObjects(check)
  const missing = hashes.filter((hash) => !present.has(hash))
  if (missing.length > 0)
    await check('read', fetchObjects, { input: `${missing.join('\n')}\n`, signal })
  return hashes
}

/** By hash. No file has the mark that divides the answer. What is not UTF-8 has U+FFFD in it. */
export async function contentsOf(
  check: Check,
  hashes: readonly string[],
): Promise<Map<string, string>> {
  if (hashes.length === 0) return new Map()
  const mark = randomUUID()
  const args = ['cat-file', `--batch=${mark} %(objectname)`]
  const output = await check('read', args, { input: `${hashes.join('\n')}\n` })
  // The last line end is cut off.
  const parts = `${output}\n`.split(`${mark} `).slice(1)
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n')
      return [part.slice(0, end), part.slice(end + 1, -1)]
    }),
  )
}

export async function commitsOf(
  check: Check,
  where: Where,
  { commit, paths, limit }: { commit: string; paths: readonly string[]; limit: number },
): Promise<Commit[]> {
  const format = '--format=tformat:%H%x00%an <%ae>%x00%cI%x00%B'
  // A pull request is what it did to the branch, not the commits that were merged.
  const walk = ['--first-parent', `--max-count=${limit}`]
  const args = ['log', '-z', ...walk, format, commit, '--', ...paths]
  const fields = (await check('read', args)).split('\0')
  const boundary = await boundaryOf(where)
  const commits: Commit[] = []
  for (let index = 0; index + 3 < fields.length; index += 4) {
    const [hash = '', author = '', date = '', message = ''] = fields.slice(index, index + 4)
    // It looks as if it had added all of its files.
    if (!boundary.has(hash))
      commits.push({ commit: hash, author, date, message: `${message.trim()}\n` })
  }
  return commits
}

/** Whether `ancestor` is a part of `descendant`, as far as the clone goes back. */
export async function isPart(check: Check, ancestor: string, descendant: string): Promise<boolean> {
  if (ancestor === descendant) return true
  const all = (await check('read', ['rev-list', descendant])).split('\n')
  return all.includes(ancestor)
}
