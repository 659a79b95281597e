// The platform's config repo as its tests use it: as somebody else, who pushes too.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import type { PlatformStatus } from '../../src/platform/platform.ts'
import { platform } from './observability.ts'
import { kubectlOk } from './shop.ts'

const shell = createShell()
/** The environment that Argo CD releases. */
export const env = 'gitops'

export interface Selected {
  color: string
  revision: string
}

export interface Repo {
  folder: string
  git(...args: string[]): Promise<string>
  /** Fetches the branch, changes a file, and pushes it as somebody else. Returns the commit. */
  edit(file: string, change: (text: string) => string): Promise<string>
  /** Writes a file that is none of shopctl's, or deletes it, and pushes it. Others may push meanwhile. */
  commit(file: string, text: string | null): Promise<void>
  /** The selectors of all Services, as the branch says. */
  selectors(): Promise<Record<string, Record<'stable' | 'preview', Selected | null>>>
  remove(): Promise<void>
}

/** The platform's repository, and who may write to it. */
export async function gitLogin(): Promise<{
  url: string
  clusterUrl: string
  user: string
  password: string
}> {
  const { git: place } = JSON.parse(await platform('status', '--json')) as PlatformStatus
  if (!place) throw new Error('the platform has no git repository')
  const { namespace, name } = place.secret
  const secretOf = async (key: string): Promise<string> => {
    const path = `--output=jsonpath={.data.${key}}`
    const text = await kubectlOk('get', 'secret', name, `--namespace=${namespace}`, path)
    return Buffer.from(text, 'base64').toString()
  }
  const [user, password] = [await secretOf('username'), await secretOf('password')]
  const { url, clusterUrl } = place
  return { url, clusterUrl, user, password }
}

/** A clone of the platform's repository. git knows the password from its environment alone. */
export async function cloneRepo(): Promise<Repo> {
  const { url, user, password } = await gitLogin()
  const login = Buffer.from(`${user}:${password}`)
  const variables = {
    ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_COUNT: '1' },
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${login.toString('base64')}`,
    ...{ GIT_AUTHOR_NAME: 'Jane', GIT_AUTHOR_EMAIL: 'jane@example.com' },
    ...{ GIT_COMMITTER_NAME: 'Jane', GIT_COMMITTER_EMAIL: 'jane@example.com' },
  }
  const folder = await mkdtemp(join(tmpdir(), 'config-repo-'))
  const git = async (...args: string[]): Promise<string> =>
    (await shell.check({ program: 'git', args: ['-C', folder, ...args], env: variables })).trim()
  await git('init', '--quiet', '--initial-branch=main')
  await git('remote', 'add', 'origin', url)
  const update = async (): Promise<void> => {
    await git('fetch', '--quiet', 'origin', 'main')
    await git('reset', '--quiet', '--hard', 'FETCH_HEAD')
  }
  return {
    folder,
    git,
    async edit(file, change) {
      await update()
      const path = join(folder, file)
      await writeFile(path, change(await readFile(path, 'utf8')))
      await git('commit', '--quiet', '--all', `--message=Change ${file} by hand`)
      await git('push', '--quiet', 'origin', 'HEAD:main')
      return git('rev-parse', 'HEAD')
    },
    async commit(file, text) {
      for (let left = 10; left > 0; left--) {
        await update()
        const path = join(folder, file)
        await mkdir(dirname(path), { recursive: true })
        await (text === null ? rm(path) : writeFile(path, text))
        await git('add', '--all')
        await git('commit', '--quiet', '--allow-empty', `--message=Change ${file} by hand`)
        const pushed = await git('push', '--quiet', 'origin', 'HEAD:main').then(
          () => true,
          () => false,
        )
        if (pushed) return
      }
      throw new Error('others are always faster')
    },
    async selectors() {
      await update()
      const text = await readFile(join(folder, `${env}/services/values.yaml`), 'utf8')
      return parse(text).global.selectors
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
