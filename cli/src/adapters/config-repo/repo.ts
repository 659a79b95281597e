// The config repo, in git. The clone has no work tree; a commit is made and pushed without one.
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeChange, isInterrupted, ShopctlError } from '../../errors.ts'
import { byCodeUnits } from '../../release/canonical.ts'
import type { Changes, ConfigRepo } from '../../release/ports/config-repo.ts'
import type { Limit, Shell } from '../shell.ts'
import { boundaryOf, cloneFolder, exists, headRef, newRef } from './clone.ts'
import {
  isUnconnected,
  knownProblem,
  pushRefused,
  serverWords,
  unknownProblem,
  type Where,
} from './errors.ts'
import { fetchHead } from './fetch.ts'
import { createGit, type Git, tokenIn } from './git.ts'
import {
  type Check,
  commitsOf,
  createCheck,
  createLister,
  hashesOf,
  isPart,
  localObjects,
  textsOf,
} from './objects.ts'
import { identityOf, streamOf } from './stream.ts'

interface ConfigRepoOptions {
  /** As the schema of shopctl.yaml allows it. */
  url: string
  branch: string
  /** Folder of the caches of all config repos. */
  cache: string
  /** Of each git command. */
  limit: Limit
  /** Author of commits where git knows no user: `me@laptop`. */
  by: string
  /** SHOPCTL_GIT_TOKEN and SHOPCTL_GIT_USER, and git's own variables. */
  env?: NodeJS.ProcessEnv
}

interface Parts {
  git: Git
  check: Check
  where: Where
  by: string
  /** Of commits. git is asked once. */
  author(): Promise<string>
}

export function createConfigRepo(
  shell: Pick<Shell, 'run'>,
  options: ConfigRepoOptions,
): ConfigRepo {
  const { url, branch, cache, limit, by, env = process.env } = options
  const folder = cloneFolder(cache, { url, branch })
  const where = { url, branch, folder, hasToken: tokenIn(env) !== null }
  const git = createGit(shell, { url, folder, limit, env })
  const check = createCheck(git, where)
  const entries = createLister(check)
  let asked: Promise<string> | null = null
  const author = (): Promise<string> => {
    asked ??= authorOf(git, by).catch((error) => {
      asked = null
      throw error
    })
    return asked
  }
  const parts: Parts = { git, check, where, by, author }
  const update = (signal?: AbortSignal): Promise<string> => fetchHead(git, where, { signal })
  return {
    async fetch(known, signal) {
      const commit = await update(signal)
      return {
        commit,
        rewritten: known !== undefined && !(await contains(parts, known, commit, signal)),
      }
    },
    async local() {
      if (!(await exists(join(folder, 'HEAD')))) return null
      // Asked beside, for a commit on top of it: a push would wait for the answer.
      author().catch(() => {})
      const { exitCode, stdout } = await git(['rev-parse', '--verify', '--quiet', headRef])
      return exitCode === 0 ? stdout.trim() : null
    },
    async create(signal) {
      try {
        await update(signal)
      } catch (error) {
        if (!(error instanceof ShopctlError) || error.code !== 'empty-config-repo') throw error
        await pushFirst(parts, signal)
      }
    },
    async list(commit, paths) {
      return (await entries(commit, paths)).map(({ path }) => path).sort(byCodeUnits)
    },
    hashes: (commit, below) => hashesOf(check, commit, below),
    async read(commit, files, signal) {
      return textsOf(check, await entries(commit, files), signal)
    },
    async push(base, changes, message, { after, signal } = {}) {
      const commit = await commitTo(parts, { base, changes, message })
      await after
      return pushTo(parts, { base, commit, update }, signal)
    },
    async log(commit, paths, wanted, signal) {
      for (const depth of [...depths, null]) {
        const commits = await commitsOf(check, where, { commit, paths, limit: wanted })
        if (commits.length >= wanted || (await isWhole(parts))) return { commits, cutAt: null }
        if (depth === null) return { commits, cutAt: await depthOf(parts, commit) }
        await deepen(parts, { commit, depth }, signal)
      }
      return { commits: [], cutAt: null }
    },
    async keeps(ancestor, descendant, paths, signal) {
      if (!(await has(check, descendant))) await update(signal)
      if (!(await has(check, descendant))) return false
      if (!(await contains(parts, ancestor, descendant, signal))) return false
      const diff = ['diff-tree', '-r', '--quiet', ancestor, descendant, '--', ...paths]
      const { exitCode, stderr } = await git(diff)
      if (exitCode > 1) throw unknownProblem('compare', stderr, where)
      return exitCode === 0
    },
  }
}

/** How many commits to go back at most, each time further. A repository of years is never fetched as a whole. */
const depths = [50, 500, 2_500]

async function isWhole({ where }: Parts): Promise<boolean> {
  return (await boundaryOf(where)).size === 0
}

async function depthOf({ check }: Parts, commit: string): Promise<number> {
  return Number(await check('read', ['rev-list', '--count', commit]))
}

/** So that so many commits up to this one are there. */
async function deepen(
  parts: Parts,
  { commit, depth }: { commit: string; depth: number },
  signal?: AbortSignal,
): Promise<void> {
  const missing = depth - (await depthOf(parts, commit))
  if (missing > 0)
    await fetchHead(parts.git, parts.where, { more: [`--deepen=${missing}`], signal })
}

