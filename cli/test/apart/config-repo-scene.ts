// A real git server with bare repositories, and the adapter's clones of them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { cloneFolder } from '../../src/adapters/config-repo/clone.ts'
import { createConfigRepo } from '../../src/adapters/config-repo/repo.ts'
import { createShell, type Shell } from '../../src/adapters/shell.ts'
import type { ConfigRepo } from '../../src/release/ports/config-repo.ts'
import { type GitServer, startGitServer } from './git-server.ts'

export const token = 'glpat-a-token_of.the-test'
export const limit = { seconds: 20, setting: '`timeouts.tools`' }
export const shell = createShell()

export interface Given {
  branch?: string
  folder?: string
  seconds?: number
  env?: NodeJS.ProcessEnv
  shell?: Pick<Shell, 'run'>
}

export interface Repository {
  url: string
  /** Its folder on the server. */
  bare: string
}

export interface GitScene {
  /** Of the repositories. */
  readonly root: string
  /** Of the clones; another one for each test. */
  readonly cache: string
  readonly server: GitServer
  /** A bare repository with these files in one commit, if there are any. */
  repository(files?: Readonly<Record<string, string>>): Promise<Repository>
  /** The adapter. */
  repo(url: string, given?: Given): ConfigRepo
  cloneOf(url: string): string
}

export function git(cwd: string, ...args: string[]): Promise<string> {
  const user = ['-c', 'user.name=Jane', '-c', 'user.email=jane@example.com']
  return shell.check({ program: 'git', args: [...user, ...args], cwd })
}

/** Starts the server before the tests of a file, and stops it after them. */
export function gitScene(): GitScene {
  let root = ''
  let cache = ''
  let server: GitServer | null = null
  let count = 0
  const running = (): GitServer => {
    if (server) return server
    throw new Error('the server runs during tests only')
  }
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'config-repo-'))
    server = await startGitServer(root, token)
  })
  afterAll(async () => {
    await running().stop()
    await rm(root, { recursive: true })
  })
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'config-cache-'))
  })
  afterEach(async () => {
    running().answer(undefined)
    await rm(cache, { recursive: true })
  })
  return {
    get root() {
      return root
    },
    get cache() {
      return cache
    },
    get server() {
      return running()
    },
    async repository(files = { 'README.md': 'Hello\n' }) {
      count += 1
      const name = `repo-${count}.git`
      const bare = join(root, name)
      await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', name)
      await git(bare, 'config', 'http.receivepack', 'true')
      await git(bare, 'config', 'uploadpack.allowFilter', 'true')
      await git(bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true')
      if (Object.keys(files).length > 0) await commit(bare, files, 'First')
      return { url: `${running().origin}/${name}`, bare }
    },
    repo(url, { branch = 'main', folder = cache, seconds = 20, env = {}, ...given } = {}) {
      return createConfigRepo(given.shell ?? shell, {
        ...{ url, branch, cache: folder, by: 'me@laptop', limit: { ...limit, seconds } },
        env: { ...process.env, SHOPCTL_GIT_TOKEN: token, ...env },
      })
    },
    cloneOf: (url) => cloneFolder(cache, { url, branch: 'main' }),
  }
}

/** As a person pushes it. */
export async function commit(
  bare: string,
  files: Readonly<Record<string, string>>,
  message: string,
): Promise<string> {
  const lines = [
    'feature done',
    'commit refs/heads/main',
    'committer Jane <jane@example.com> now',
    ...[`data ${Buffer.byteLength(message)}`, message],
    ...((await git(bare, 'branch', '--list', 'main')) ? ['from refs/heads/main^0'] : []),
    ...Object.entries(files).flatMap(([path, text]) => [
      `M 100644 inline ${path}`,
      `data ${Buffer.byteLength(text)}`,
      text,
    ]),
    '',
    'done',
    '',
  ]
  const args = ['fast-import', '--quiet', '--date-format=now']
  await shell.check({ program: 'git', args, cwd: bare, input: lines.join('\n') })
  return (await git(bare, 'rev-parse', 'main')).trim()
}
