// The config repo against git's own server over HTTP.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createConfigRepo } from '../../src/adapters/config-repo/repo.ts'
import type { ConfigRepo } from '../../src/release/ports/config-repo.ts'
import { changesTo, configRepoContract, pushed } from '../fakes/config-repo-contract.ts'
import { commit, git, gitScene, limit, shell, token } from './config-repo-scene.ts'
import { startGitServer } from './git-server.ts'

const scene = gitScene()

describe('on a real server', () => {
  const machines: string[] = []
  afterAll(() => Promise.all(machines.map((folder) => rm(folder, { recursive: true }))))

  configRepoContract(async (files) => {
    const { url, bare } = await scene.repository(files)
    const folder = await mkdtemp(join(tmpdir(), 'config-cache-'))
    machines.push(folder)
    return {
      ...{ config: scene.repo(url), other: scene.repo(url, { folder }) },
      someone: (written) => commit(bare, written, 'By hand'),
      force: async (hash) => void (await git(bare, 'update-ref', 'refs/heads/main', hash)),
      history: async () => (await git(bare, 'rev-list', 'main')).trim().split('\n'),
    }
  })
})

describe('a config repo', () => {
  const files = {
    'local/order/blue/values.yaml': 'a: 1\n',
    'local/order/blue/Chart.yaml': 'b: ü\n',
    'local/order/blue/charts/c-0/Chart.yaml': 'no end',
    'other/x.yaml': 'x\n',
    'empty.yaml': '',
  }

  it('is read by path', async () => {
    const { url, bare } = await scene.repository(files)
    const config = scene.repo(url)
    const head = await config.fetch()
    expect(head).toEqual({
      commit: (await git(bare, 'rev-parse', 'main')).trim(),
      rewritten: false,
    })
    expect(await config.list(head.commit, ['local'])).toEqual([
      'local/order/blue/Chart.yaml',
      'local/order/blue/charts/c-0/Chart.yaml',
      'local/order/blue/values.yaml',
    ])
    const wanted = [...Object.keys(files), 'missing.yaml']
    scene.server.requests()
    expect(Object.fromEntries(await config.read(head.commit, wanted))).toEqual(files)
    // All of them at once.
    expect(
      scene.server.requests().filter((line) => line.startsWith('POST')).length,
    ).toBeLessThanOrEqual(2)
    expect((await config.read(head.commit, wanted)).size).toBe(5)
    expect(scene.server.requests()).toEqual([])
  })

  it('is pushed to with two processes, of which the first one may be done before', async () => {
    const { url, bare } = await scene.repository(files)
    await scene.repo(url).fetch()
    const started: string[] = []
    const counting: typeof shell.run = (command, onLine) => {
      started.push(command.title?.split(' (')[0] ?? '')
      return shell.run(command, onLine)
    }
    const config = scene.repo(url, { shell: { run: counting } })
    const base = (await config.local()) ?? ''
    await config.list(base, ['local'])
    await config.read(base, ['local/order/blue/values.yaml'])
    expect(started.filter((each) => each === 'git ls-tree')).toHaveLength(1)
    started.splice(0)
    let go = (): void => {}
    const after = new Promise<void>((resolve) => {
      go = resolve
    })
    const pushing = config.push(base, changesTo({ a: '1' }), 'x\n', { after })
    await expect.poll(() => started).toEqual(['git fast-import'])
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(base)
    go()
    const head = await pushing
    expect(started).toEqual(['git fast-import', 'git push'])
    expect(head).toEqual({ commit: (await git(bare, 'rev-parse', 'main')).trim() })
  })

  it('gets one commit with all changes', async () => {
    const { url, bare } = await scene.repository(files)
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    const odd = 'local/a "b"\\ü.yaml'
    const bytes = Buffer.from([0, 255, 10, 13])
    const changes = {
      write: new Map<string, string | Uint8Array>([
        ['local/order/blue/values.yaml', 'a: 2\n'],
        ['local/order/blue/charts/c-1/x.tgz', bytes],
        [odd, 'odd\n'],
      ]),
      remove: ['local/order/blue/charts/c-0', 'empty.yaml'],
    }
    const message = 'deploy: order blue 2\n\nShopctl-By: me@laptop\n'
    const head = await pushed(config, base, changes, message)
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(head)
    const diff = await git(bare, '-c', 'core.quotePath=false', 'diff', '--name-status', base, head)
    expect(
      diff
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace('\t', ' ')),
    ).toEqual([
      'D empty.yaml',
      'A "local/a \\"b\\"\\\\ü.yaml"',
      'D local/order/blue/charts/c-0/Chart.yaml',
      'A local/order/blue/charts/c-1/x.tgz',
      'M local/order/blue/values.yaml',
    ])
    const stored = await git(bare, 'cat-file', '-s', `${head}:local/order/blue/charts/c-1/x.tgz`)
    expect(stored.trim()).toBe('4')
    await git(bare, 'fsck', '--strict')
    expect(await config.fetch(base)).toEqual({ commit: head, rewritten: false })
    const [last] = (await config.log(head, ['local'], 1)).commits
    expect(last).toMatchObject({ commit: head, message })
  })

  it('lists a merged pull request as the commit that reached the branch', async () => {
    const { url, bare } = await scene.repository(files)
    const first = (await git(bare, 'rev-parse', 'main')).trim()
    const second = await commit(bare, { 'local/order/blue/values.yaml': 'a: 2\n' }, 'Second')
    await git(bare, 'update-ref', 'refs/heads/main', first)
    const third = await commit(bare, { 'local/order/blue/Chart.yaml': 'b: 2\n' }, 'Request')
    const tree = (await git(bare, 'merge-tree', '--write-tree', second, third)).trim()
    const args = ['commit-tree', tree, '-p', second, '-p', third, '-m', 'Merge']
    const merge = (await git(bare, ...args)).trim()
    await git(bare, 'update-ref', 'refs/heads/main', merge)
    const config = scene.repo(url)
    const { commit: head } = await config.fetch()
    const { commits: listed } = await config.log(head, ['local'], 9)
    expect(listed.map((each) => each.commit)).toEqual([merge, second, first])
  })

  it('names the user of git as the author, or else who runs shopctl', async () => {
    const { url } = await scene.repository()
    const none = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
    const [nobody, max] = [
      { ...none, GIT_AUTHOR_NAME: '', GIT_AUTHOR_EMAIL: '', EMAIL: '' },
      { ...none, GIT_AUTHOR_NAME: 'Max', GIT_AUTHOR_EMAIL: 'max@example.com' },
    ].map((env) => scene.repo(url, { env })) as [ConfigRepo, ConfigRepo]
    const { commit: base } = await nobody.fetch()
    const first = await pushed(nobody, base, changesTo({ a: '1' }))
    const second = await pushed(max, first, changesTo({ a: '2' }))
    const authors = (await nobody.log(second, ['a'], 2)).commits.map(({ author }) => author)
    expect(authors).toEqual(['Max <max@example.com>', 'me <me@laptop>'])
  })

  it('takes the commits of many processes, each of which tries again', async () => {
    const { url, bare } = await scene.repository(files)
    // The same clone, as processes of one user have it.
    const all = Array.from({ length: 5 }, (_, index) => ({
      config: scene.repo(url),
      file: `f${index}`,
    }))
    const tries = await Promise.all(
      all.map(async ({ config, file }) => {
        for (let tried = 1; ; tried += 1) {
          const { commit: base } = await config.fetch()
          if (
            (await config.push(base, changesTo({ [file]: 'x' }), `deploy: ${file}\n`)) !== 'moved'
          )
            return tried
        }
      }),
    )
    console.log(`5 pushes at once: ${tries.join(', ')} tries`)
    expect(Math.max(...tries)).toBeGreaterThan(1)
    const listed = await git(bare, 'ls-tree', '--name-only', 'main')
    for (const { file } of all) expect(listed).toContain(file)
    expect((await git(bare, 'rev-list', '--count', 'main')).trim()).toBe('6')
    const left = await git(scene.cloneOf(url), 'for-each-ref', '--format=%(refname)')
    expect(left.trim()).toBe('refs/shopctl/head')
  })

  it('is cloned once by two processes that start together', async () => {
    const { url } = await scene.repository(files)
    const heads = await Promise.all([1, 2, 3, 4].map(() => scene.repo(url).fetch()))
    expect(new Set(heads.map(({ commit }) => commit)).size).toBe(1)
    expect(await readdir(scene.cache)).toHaveLength(1)
  })
})

