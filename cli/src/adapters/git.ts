// The work tree, as git lists it.
import type { Stats } from 'node:fs'
import { lstat, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { refused, ShopctlError, said } from '../errors.ts'
import { byCodeUnits } from '../release/canonical.ts'
import type { Source } from '../release/ports/project.ts'
import type { Finished, Limit, Shell } from './shell.ts'

export const headCommand = ['rev-parse', '--verify', '--quiet', 'HEAD']

/** Tracked files and new ones, without ignored ones. */
export function filesCommand(paths: readonly string[]): string[] {
  return [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
    '--',
    ...paths,
  ]
}

export function deletedCommand(paths: readonly string[]): string[] {
  return ['ls-files', '-z', '--deleted', '--', ...paths]
}

export function changedCommand(paths: readonly string[]): string[] {
  return ['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=all', '--', ...paths]
}

/** `root` is the folder of shopctl.yaml; it may lie deeper than the root of the repository. */
export function createGitSource(shell: Shell, root: string, limit: Limit): Source {
  // A path is no pattern, and messages are recognized in English.
  const env = { GIT_LITERAL_PATHSPECS: '1', LC_ALL: 'C' }
  const run = (args: readonly string[]): Promise<Finished> =>
    shell.run({ program: 'git', args, cwd: root, env, limit })
  const outputOf = ({ exitCode, stdout, stderr }: Finished): string => {
    // git warns of a folder that it cannot read, and goes on without its files.
    const closed = /could not open directory '(.*)': (?!No such file)/.exec(stderr)?.[1]
    if (closed !== undefined) throw badInput(closed, 'it cannot be read')
    if (exitCode === 0) return stdout
    throw noGit(root, stderr)
  }
  const git = async (args: readonly string[]): Promise<string> => outputOf(await run(args))
  const entries = async (args: readonly string[]): Promise<string[]> =>
    (await git(args)).split('\0').filter((entry) => entry !== '')
  const follow: Source['follow'] = async (path) => {
    const [base, real] = await Promise.all([realpath(root), realpath(join(root, path))]).catch(
      () => [],
    )
    if (base === undefined || real === undefined) return null
    const is = kindOf(await stat(real))
    const inside = relative(base, real)
    return { is, path: /^\.\.(\/|$)/.test(inside) ? null : inside || '.' }
  }
  return {
    follow,
    async commit() {
      const head = await run(headCommand)
      // 1: the repository has no commit yet.
      return head.exitCode === 1 ? null : outputOf(head).trim()
    },
    async files(paths) {
      if (paths.length === 0) return []
      const [all, missing] = await Promise.all([
        entries(filesCommand(paths)),
        entries(deletedCommand(paths)),
      ])
      return all.filter((file) => !missing.includes(file)).sort(byCodeUnits)
    },
    async changed(paths) {
      if (paths.length === 0) return []
      const prefix = (await git(['rev-parse', '--show-prefix'])).replace(/\n$/, '')
      // Each entry is two letters of state, a blank and a path from the repository's root.
      return (await entries(changedCommand(paths))).map((entry) => entry.slice(3 + prefix.length))
    },
    async read(file) {
      const found = await follow(file)
      if (found?.path === null) throw badInput(file, 'it leads out of the folder of shopctl.yaml')
      if (found && found.is !== 'file') throw badInput(file, whyNoFile(found.is === 'folder'))
      return readFile(join(root, file)).catch((cause) => {
        throw unreadable(file, cause)
      })
    },
    async entry(file) {
      const path = join(root, file)
      try {
        const found = await lstat(path)
        if (found.isSymbolicLink())
          return { mode: '120000', content: await readlink(path, 'buffer') }
        if (!found.isFile()) throw badInput(file, whyNoFile(found.isDirectory()))
        const isExecutable = (found.mode & 0o100) !== 0
        return { mode: isExecutable ? '100755' : '100644', content: await readFile(path) }
      } catch (error) {
        throw error instanceof ShopctlError ? error : unreadable(file, error)
      }
    },
  }
}

function kindOf(entry: Stats): 'file' | 'folder' | 'other' {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'folder' : 'other'
}

function noGit(root: string, stderr: string): Error {
  const [said = ''] = stderr.trim().split('\n')
  const code = 'no-git'
  const message = `git cannot read ${root}: ${said}`
  const repository = /dubious ownership in repository at '(.*)'/.exec(said)?.[1]
  if (repository !== undefined) {
    const trust = `git config --global --add safe.directory ${repository}`
    return refused({ code, message, hint: `If you trust it, run \`${trust}\`.` })
  }
  const hint = /not a git repository|work tree/.test(said)
    ? 'Run shopctl in a git repository: it names images after commits.'
    : 'Run `git status` there, repair what it names, then run the command again.'
  return refused({ code, message, hint })
}

function whyNoFile(isFolder: boolean): string {
  return isFolder
    ? 'it is a submodule or another repository, or a link to a folder'
    : 'it is no file'
}

function unreadable(file: string, cause: unknown): Error {
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  if (!isMissing) return badInput(file, said(cause), cause)
  return file.includes('\uFFFD')
    ? badInput(file, 'its name is not UTF-8', cause)
    : badInput(file, 'it is not on disk, maybe left out by `git sparse-checkout`', cause)
}

function badInput(file: string, why: string, cause?: unknown): Error {
  return refused({
    code: 'bad-input',
    message: `${file} cannot be an input of an image or a chart: ${why}.`,
    hint: 'Replace it with a file that you may read, or name other folders in shopctl.yaml.',
    cause,
  })
}
