// What goes wrong with a config repo, against git's own server over HTTP.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createConfigRepo } from '../../src/adapters/config-repo/repo.ts'
import { changesTo } from '../fakes/config-repo-contract.ts'
import { type Given, git, gitScene, limit, shell, token } from './config-repo-scene.ts'
import { startGitServer } from './git-server.ts'

const scene = gitScene()

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
    const { url } = await scene.repository()
    const wanted = name === '' ? url : `${scene.server.origin}/${name}`
    expect(await errorOf(Promise.resolve().then(() => scene.repo(wanted, given).fetch()))).toEqual(
      expected,
    )
  })

  it('an empty repository', async () => {
    const { url } = await scene.repository({})
    expect(await errorOf(scene.repo(url).fetch())).toEqual(refusal('empty-config-repo', /is empty/))
  })

  it('no host', async () => {
    const nobody = await startGitServer(scene.root, token)
    await nobody.stop()
    expect(await errorOf(scene.repo(`${nobody.origin}/x.git`).fetch())).toEqual(
      refusal('config-repo-unreachable', /cannot be reached/, 'failed'),
    )
    expect(await errorOf(scene.repo('https://git.invalid/x.git').fetch())).toEqual(
      refusal('config-repo-unreachable', /git\.invalid cannot be reached/, 'failed'),
    )
  })

  it.each([
    [403, refusal('config-repo-denied', /You may not do this/)],
    [503, refusal('config-repo-unreachable', /cannot answer now/, 'failed')],
  ])('the server answers %i to a fetch', async (status, expected) => {
    const { url } = await scene.repository()
    scene.server.answer(() => status)
    expect(await errorOf(scene.repo(url).fetch())).toEqual(expected)
  })

  it('a server that says nothing', async () => {
    const { url } = await scene.repository()
    scene.server.answer(() => 'silent')
    expect(await errorOf(scene.repo(url, { seconds: 1 }).fetch())).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/git fetch \(127\.0\.0\.1:\d+\) did not end within 1 s/),
    })
  })

  it('a push that is denied', async () => {
    const { url } = await scene.repository()
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    scene.server.answer((path) => (path.includes('receive-pack') ? 403 : undefined))
    expect(await errorOf(config.push(base, changesTo({ a: '1' }), 'x\n'))).toEqual(
      refusal('config-repo-denied', /You may not do this.*This token may only read/),
    )
  })

  it('a token that expires before the push, and is named nowhere', async () => {
    const { url, bare } = await scene.repository()
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    const old = 'glpat-expired.token-of_the-test'
    const expired = scene.repo(url, { env: { SHOPCTL_GIT_TOKEN: old } })
    const error = await errorOf(expired.push(base, changesTo({ a: '1' }), 'x\n'))
    expect(error).toEqual(refusal('config-repo-login', /wrong, or expired/))
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(old)
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(base)
    const args = ['-r', '--text', '-e', old, '-e', btoa(`git:${old}`), scene.cache]
    await expect(shell.check({ program: 'grep', args })).rejects.toThrow('exit code 1')
  })

  it('a rule of the server, in its own words', async () => {
    const { url, bare } = await scene.repository()
    const hook = join(bare, 'hooks/pre-receive')
    await mkdir(join(bare, 'hooks'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\necho "GH006: Protected branch update failed" >&2\nexit 1\n')
    await chmod(hook, 0o755)
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    expect(await errorOf(config.push(base, changesTo({ a: '1' }), 'x\n'))).toEqual(
      refusal('push-rejected', /pre-receive hook declined: GH006: Protected branch update failed/),
    )
  })

  it('an answer to a push that is lost, while the commit is there', async () => {
    const { url, bare } = await scene.repository()
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    scene.server.answer((path) => (path.endsWith('/git-receive-pack') ? 'drop' : undefined))
    const result = await config.push(base, changesTo({ a: '1' }), 'x\n')
    expect(result).toEqual({ commit: (await git(bare, 'rev-parse', 'main')).trim() })
    expect(result).not.toEqual({ commit: base })
  })

  it('a push that cannot connect, and so has not arrived', async () => {
    const nobody = await startGitServer(scene.root, token)
    const { url } = await scene.repository()
    const { commit: base } = await scene.repo(url).fetch()
    await nobody.stop()
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${nobody.origin}/.insteadOf`,
      GIT_CONFIG_VALUE_0: `${scene.server.origin}/`,
    }
    const error = await errorOf(scene.repo(url, { env }).push(base, changesTo({ a: '1' }), 'x\n'))
    expect(error).toMatchObject({ kind: 'refused', code: 'config-repo-unreachable' })
  })

  it('a push that is lost on its way', async () => {
    const { url, bare } = await scene.repository()
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    scene.server.answer((path) => (path.includes('receive-pack') ? 503 : undefined))
    expect(await errorOf(config.push(base, changesTo({ a: '1' }), 'x\n'))).toEqual(
      refusal('config-repo-unreachable', /cannot answer now/, 'failed'),
    )
    expect((await git(bare, 'rev-parse', 'main')).trim()).toBe(base)
  })

  it('an answer to the first commit that is lost, while it is there', async () => {
    const { url } = await scene.repository({})
    scene.server.answer((path) => (path.endsWith('/git-receive-pack') ? 'drop' : undefined))
    expect(await errorOf(scene.repo(url).create())).toMatchObject({ kind: 'failed' })
    scene.server.answer(undefined)
    await scene.repo(url).create()
    expect(await scene.repo(url).fetch()).toMatchObject({ rewritten: false })
  })

  it('a first commit that is denied', async () => {
    const { url, bare } = await scene.repository({})
    scene.server.answer((path) => (path.includes('receive-pack') ? 403 : undefined))
    expect(await errorOf(scene.repo(url).create())).toEqual(
      refusal('config-repo-denied', /You may not do this/),
    )
    expect(await git(bare, 'for-each-ref')).toBe('')
  })

  it('no git', async () => {
    const none = {
      run: (command: object) => shell.run({ ...command, program: 'git-none', args: [] }),
    }
    const config = createConfigRepo(none, {
      url: 'https://x.invalid/x',
      branch: 'main',
      cache: scene.cache,
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
      { url: 'https://x.invalid/x', branch: 'main', cache: scene.cache, by: 'me', limit },
    )
    expect(await errorOf(config.fetch())).toEqual(refusal('old-git', /git version 2\.20\.1/))
    await rm(old, { recursive: true })
  })

  it.runIf(process.getuid?.() === 0)('a full disk', async () => {
    const { url } = await scene.repository({ 'a.yaml': randomBytes(900_000).toString('base64') })
    const small = join(scene.cache, 'small')
    await mkdir(small)
    await shell.check({ program: 'mount', args: ['-t', 'tmpfs', '-o', 'size=400k', 'none', small] })
    try {
      const config = scene.repo(url, { folder: small })
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
    const { url } = await scene.repository()
    await writeFile(join(scene.cache, 'file'), '')
    expect(await errorOf(scene.repo(url, { folder: join(scene.cache, 'file') }).fetch())).toEqual(
      refusal('no-cache', /cannot be written to/),
    )
  })
})