describe('the first commit', () => {
  it('is one, although processes of one user make it at once, and leaves nothing behind', async () => {
    const { url, bare } = await scene.repository({})
    await Promise.all([1, 2, 3, 4].map(() => scene.repo(url).create()))
    const { commit: head } = await scene.repo(url).fetch()
    expect((await git(bare, 'rev-list', 'main')).trim()).toBe(head)
    const [only] = (await scene.repo(url).log(head, ['README.md'], 9)).commits
    expect(only).toMatchObject({ commit: head, message: 'Begin\n' })
    await git(bare, 'fsck', '--strict')
    expect(await readdir(scene.cache)).toHaveLength(1)
  })

  it('is on the branch that is asked for', async () => {
    const { url, bare } = await scene.repository({})
    await scene.repo(url, { branch: 'prod' }).create()
    expect((await git(bare, 'for-each-ref', '--format=%(refname)')).trim()).toBe('refs/heads/prod')
  })
})

describe('a token', () => {
  it('is in no file, no argument and no message', async () => {
    const { url } = await scene.repository()
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    await pushed(config, base, changesTo({ a: '1' }))
    await expect(
      shell.check({
        program: 'grep',
        args: ['-r', '--text', '-e', token, '-e', btoa(`git:${token}`), scene.cache],
      }),
    ).rejects.toThrow('exit code 1')
    const seen: string[] = []
    const spied = createConfigRepo(
      {
        run: (command) => {
          seen.push(command.args.join(' '), String(command.input ?? ''), command.title ?? '')
          return shell.run(command)
        },
      },
      {
        url,
        branch: 'none',
        cache: scene.cache,
        by: 'me',
        limit,
        env: { SHOPCTL_GIT_TOKEN: token },
      },
    )
    const error = await spied.fetch().catch((error: Error) => error)
    expect(`${seen.join('\n')}${error}`).not.toContain(token)
    expect(seen.length).toBeGreaterThan(2)
  })

  it('goes to no other host', async () => {
    const { url } = await scene.repository()
    const other = await startGitServer(scene.root, token)
    const elsewhere = url.replace(scene.server.origin, other.origin)
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${elsewhere}.insteadOf`,
      GIT_CONFIG_VALUE_0: url,
    }
    try {
      await expect(scene.repo(url, { env }).fetch()).rejects.toThrow('there is none')
      expect(other.requests()).toHaveLength(1)
    } finally {
      await other.stop()
    }
  })
})

it('is fast', async () => {
  const values = Object.fromEntries(
    ['order', 'inventory', 'payment', 'notification'].flatMap((service) =>
      ['blue', 'green'].map((color) => [
        `local/${service}/${color}/values.yaml`,
        `${service}: ${color}\n`,
      ]),
    ),
  )
  const { url } = await scene.repository(values)
  const took: Record<string, number> = {}
  const timed = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await run()
    took[name] = Math.round(performance.now() - start)
    return result
  }
  const config = scene.repo(url)
  const { commit: base } = await timed('clone', () => config.fetch())
  await timed('read 8 files', () => config.read(base, Object.keys(values)))
  const head = await timed('push', () =>
    pushed(config, base, changesTo({ 'local/order/blue/values.yaml': 'x\n' })),
  )
  await timed('fetch, nothing new', () => config.fetch(head))
  await timed('read again', () => config.read(head, Object.keys(values)))
  await timed('keeps', () => config.keeps(base, head, ['local/payment']))
  console.log(`ms: ${JSON.stringify(took)}`)
  expect(await readFile(join(scene.cloneOf(url), 'config'), 'utf8')).toContain('blob:none')
})