async function has(check: Check, hash: string): Promise<boolean> {
  return (await localObjects(check)).has(hash)
}

/** A fetch goes on from what is there, so what lies between two commits of the clone is in it, too. */
async function contains(
  parts: Parts,
  ancestor: string,
  descendant: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { check } = parts
  if (await isPart(check, ancestor, descendant)) return true
  for (const depth of depths) {
    if ((await has(check, ancestor)) || (await isWhole(parts))) return false
    await deepen(parts, { commit: descendant, depth }, signal)
    if (await isPart(check, ancestor, descendant)) return true
  }
  return false
}

interface NewCommit {
  base: string
  changes: Changes
  message: string
}

const readme = `# What runs where

Argo CD syncs these folders, one for each environment. \`shopctl\` writes them. What you change here is carried out, too.
`

/** From a repository of its own: there is no clone of an empty one. */
async function pushFirst({ git, check, where, by }: Parts, signal?: AbortSignal): Promise<void> {
  const folder = `${where.folder}.${randomUUID()}`
  const inside = { folder, signal }
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
    await check('create', ['init', '--quiet', '--bare', '--template=', folder])
    const changes = { write: new Map([['README.md', readme]]), remove: [] }
    const author = await authorOf(git, by, folder)
    const input = streamOf({ ref: newRef(), base: null, author, message: 'Begin\n', changes })
    const commit = (await check('write a commit for', importArgs, { ...inside, input })).trim()
    const ref = `refs/heads/${where.branch}`
    const args = ['push', '--porcelain', '--no-verify', `--force-with-lease=${ref}:`, where.url]
    const { exitCode, stdout, stderr } = await git([...args, `${commit}:${ref}`], inside)
    const problem = exitCode === 0 ? null : problemOfPush(where, stdout, stderr)
    if (problem !== null && problem !== moved) throw problem
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const importArgs = ['fast-import', '--quiet', '--done', '--date-format=now']

async function authorOf(git: Git, by: string, folder?: string): Promise<string> {
  const args = ['-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT']
  const known = await git(args, folder === undefined ? {} : { folder })
  const [own] = /^[^<]*<[^>]*>/.exec(known.exitCode === 0 ? known.stdout : '') ?? []
  return own ?? identityOf(by)
}

async function commitTo({ check, author }: Parts, commit: NewCommit): Promise<string> {
  const { restore = [] } = commit.changes
  const trees = await Promise.all(
    restore.map(async ({ folder, from }) => {
      const tree = await check('read', ['rev-parse', '--verify', `${from}:${folder}`])
      return { folder, tree: tree.trim() }
    }),
  )
  const input = streamOf({ ref: newRef(), ...commit, trees, author: await author() })
  return (await check('write a commit for', importArgs, { input })).trim()
}

interface Push {
  base: string
  commit: string
  update(signal?: AbortSignal): Promise<string>
}

async function pushTo(
  parts: Parts,
  pushed: Push,
  signal?: AbortSignal,
): Promise<{ commit: string } | 'moved'> {
  const { git, where } = parts
  const { base, commit } = pushed
  const ref = `refs/heads/${where.branch}`
  const lease = `--force-with-lease=${ref}:${base}`
  // So git notes that the clone has seen the commit: no other process has to.
  const tracking = ['-c', `remote.origin.fetch=+${ref}:${headRef}`]
  const push = ['push', '--porcelain', '--no-verify', lease, 'origin', `${commit}:${ref}`]
  try {
    const { exitCode, stdout, stderr } = await git([...tracking, ...push], { signal })
    if (exitCode !== 0) throw problemOfPush(where, stdout, stderr)
  } catch (error) {
    if (error === moved) return 'moved'
    // The answer may be lost, and the commit there.
    if (!isUncertain(error) || !(await hasArrived(parts, pushed, signal))) throw error
  }
  return { commit }
}

const moved = Symbol('moved')

/** The server checks the branch once more under its own lock. */
const movedReasons =
  /stale info|fetch first|non-fast-forward|cannot lock ref|failed to (update|lock)|incorrect old value|reference (already exists|broken)/

function problemOfPush(where: Where, stdout: string, stderr: string): unknown {
  const [, reason] = /^!\t.*\t\[(?:remote )?rejected\] \((.*)\)$/m.exec(stdout) ?? []
  if (reason === undefined)
    return connected(
      stderr,
      knownProblem(stderr, where) ?? unknownProblem('push to', stderr, where),
    )
  if (movedReasons.test(reason)) return moved
  return pushRefused(where, reason, serverWords(stderr))
}

/** A push without a connection changed nothing for sure. */
function connected(stderr: string, problem: ShopctlError): unknown {
  return isUnconnected(stderr) ? beforeChange(problem) : problem
}

function isUncertain(error: unknown): boolean {
  return error instanceof ShopctlError && error.kind === 'failed' && !isInterrupted(error)
}

async function hasArrived(
  { check }: Parts,
  { commit, update }: Push,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    return await isPart(check, commit, await update(signal))
  } catch {
    return false
  }
}
