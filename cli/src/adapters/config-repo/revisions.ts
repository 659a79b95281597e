// Commits of a config repo by the names that people give them: from a clone that somebody has checked out, or from the server.
import { refused, type ShopctlError } from '../../errors.ts'
import { byCodeUnits } from '../../release/canonical.ts'
import type { Revisions } from '../../release/ports/config-repo.ts'
import type { NamedCommit } from '../../release/ports/merge.ts'
import type { Shell } from '../shell.ts'
import { isBroken, type Where } from './errors.ts'
import { fetchArgs, fetchHead } from './fetch.ts'
import { createGit, type Git, type GitOptions, tokenIn } from './git.ts'
import {
  type Check,
  contentsOf,
  createCheck,
  entriesOf,
  hashesOf,
  isPart,
  obtain,
  textsOf,
} from './objects.ts'

interface RevisionOptions extends GitOptions {
  branch: string
}

/** Where git keeps a clone, and the files that it has checked out. */
interface Clone {
  folder: string
  /** null: it is a bare one. */
  workTree: string | null
}

/** The clone in which `folder` is. null: it is in none. */
export async function cloneAt(shell: Pick<Shell, 'run'>, folder: string): Promise<Clone | null> {
  const ask = async (option: string): Promise<string | null> => {
    const args = ['rev-parse', option]
    const { exitCode, stdout } = await shell.run({ program: 'git', args, cwd: folder })
    return exitCode === 0 ? stdout.trim() : null
  }
  const found = await ask('--absolute-git-dir')
  return found === null ? null : { folder: found, workTree: await ask('--show-toplevel') }
}

/** A clone of somebody. It asks the server only for its notes, unless the clone is a partial one. */
export function createCloneRevisions(
  shell: Pick<Shell, 'run'>,
  options: RevisionOptions & Clone,
): Revisions {
  const { git, check } = toolsOf(shell, options)
  const find = async (ref: string): Promise<string | null> => {
    const { exitCode, stdout } = await git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`])
    return exitCode === 0 ? stdout.trim() : null
  }
  return {
    ...readerOf(check),
    async commitOf(name, as) {
      for (const ref of refsOf(name, as)) {
        const commit = await find(ref)
        if (commit !== null) return commit
      }
      throw refused({
        code: 'no-revision',
        message: `This clone of the config repo has no branch, tag or commit ${name}.`,
        hint: 'Fetch it, in a workflow with `fetch-depth` of actions/checkout. Then run the command again.',
      })
    },
    async notes({ from, to }, folder) {
      const { exitCode } = await git(['show-ref', '--verify', '--quiet', `${remotes}${from.name}`])
      const isBranch = exitCode === 0 && from.name !== 'HEAD'
      return [
        ...(isBranch ? await ageNotes(git, from) : []),
        ...((await find('HEAD')) === to.commit ? await dirtyNotes(check, options, folder) : []),
      ]
    },
  }
}

const remotes = 'refs/remotes/origin/'

/** What is merged into is what the server has, and what is merged is what is here. */
function refsOf(name: string, as: 'from' | 'to'): string[] {
  if (name.startsWith('-')) return []
  const remote = `${remotes}${name}`
  if (/^HEAD\b/.test(name)) return [name]
  return as === 'from' ? [remote, name] : [name, remote]
}

/** A plan waits no longer for the server. */
const answerMs = 5_000

/** A branch of the server, as this clone has it, may be an old one. */
async function ageNotes(git: Git, { name, commit }: NamedCommit): Promise<string[]> {
  const signal = AbortSignal.timeout(answerMs)
  try {
    const { exitCode, stdout } = await git(['ls-remote', 'origin', `refs/heads/${name}`], {
      signal,
    })
    if (exitCode === 0 && stdout.startsWith(commit)) return []
    if (exitCode === 0)
      return [
        `origin/${name} is not what the server has: run \`git fetch\`, then this command again.`,
      ]
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return [`origin/${name} is as of the last fetch: the server did not answer.`]
}

async function dirtyNotes(check: Check, { workTree }: Clone, folder: string): Promise<string[]> {
  if (workTree === null) return []
  const place = ['--no-optional-locks', '-C', workTree, `--work-tree=${workTree}`]
  const status = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all']
  const lines = (await check('read', [...place, ...status, '--', folder])).split('\0')
  const paths = lines.map((line) => line.slice(3)).filter((path) => path !== '')
  if (paths.length === 0) return []
  const some = paths.toSorted(byCodeUnits).slice(0, 5).join(', ')
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : ''
  return [`These files are not committed, so the plan is without them: ${some}${more}.`]
}

/** shopctl's own clone. */
export function createServerRevisions(
  shell: Pick<Shell, 'run'>,
  options: RevisionOptions,
): Revisions {
  const { git, check, where } = toolsOf(shell, options)
  const namedOf = async (name: string): Promise<string | null> => {
    const refs = [`refs/heads/${name}`, `refs/tags/${name}^{}`, `refs/tags/${name}`]
    const lines = (await check('read', ['ls-remote', 'origin', ...refs])).split('\n')
    const found = new Map(
      lines.map((line): [string, string] => {
        const [hash = '', ref = ''] = line.split('\t')
        return [ref, hash]
      }),
    )
    return refs.flatMap((ref) => found.get(ref) ?? [])[0] ?? null
  }
  return {
    ...readerOf(check),
    notes: async () => [],
    async commitOf(name) {
      const head = await fetchHead(git, where)
      if (name === options.branch) return head
      if (name === 'HEAD' || name.startsWith('-')) throw unknown(name, where)
      const commit = /^[0-9a-f]{40}$/.test(name) ? name : await namedOf(name)
      if (commit === null) throw unknown(name, where)
      const { exitCode, stderr } = await git([...fetchArgs, 'origin', commit])
      if (exitCode !== 0 && isBroken(stderr)) throw unknown(name, where)
      return (await check('read', ['rev-parse', '--verify', `${commit}^{commit}`])).trim()
    },
  }
}

function toolsOf(shell: Pick<Shell, 'run'>, options: RevisionOptions) {
  const { url, branch, folder, env } = options
  const where = { url, branch, folder, hasToken: tokenIn(env) !== null }
  const git = createGit(shell, options)
  return { git, check: createCheck(git, where), where }
}

function readerOf(check: Check): Omit<Revisions, 'commitOf' | 'notes'> {
  return {
    contains: (ancestor, descendant) => isPart(check, ancestor, descendant),
    hashes: (commit, folder) => hashesOf(check, commit, folder),
    read: async (commit, files) => textsOf(check, await entriesOf(check, commit, files)),
    async contents(commit, files) {
      const entries = await entriesOf(check, commit, files)
      const regular = entries.filter(({ isFile }) => isFile)
      const texts = await contentsOf(check, await obtain(check, regular))
      return new Map(
        entries.map(({ path, hash, isFile }) => {
          const text = (isFile ? texts.get(hash) : undefined) ?? '\uFFFD'
          return [path, text.includes('\uFFFD') ? null : Buffer.from(text)]
        }),
      )
    },
  }
}

function unknown(name: string, { url }: Where): ShopctlError {
  const hint =
    name === 'HEAD'
      ? 'HEAD is what is checked out: run the command in a clone of the config repo.'
      : 'Push it first, or run the command in a clone of the config repo that has it.'
  const message = `${url} has no branch, tag or commit ${name}.`
  return refused({ code: 'no-revision', message, hint })
}
