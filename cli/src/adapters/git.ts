// The work tree, as git lists it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { refused, said } from '../errors.ts'
import type { Source } from '../release/ports/project.ts'
import type { Finished, Shell } from './shell.ts'

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
export function createGitSource(shell: Shell, root: string): Source {
  const run = (args: readonly string[]): Promise<Finished> =>
    shell.run({ program: 'git', args, cwd: root })
  const outputOf = ({ exitCode, stdout, stderr }: Finished): string => {
    if (exitCode === 0) return stdout
    throw refused({
      code: 'no-git',
      message: `git cannot read ${root}: ${stderr.trim().split('\n')[0]}`,
      hint: 'Run shopctl in a git repository: it names images after commits.',
    })
  }
  const git = async (args: readonly string[]): Promise<string> => outputOf(await run(args))
  const entries = async (args: readonly string[]): Promise<string[]> =>
    (await git(args)).split('\0').filter((entry) => entry !== '')
  return {
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
      return all.filter((file) => !missing.includes(file)).sort()
    },
    async changed(paths) {
      const prefix = (await git(['rev-parse', '--show-prefix'])).trim()
      // Each entry is two letters of state, a blank and a path from the repository's root.
      return (await entries(changedCommand(paths))).map((entry) => entry.slice(3 + prefix.length))
    },
    read: (file) =>
      readFile(join(root, file)).catch((cause) => {
        throw unreadable(file, cause)
      }),
  }
}

/** git lists submodules and symbolic links as files. */
function unreadable(file: string, cause: NodeJS.ErrnoException): Error {
  const isFolder = cause.code === 'EISDIR'
  const why = isFolder ? 'it is a submodule or a symbolic link to a folder' : said(cause)
  return refused({
    code: 'bad-input',
    message: `${file} cannot be an input of an image: ${why}.`,
    hint: 'Replace it with files, or remove it from `inputs` in shopctl.yaml.',
    cause,
  })
}
