// Brings the newest commit of the branch into the clone.
import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ShopctlError, said } from '../../errors.ts'
import { exists, headRef, newRef, removeClone, settingsOf } from './clone.ts'
import { isBroken, knownProblem, noBranch, oldGit, unknownProblem, type Where } from './errors.ts'
import type { Git, GitInput } from './git.ts'
import { createCheck } from './objects.ts'

/** No contents of files, no tags, and no file that another process writes, too. */
export const fetchArgs = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--filter=blob:none',
]

interface FetchOptions {
  /** How far to go back, as arguments. */
  more?: readonly string[]
  signal?: AbortSignal | undefined
}

/** The newest commit. A clone that a crash has broken is made anew. */
export async function fetchHead(
  git: Git,
  where: Where,
  options: FetchOptions = {},
): Promise<string> {
  const { more = [], signal } = options
  const cloned = await clone(git, where, signal)
  if (cloned !== null && more.length === 0) return cloned
  const first = await fetchInto(git, where, options)
  if (first !== 'broken') return first
  await removeClone(where)
  const again = await clone(git, where, signal)
  if (again !== null && more.length === 0) return again
  const second = await fetchInto(git, where, options)
  if (second !== 'broken') return second
  throw unknownProblem('fetch', 'the clone is broken', where)
}

/** From what is there on: all between two commits of the clone is in it. */
async function fetchInto(
  git: Git,
  where: Where,
  { more = [], signal }: FetchOptions,
): Promise<string> {
  const ref = newRef()
  const source = `+refs/heads/${where.branch}:${ref}`
  const { exitCode, stderr } = await git([...fetchArgs, ...more, 'origin', source], { signal })
  if (exitCode !== 0) {
    const known = await problemOf(git, where, stderr, { signal })
    if (known === null && isBroken(stderr)) return 'broken'
    throw known ?? unknownProblem('fetch', stderr, where)
  }
  const check = createCheck(git, where)
  const commit = (await check('read', ['rev-parse', '--verify', ref])).trim()
  const moves = `update ${headRef} ${commit}\ndelete ${ref}\n`
  await check('update', ['update-ref', '--stdin'], { input: moves })
  return commit
}

/**
 * null: there is one. It is made beside its place and then moved there. So of two processes one makes it, and no other one
 * ever cuts off its history.
 */
async function clone(git: Git, where: Where, signal?: AbortSignal): Promise<string | null> {
  const { folder, branch } = where
  if (await exists(join(folder, 'HEAD'))) return null
  await checkVersion(git)
  const fresh = `${folder}.${randomUUID()}`
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
    const inside = { folder: fresh, signal }
    const check = createCheck(git, where)
    await check('clone', ['init', '--quiet', '--bare', '--template=', fresh])
    await appendFile(join(fresh, 'config'), settingsOf(where))
    const source = `+refs/heads/${branch}:${headRef}`
    const { exitCode, stderr } = await git([...fetchArgs, '--depth=1', 'origin', source], inside)
    if (exitCode !== 0)
      throw (await problemOf(git, where, stderr, inside)) ?? unknownProblem('clone', stderr, where)
    const commit = (await check('read', ['rev-parse', '--verify', headRef], inside)).trim()
    await rename(fresh, folder)
    return commit
  } catch (error) {
    if (error instanceof ShopctlError) throw error
    if (await exists(join(folder, 'HEAD'))) return null
    throw knownProblem(said(error), where) ?? unknownProblem('clone', said(error), where)
  } finally {
    await rm(fresh, { recursive: true, force: true }).catch(() => {})
  }
}

async function checkVersion(git: Git): Promise<void> {
  const { stdout } = await git(['version'])
  const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(stdout) ?? []
  if (Number(major) * 1000 + Number(minor) < 2031) throw oldGit(stdout.trim())
}

async function problemOf(
  git: Git,
  where: Where,
  stderr: string,
  more: GitInput,
): Promise<ShopctlError | null> {
  if (!stderr.includes("couldn't find remote ref")) return knownProblem(stderr, where)
  const args = ['ls-remote', '--heads', 'origin']
  const lines = await createCheck(git, where)('read', args, more)
  return noBranch(
    where,
    lines.split('\n').flatMap((line) => line.split('refs/heads/')[1] ?? []),
  )
}
