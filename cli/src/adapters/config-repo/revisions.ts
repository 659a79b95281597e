// Commits of a config repo by the names that people give them: from a clone that somebody has checked out, or from the server.
import { refused, type ShopctlError } from '../../errors.ts'
import type { Revisions } from '../../release/ports/config-repo.ts'
import type { Shell } from '../shell.ts'
import { isBroken, type Where } from './errors.ts'
import { fetchHead } from './fetch.ts'
import { createGit, type GitOptions, tokenIn } from './git.ts'
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

export interface RevisionOptions extends GitOptions {
  branch: string
}

/** The folder of git of the work tree in which `folder` is. null: it is in none. */
export async function gitFolderOf(
  shell: Pick<Shell, 'run'>,
  folder: string,
): Promise<string | null> {
  const args = ['rev-parse', '--absolute-git-dir']
  const { exitCode, stdout } = await shell.run({ program: 'git', args, cwd: folder })
  return exitCode === 0 ? stdout.trim() : null
}

/** A clone with a work tree. `folder` is its folder of git. It asks no server, unless the clone is a partial one. */
export function createCloneRevisions(
  shell: Pick<Shell, 'run'>,
  options: RevisionOptions,
): Revisions {
  const { git, check } = toolsOf(shell, options)
  return {
    ...readerOf(check),
    async commitOf(name, as) {
      // What is merged into is what the server has, and what is merged is what is here.
      const remote = `refs/remotes/origin/${name}`
      const candidates = as === 'from' ? [remote, name] : [name, remote]
      for (const candidate of candidates.filter((each) => !each.startsWith('-'))) {
        const args = ['rev-parse', '--verify', '--quiet', `${candidate}^{commit}`]
        const { exitCode, stdout } = await git(args)
        if (exitCode === 0) return stdout.trim()
      }
      throw refused({
        code: 'no-revision',
        message: `This clone of the config repo has no branch, tag or commit ${name}.`,
        hint: 'Fetch it, in a workflow with `fetch-depth` of actions/checkout. Then run the command again.',
      })
    },
  }
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

const fetchArgs = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--filter=blob:none']

function toolsOf(shell: Pick<Shell, 'run'>, options: RevisionOptions) {
  const { url, branch, folder, env } = options
  const where = { url, branch, folder, hasToken: tokenIn(env) !== null }
  const git = createGit(shell, options)
  return { git, check: createCheck(git, where), where }
}

function readerOf(check: Check): Omit<Revisions, 'commitOf'> {
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
