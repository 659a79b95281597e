// A config repo in memory: the commits of one branch, and other people who push to it.
import { createHash } from 'node:crypto'
import { interrupted, refused } from '../../src/errors.ts'
import type { Changes, Commit, ConfigRepo } from '../../src/release/ports/config-repo.ts'

export type Files = ReadonlyMap<string, string | Uint8Array>

/** The files after these changes. */
export function applied(files: Files, { write, remove }: Changes): Files {
  return new Map([...[...files].filter(([path]) => !isBelow(path, remove)), ...write])
}

export interface FakeCommit extends Commit {
  parent: string | null
  files: Files
}

export interface FakeConfigRepo extends ConfigRepo {
  /** The newest commit. */
  head(): FakeCommit
  at(commit: string): FakeCommit
  /** From the first to the newest one. */
  history(): FakeCommit[]
  /** Jane pushes. */
  someone(files: Readonly<Record<string, string>>, message?: string): string
  /** Somebody forces the branch back to an earlier commit. */
  force(commit: string): void
  /** Each runs once, just before the branch is compared with the base of a push. */
  beforePush: (() => void)[]
  faults: {
    /** What the server says to every push. */
    push: Error | null
    /** What happens instead of a fetch. */
    fetch: Error | null
  }
}

const jane = 'Jane <jane@example.com>'

export function createFakeConfigRepo(first: Files | null = new Map()): FakeConfigRepo {
  const commits = new Map<string, FakeCommit>()
  let branch: string | null = null
  /** What this machine has fetched or pushed last. */
  let seen: string | null = null
  const at = (commit: string): FakeCommit => {
    const found = commits.get(commit)
    if (!found) throw new Error(`no commit ${commit}`)
    return found
  }
  const add = (author: string, message: string, changes: Changes): string => {
    const commit = createHash('sha1').update(`commit ${commits.size}`).digest('hex')
    const date = new Date(Date.UTC(2026, 0, 1, 12, 0, commits.size)).toISOString()
    const files = applied(branch === null ? new Map() : at(branch).files, changes)
    commits.set(commit, { commit, author, date, message, parent: branch, files })
    branch = commit
    return commit
  }
  const lineOf = (commit: string): FakeCommit[] => {
    const line: FakeCommit[] = []
    for (let next: string | null = commit; next !== null; next = at(next).parent)
      line.push(at(next))
    return line
  }
  const newest = (): string => {
    if (branch !== null) return branch
    throw refused({ code: 'empty-config-repo', message: 'The config repo is empty.' })
  }
  const check = (signal?: AbortSignal): void => {
    if (signal?.aborted) throw interrupted()
  }
  if (first) add(jane, 'First\n', { write: first, remove: [] })
  const repo: FakeConfigRepo = {
    beforePush: [],
    faults: { push: null, fetch: null },
    at,
    head: () => at(newest()),
    history: () => lineOf(newest()).reverse(),
    someone: (files, message = 'By hand\n') =>
      add(jane, message, { write: new Map(Object.entries(files)), remove: [] }),
    force(commit) {
      branch = at(commit).commit
    },
    async create(signal) {
      check(signal)
      if (branch === null) {
        const write = new Map([['README.md', '# What runs where\n']])
        add('me <me@laptop>', 'Begin\n', { write, remove: [] })
      } else seen = branch
    },
    local: async () => seen,
    async fetch(known, signal) {
      check(signal)
      if (repo.faults.fetch) throw repo.faults.fetch
      const line = lineOf(newest())
      const rewritten = known !== undefined && !line.some(({ commit }) => commit === known)
      seen = newest()
      return { commit: seen, rewritten }
    },
    list: async (commit, paths) =>
      [...at(commit).files.keys()].filter((path) => isBelow(path, paths)).sort(),
    async hashes(commit, folder) {
      const below = [...at(commit).files].filter(([path]) => isBelow(path, [folder]))
      return new Map(
        below.map(([path, content]) => [path, createHash('sha1').update(content).digest('hex')]),
      )
    },
    async read(commit, files, signal) {
      check(signal)
      const found = [...at(commit).files].filter(([path]) => isBelow(path, files))
      return new Map(found.map(([path, content]) => [path, textOf(path, content)]))
    },
    async push(base, changes, message, { after, signal } = {}) {
      await after
      check(signal)
      repo.beforePush.shift()?.()
      if (repo.faults.push) throw repo.faults.push
      if (at(base).commit !== branch) return 'moved'
      const { write, remove, restore = [] } = changes
      const restored = restore.flatMap(({ folder, from }) =>
        [...at(from).files].filter(([path]) => isBelow(path, [folder])),
      )
      const all = {
        write: new Map([...restored, ...write]),
        remove: [...remove, ...restore.map(({ folder }) => folder)],
      }
      seen = add('me <me@laptop>', message, all)
      return { commit: seen }
    },
    async log(commit, paths, limit, signal) {
      check(signal)
      const commits = lineOf(commit)
        .filter(({ files, parent }) =>
          differ(files, parent === null ? new Map() : at(parent).files, paths),
        )
        .slice(0, limit)
        .map(({ files: _, parent: __, ...rest }) => rest)
      return { commits, cutAt: null }
    },
    async keeps(ancestor, descendant, paths, signal) {
      check(signal)
      if (seen === null || !lineOf(seen).some(({ commit }) => commit === descendant))
        seen = newest()
      if (!commits.has(descendant)) return false
      const line = lineOf(descendant)
      const contains = line.some(({ commit }) => commit === ancestor)
      return contains && !differ(at(ancestor).files, at(descendant).files, paths)
    },
  }
  return repo
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`))
}

function differ(one: Files, other: Files, paths: readonly string[]): boolean {
  const all = new Set([...one.keys(), ...other.keys()])
  return [...all].some((path) => isBelow(path, paths) && !isSame(one.get(path), other.get(path)))
}

type Content = string | Uint8Array | undefined

function isSame(one: Content, other: Content): boolean {
  if (one === undefined || other === undefined) return one === other
  return one === other || Buffer.from(one).equals(Buffer.from(other))
}

function textOf(path: string, content: string | Uint8Array): string {
  const text = Buffer.from(content).toString('utf8')
  if (!text.includes('\uFFFD')) return text
  throw refused({ code: 'bad-config-repo', message: `${path} is not UTF-8.` })
}
