// The work tree as git sees it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { refused } from '../errors.ts'
import type { Source } from '../release/ports/project.ts'
import type { Shell } from './shell.ts'

export const headCommand = ['rev-parse', '--verify', '--quiet', 'HEAD']

/** Tracked files and new ones, without what git ignores. */
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
  const git = async (args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await shell.run({ program: 'git', args, cwd: root })
    if (exitCode === 0 || (exitCode === 1 && args === headCommand)) return stdout
    throw refused({
      code: 'no-git',
      message: `git cannot read ${root}: ${stderr.trim().split('\n')[0]}`,
      hint: 'shopctl names images after commits: run it in a git repository.',
    })
  }
  const entries = async (args: readonly string[]): Promise<string[]> =>
    (await git(args)).split('\0').filter((entry) => entry !== '')
  return {
    async commit() {
      return (await git(headCommand)).trim() || null
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
      // Two letters of state and a blank come first; status names files from the repository's root.
      return (await entries(changedCommand(paths))).map((entry) => entry.slice(3 + prefix.length))
    },
    read: (file) => readFile(join(root, file)),
  }
}
