// The config repo against git's own server over HTTP.

import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloneFolder } from '../../src/adapters/config-repo/clone.ts'
import { createConfigRepo } from '../../src/adapters/config-repo/repo.ts'
import { createShell } from '../../src/adapters/shell.ts'
import type { Changes, ConfigRepo } from '../../src/release/ports/config-repo.ts'
import { type GitServer, startGitServer } from './git-server.ts'

const token = 'glpat-a-token_of.the-test'
const limit = { seconds: 20, setting: '`timeouts.tools`' }
const shell = createShell()
let root = ''
let server: GitServer
let cache = ''

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'config-repo-'))
  server = await startGitServer(root, token)
})
afterAll(async () => {
  await server.stop()
  await rm(root, { recursive: true })
})
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'config-cache-'))
})
afterEach(async () => {
  server.answer(undefined)
  await rm(cache, { recursive: true })
})

function git(cwd: string, ...args: string[]): Promise<string> {
  const user = ['-c', 'user.name=Jane', '-c', 'user.email=jane@example.com']
  return shell.check({ program: 'git', args: [...user, ...args], cwd })
}

let count = 0
/** A bare repository with these files in one commit, if there are any. */
async function repository(files: Record<string, string> = { 'README.md': 'Hello\n' }) {
  count += 1
  const name = `repo-${count}.git`
  const bare = join(root, name)
  await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', name)
  await git(bare, 'config', 'http.receivepack', 'true')
  await git(bare, 'config', 'uploadpack.allowFilter', 'true')
  await git(bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true')
  if (Object.keys(files).length > 0) await commit(bare, files, 'First')
  return { url: `${server.origin}/${name}`, bare }
}

/** As a person pushes it. */
async function commit(bare: string, files: Record<string, string>, message: string) {
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

function cloneOf(url: string): string {
  return cloneFolder(cache, { url, branch: 'main' })
}

interface Given {
  branch?: string
  folder?: string
  seconds?: number
  env?: NodeJS.ProcessEnv
}

function repo(
  url: string,
  { branch = 'main', folder = cache, seconds = 20, env = {} }: Given = {},
) {
  return createConfigRepo(shell, {
    ...{ url, branch, cache: folder, by: 'me@laptop', limit: { ...limit, seconds } },
    env: { ...process.env, SHOPCTL_GIT_TOKEN: token, ...env },
  })
}

function writes(files: Record<string, string>, remove: string[] = []): Changes {
  return { write: new Map(Object.entries(files)), remove }
}

async function pushed(to: ConfigRepo, base: string, changes: Changes, message = 'deploy: x\n') {
  const result = await to.push(base, changes, message)
  if (result === 'moved') throw new Error('moved')
  return result.commit
}

describe('a config repo', () => {
  const files = {
    'local/order/blue/values.yaml': 'a: 1\n',
    'local/order/blue/Chart.yaml': 'b: ü\n',
    'local/order/blue/charts/c-0/Chart.yaml': 'no end',
    'other/x.yaml': 'x\n',
    'empty.yaml': '',
  }

  it('is read by path', async () => {
    const { url, bare } = await repository(files)
    const config = repo(url)
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
    server.requests()
    expect(Object.fromEntries(await config.read(head.commit, wanted))).toEqual(files)
    // All of them at once.
    expect(server.requests().filter((line) => line.startsWith('POST')).length).toBeLessThanOrEqual(
      2,
    )
    expect((await config.read(head.commit, wanted)).size).toBe(5)
    expect(server.requests()).toEqual([])
  })

  it('gets one commit with all changes', async () => {
    const { url, bare } = await repository(files)
    const config = repo(url)
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
    const [last] = await config.log(head, ['local'], 1)
    expect(last).toMatchObject({ commit: head, message })
  })

  it('names the user of git as the author, or else who runs shopctl', async () => {
    const { url } = await repository()
    const none = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
    const [nobody, max] = [
      { ...none, GIT_AUTHOR_NAME: '', GIT_AUTHOR_EMAIL: '', EMAIL: '' },
      { ...none, GIT_AUTHOR_NAME: 'Max', GIT_AUTHOR_EMAIL: 'max@example.com' },
    ].map((env) => repo(url, { env })) as [ConfigRepo, ConfigRepo]
    const { commit: base } = await nobody.fetch()
    const first = await pushed(nobody, base, writes({ a: '1' }))
    const second = await pushed(max, first, writes({ a: '2' }))
    const authors = (await nobody.log(second, ['a'], 2)).map(({ author }) => author)
    expect(authors).toEqual(['Max <max@example.com>', 'me <me@laptop>'])
  })

  it('says that somebody was faster, and changes nothing', async () => {
    const { url, bare } = await repository(files)
    const config = repo(url)
    const { commit: base } = await config.fetch()
    const theirs = await commit(bare, { 'other/x.yaml': 'y\n' }, 'By hand')
    expect(await config.push(base, writes({ a: '1' }), 'deploy: x\n')).toBe('moved')
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(theirs)
    const { commit: head, rewritten } = await config.fetch(base)
    expect({ head, rewritten }).toEqual({ head: theirs, rewritten: false })
    const mine = await pushed(config, head, writes({ a: '1' }))
    expect((await git(bare, 'rev-list', 'main')).trim().split('\n')).toEqual([mine, theirs, base])
  })

  it('takes the commits of many processes, each of which tries again', async () => {
    const { url, bare } = await repository(files)
    // The same clone, as processes of one user have it.
    const all = Array.from({ length: 5 }, (_, index) => ({ config: repo(url), file: `f${index}` }))
    const tries = await Promise.all(
      all.map(async ({ config, file }) => {
        for (let tried = 1; ; tried += 1) {
          const { commit: base } = await config.fetch()
          if ((await config.push(base, writes({ [file]: 'x' }), `deploy: ${file}\n`)) !== 'moved')
            return tried
        }
      }),
    )
    console.log(`5 pushes at once: ${tries.join(', ')} tries`)
    expect(Math.max(...tries)).toBeGreaterThan(1)
    const listed = await git(bare, 'ls-tree', '--name-only', 'main')
    for (const { file } of all) expect(listed).toContain(file)
    expect((await git(bare, 'rev-list', '--count', 'main')).trim()).toBe('6')
    const left = await git(cloneOf(url), 'for-each-ref', '--format=%(refname)')
    expect(left.trim()).toBe('refs/shopctl/head')
  })

  it('is cloned once by two processes that start together', async () => {
    const { url } = await repository(files)
    const heads = await Promise.all([1, 2, 3, 4].map(() => repo(url).fetch()))
    expect(new Set(heads.map(({ commit }) => commit)).size).toBe(1)
    expect(await readdir(cache)).toHaveLength(1)
  })
})

describe('a long history', () => {
  let url = ''
  let bare = ''
  let first = ''
  beforeAll(async () => {
    const made = await repository({ 'local/a.yaml': 'first\n', 'big.bin': 'x'.repeat(1_000_000) })
    url = made.url
    bare = made.bare
    first = (await git(bare, 'rev-parse', 'main')).trim()
    const lines = Array.from({ length: 800 }, (_, index) => [
      'commit refs/heads/main',
      'committer Jane <jane@example.com> now',
      'data 1\nx',
      ...(index === 0 ? ['from refs/heads/main^0'] : []),
      `M 100644 inline ${index % 300 === 299 ? 'local/a.yaml' : 'other.txt'}`,
      `data ${String(index).length}\n${index}`,
      '',
    ]).flat()
    const args = ['fast-import', '--quiet', '--date-format=now']
    await shell.check({ program: 'git', args, cwd: bare, input: `${lines.join('\n')}\n` })
  })

  const objects = async () => {
    const folder = cloneOf(url)
    const all = await git(folder, 'cat-file', '--batch-all-objects', '--batch-check')
    return all.trim().split('\n').length
  }

  it('is not fetched for a release', async () => {
    const config = repo(url)
    const { commit: base } = await config.fetch()
    await config.read(base, ['local/a.yaml'])
    expect(await objects()).toBeLessThanOrEqual(4)
    const head = await pushed(config, base, writes({ 'local/b.yaml': 'b\n' }))
    await config.fetch(base)
    expect(await objects()).toBeLessThanOrEqual(8)
    expect(await config.keeps(base, head, ['local/a.yaml'])).toBe(true)
    expect(await objects()).toBeLessThanOrEqual(8)
  })

  it('is fetched as far as it is asked for', async () => {
    const config = repo(url)
    const { commit: head } = await config.fetch()
    const [last] = await config.log(head, ['local/a.yaml'], 1)
    const near = await objects()
    expect(near).toBeLessThan(2000)
    const expected = await git(bare, 'log', '--format=%H', 'main', '--', 'local/a.yaml')
    const all = await config.log(head, ['local/a.yaml'], 50)
    expect(all.map(({ commit }) => commit)).toEqual(expected.trim().split('\n'))
    expect(last).toEqual(all[0])
    expect(all.at(-1)).toMatchObject({
      ...{ commit: first, author: 'Jane <jane@example.com>', message: 'First\n' },
    })
    expect(await objects()).toBeGreaterThan(near)
  })

  it('contains a commit that another machine has seen', async () => {
    const old = (await git(bare, 'rev-parse', 'main~600')).trim()
    const config = repo(url)
    const head = await config.fetch(old)
    expect(head.rewritten).toBe(false)
    expect(await config.keeps(old, head.commit, ['big.bin'])).toBe(true)
    expect(await config.keeps(old, head.commit, ['local'])).toBe(false)
    expect(await config.keeps(head.commit, old, ['big.bin'])).toBe(false)
    expect(await config.keeps(old, '1'.repeat(40), ['big.bin'])).toBe(false)
  })
})

it('tells that history was rewritten', async () => {
  const { url, bare } = await repository()
  const config = repo(url)
  const { commit: base } = await config.fetch()
  const known = await pushed(config, base, writes({ a: '1' }))
  await git(bare, 'update-ref', 'refs/heads/main', base)
  const theirs = await commit(bare, { b: '2' }, 'Forced')
  expect(await config.fetch(known)).toEqual({ commit: theirs, rewritten: true })
  expect(await config.keeps(known, theirs, ['README.md'])).toBe(false)
  const other = await mkdtemp(join(tmpdir(), 'config-cache-'))
  expect(await repo(url, { folder: other }).fetch(known)).toEqual({
    commit: theirs,
    rewritten: true,
  })
  expect(await repo(url, { folder: other }).fetch(theirs)).toMatchObject({ rewritten: false })
  await rm(other, { recursive: true })
})

describe('a token', () => {
  it('is in no file, no argument and no message', async () => {
    const { url } = await repository()
    const config = repo(url)
    const { commit: base } = await config.fetch()
    await pushed(config, base, writes({ a: '1' }))
    await expect(
      shell.check({
        program: 'grep',
        args: ['-r', '--text', '-e', token, '-e', btoa(`git:${token}`), cache],
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
      { url, branch: 'none', cache, by: 'me', limit, env: { SHOPCTL_GIT_TOKEN: token } },
    )
    const error = await spied.fetch().catch((error: Error) => error)
    expect(`${seen.join('\n')}${error}`).not.toContain(token)
    expect(seen.length).toBeGreaterThan(2)
  })

  it('goes to no other host', async () => {
    const { url } = await repository()
    const other = await startGitServer(root, token)
    const elsewhere = url.replace(server.origin, other.origin)
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${elsewhere}.insteadOf`,
      GIT_CONFIG_VALUE_0: url,
    }
    try {
      await expect(repo(url, { env }).fetch()).rejects.toThrow('there is none')
      expect(other.requests()).toHaveLength(1)
    } finally {
      await other.stop()
    }
  })
})

describe('what goes wrong has a name:', () => {
  const refusal = (code: string, message: RegExp, kind = 'refused') =>
    expect.objectContaining({
      kind,
      code,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    })
  const errorOf = (run: Promise<unknown>) =>
    run.then(
      () => 'no error',
      (error: Error) => error,
    )

  it.each<[string, string, Given, ReturnType<typeof refusal>]>([
    ['no repository', 'none.git', {}, refusal('no-config-repo', /There is no repository http/)],
    [
      'a wrong token',
      '',
      { env: { SHOPCTL_GIT_TOKEN: 'x' } },
      refusal('config-repo-login', /wrong, or expired/),
    ],
    [
      'no token',
      '',
      { env: { SHOPCTL_GIT_TOKEN: '' } },
      refusal('config-repo-login', /there is none/),
    ],
    [
      'no branch',
      '',
      { branch: 'prod' },
      refusal('no-config-branch', /no branch prod\. It has main\./),
    ],
    [
      'a token of two lines',
      '',
      { env: { SHOPCTL_GIT_TOKEN: 'a\nb' } },
      refusal('config-repo-login', /more than one line/),
    ],
  ])('%s', async (_, name, given, expected) => {
    const { url } = await repository()
    const wanted = name === '' ? url : `${server.origin}/${name}`
    expect(await errorOf(Promise.resolve().then(() => repo(wanted, given).fetch()))).toEqual(
      expected,
    )
  })

  it('an empty repository', async () => {
    const { url } = await repository({})
    expect(await errorOf(repo(url).fetch())).toEqual(refusal('empty-config-repo', /is empty/))
  })

  it('no host', async () => {
    const nobody = await startGitServer(root, token)
    await nobody.stop()
    expect(await errorOf(repo(`${nobody.origin}/x.git`).fetch())).toEqual(
      refusal('config-repo-unreachable', /cannot be reached/, 'failed'),
    )
    expect(await errorOf(repo('https://git.invalid/x.git').fetch())).toEqual(
      refusal('config-repo-unreachable', /git\.invalid cannot be reached/, 'failed'),
    )
  })

  it.each([
    [403, refusal('config-repo-denied', /You may not do this/)],
    [503, refusal('config-repo-unreachable', /cannot answer now/, 'failed')],
  ])('the server answers %i to a fetch', async (status, expected) => {
    const { url } = await repository()
    server.answer(() => status)
    expect(await errorOf(repo(url).fetch())).toEqual(expected)
  })

  it('a server that says nothing', async () => {
    const { url } = await repository()
    server.answer(() => 'silent')
    expect(await errorOf(repo(url, { seconds: 1 }).fetch())).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/git fetch \(127\.0\.0\.1:\d+\) did not end within 1 s/),
    })
  })

  it('a push that is denied', async () => {
    const { url } = await repository()
    const config = repo(url)
    const { commit: base } = await config.fetch()
    server.answer((path) => (path.includes('receive-pack') ? 403 : undefined))
    expect(await errorOf(config.push(base, writes({ a: '1' }), 'x\n'))).toEqual(
      refusal('config-repo-denied', /You may not do this.*This token may only read/),
    )
  })

  it('a rule of the server, in its own words', async () => {
    const { url, bare } = await repository()
    const hook = join(bare, 'hooks/pre-receive')
    await mkdir(join(bare, 'hooks'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\necho "GH006: Protected branch update failed" >&2\nexit 1\n')
    await chmod(hook, 0o755)
    const config = repo(url)
    const { commit: base } = await config.fetch()
    expect(await errorOf(config.push(base, writes({ a: '1' }), 'x\n'))).toEqual(
      refusal('push-rejected', /pre-receive hook declined: GH006: Protected branch update failed/),
    )
  })

  it('an answer to a push that is lost, while the commit is there', async () => {
    const { url, bare } = await repository()
    const config = repo(url)
    const { commit: base } = await config.fetch()
    server.answer((path) => (path.endsWith('/git-receive-pack') ? 'drop' : undefined))
    const result = await config.push(base, writes({ a: '1' }), 'x\n')
    expect(result).toEqual({ commit: (await git(bare, 'rev-parse', 'main')).trim() })
    expect(result).not.toEqual({ commit: base })
  })

  it('a push that is lost on its way', async () => {
    const { url, bare } = await repository()
    const config = repo(url)
    const { commit: base } = await config.fetch()
    server.answer((path) => (path.includes('receive-pack') ? 503 : undefined))
    expect(await errorOf(config.push(base, writes({ a: '1' }), 'x\n'))).toEqual(
      refusal('config-repo-unreachable', /cannot answer now/, 'failed'),
    )
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(base)
  })

  it('no git', async () => {
    const none = {
      run: (command: object) => shell.run({ ...command, program: 'git-none', args: [] }),
    }
    const config = createConfigRepo(none, {
      url: 'https://x.invalid/x',
      branch: 'main',
      cache,
      by: 'me',
      limit,
    })
    expect(await errorOf(config.fetch())).toMatchObject({ code: 'program-missing' })
  })

  it('an old git', async () => {
    const old = await mkdtemp(join(tmpdir(), 'old-git-'))
    await writeFile(join(old, 'git'), '#!/bin/sh\necho git version 2.20.1\n', { mode: 0o755 })
    const config = createConfigRepo(
      {
        run: (command) =>
          shell.run({ ...command, env: { ...command.env, PATH: `${old}:${process.env.PATH}` } }),
      },
      { url: 'https://x.invalid/x', branch: 'main', cache, by: 'me', limit },
    )
    expect(await errorOf(config.fetch())).toEqual(refusal('old-git', /git version 2\.20\.1/))
    await rm(old, { recursive: true })
  })

  it('a file that is not UTF-8', async () => {
    const { url } = await repository()
    const config = repo(url)
    const { commit: base } = await config.fetch()
    const write = new Map([['a.yaml', Buffer.from([0x61, 0xff, 0x0a])]])
    const head = await pushed(config, base, { write, remove: [] })
    expect(await errorOf(config.read(head, ['a.yaml']))).toEqual(
      refusal('bad-config-repo', /a\.yaml is not UTF-8/),
    )
  })

  it.runIf(process.getuid?.() === 0)('a full disk', async () => {
    const { url } = await repository({ 'a.yaml': randomBytes(900_000).toString('base64') })
    const small = join(cache, 'small')
    await mkdir(small)
    await shell.check({ program: 'mount', args: ['-t', 'tmpfs', '-o', 'size=400k', 'none', small] })
    try {
      const config = repo(url, { folder: small })
      const full = refusal('disk-full', /There is no space for the clone/)
      const { commit: base } = await config.fetch()
      expect(await errorOf(config.read(base, ['a.yaml']))).toEqual(full)
      const write = new Map([['b', randomBytes(900_000)]])
      expect(await errorOf(config.push(base, { write, remove: [] }, 'x\n'))).toEqual(full)
    } finally {
      await shell.check({ program: 'umount', args: [small] })
    }
  })

  it('a cache that is no folder', async () => {
    const { url } = await repository()
    await writeFile(join(cache, 'file'), '')
    expect(await errorOf(repo(url, { folder: join(cache, 'file') }).fetch())).toEqual(
      refusal('no-cache', /cannot be written to/),
    )
  })
})

describe('a clone', () => {
  it('that a crash has broken is made anew', async () => {
    const { url } = await repository()
    const { commit: base } = await repo(url).fetch()
    const folder = cloneOf(url)
    await rm(join(folder, 'objects'), { recursive: true })
    await mkdir(join(folder, 'objects'))
    expect((await repo(url).fetch()).commit).toBe(base)
    expect(await repo(url).list(base, ['README.md'])).toEqual(['README.md'])
  })

  it('whose lock a killed git has left is used again', async () => {
    const { url } = await repository()
    const config = repo(url, { seconds: 5 })
    const { commit: base } = await config.fetch()
    const lock = join(cloneOf(url), 'refs/shopctl/head.lock')
    await writeFile(lock, '')
    const old = new Date(Date.now() - 60_000)
    await utimes(lock, old, old)
    await pushed(config, base, writes({ a: '1' }))
    expect((await config.fetch()).commit).not.toBe(base)
  }, 40_000)

  it('runs no hook of the user', async () => {
    const { url } = await repository()
    const hooks = await mkdtemp(join(tmpdir(), 'hooks-'))
    for (const name of ['pre-push', 'reference-transaction', 'post-checkout'])
      await writeFile(join(hooks, name), `#!/bin/sh\ntouch ${hooks}/ran\nexit 1\n`, { mode: 0o755 })
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.hooksPath',
      GIT_CONFIG_VALUE_0: hooks,
    }
    const config = repo(url, { env })
    const { commit: base } = await config.fetch()
    await pushed(config, base, writes({ a: '1' }))
    expect(await readdir(hooks)).not.toContain('ran')
    await rm(hooks, { recursive: true })
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
  const { url } = await repository(values)
  const took: Record<string, number> = {}
  const timed = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await run()
    took[name] = Math.round(performance.now() - start)
    return result
  }
  const config = repo(url)
  const { commit: base } = await timed('clone', () => config.fetch())
  await timed('read 8 files', () => config.read(base, Object.keys(values)))
  const head = await timed('push', () =>
    pushed(config, base, writes({ 'local/order/blue/values.yaml': 'x\n' })),
  )
  await timed('fetch, nothing new', () => config.fetch(head))
  await timed('read again', () => config.read(head, Object.keys(values)))
  await timed('keeps', () => config.keeps(base, head, ['local/payment']))
  console.log(`ms: ${JSON.stringify(took)}`)
  expect(await readFile(join(cloneOf(url), 'config'), 'utf8')).toContain('blob:none')
})
