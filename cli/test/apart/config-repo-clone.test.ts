// What the clone of a config repo fetches, and what it survives.
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { changesTo, pushed } from '../fakes/config-repo-contract.ts'
import { git, gitScene, shell } from './config-repo-scene.ts'

const scene = gitScene()

describe('a long history', () => {
  let url = ''
  let bare = ''
  let first = ''
  beforeAll(async () => {
    const made = await scene.repository({
      'local/a.yaml': 'first\n',
      'big.bin': 'x'.repeat(1_000_000),
    })
    url = made.url
    bare = made.bare
    first = (await git(bare, 'rev-parse', 'main')).trim()
    await grow(bare, 800, (index) => (index % 300 === 299 ? 'local/a.yaml' : 'other.txt'))
  })

  const objects = async () => {
    const folder = scene.cloneOf(url)
    const all = await git(folder, 'cat-file', '--batch-all-objects', '--batch-check')
    return all.trim().split('\n').length
  }

  it('is not fetched for a release', async () => {
    const config = scene.repo(url)
    const { commit: base } = await config.fetch()
    await config.read(base, ['local/a.yaml'])
    expect(await objects()).toBeLessThanOrEqual(4)
    const head = await pushed(config, base, changesTo({ 'local/b.yaml': 'b\n' }))
    await config.fetch(base)
    expect(await objects()).toBeLessThanOrEqual(8)
    expect(await config.keeps(base, head, ['local/a.yaml'])).toBe(true)
    expect(await objects()).toBeLessThanOrEqual(8)
  })

  it('is fetched as far as it is asked for', async () => {
    const config = scene.repo(url)
    const { commit: head } = await config.fetch()
    const { commits, cutAt } = await config.log(head, ['local/a.yaml'], 1)
    const near = await objects()
    expect(near).toBeLessThan(2000)
    const expected = await git(bare, 'log', '--format=%H', 'main', '--', 'local/a.yaml')
    const { commits: all, cutAt: end } = await config.log(head, ['local/a.yaml'], 50)
    expect([cutAt, end]).toEqual([null, null])
    expect(all.map(({ commit }) => commit)).toEqual(expected.trim().split('\n'))
    expect(commits).toEqual(all.slice(0, 1))
    expect(all.at(-1)).toMatchObject({
      ...{ commit: first, author: 'Jane <jane@example.com>', message: 'First\n' },
    })
    expect(await objects()).toBeGreaterThan(near)
  })

  it('contains a commit that another machine has seen', async () => {
    const old = (await git(bare, 'rev-parse', 'main~600')).trim()
    const config = scene.repo(url)
    const head = await config.fetch(old)
    expect(head.rewritten).toBe(false)
    expect(await config.keeps(old, head.commit, ['big.bin'])).toBe(true)
    expect(await config.keeps(old, head.commit, ['local'])).toBe(false)
    expect(await config.keeps(head.commit, old, ['big.bin'])).toBe(false)
    expect(await config.keeps(old, '1'.repeat(40), ['big.bin'])).toBe(false)
  })
})

describe('a history of years', () => {
  it('is looked at as far as a limit, also by several commands, and that is said', async () => {
    const { url, bare } = await scene.repository({ 'local/a.yaml': 'first\n' })
    await grow(bare, 3_000, (index) => (index === 2_990 ? 'local/a.yaml' : 'other.txt'))
    const config = scene.repo(url)
    const { commit: head } = await config.fetch()
    for (let times = 2; times > 0; times--) {
      const { commits, cutAt } = await config.log(head, ['local/a.yaml'], 20)
      expect([commits.length, cutAt]).toEqual([1, 2_500])
    }
    expect(await config.log(head, ['local/a.yaml'], 1)).toMatchObject({ cutAt: null })
    const count = await git(scene.cloneOf(url), 'rev-list', '--count', head)
    expect(count.trim()).toBe('2500')
  })
})

/** Adds commits, each of one file. */
async function grow(bare: string, length: number, file: (index: number) => string): Promise<void> {
  const lines = Array.from({ length }, (_, index) => [
    'commit refs/heads/main',
    'committer Jane <jane@example.com> now',
    'data 1\nx',
    ...(index === 0 ? ['from refs/heads/main^0'] : []),
    `M 100644 inline ${file(index)}`,
    `data ${String(index).length}\n${index}`,
    '',
  ]).flat()
  const args = ['fast-import', '--quiet', '--date-format=now']
  await shell.check({ program: 'git', args, cwd: bare, input: `${lines.join('\n')}\n` })
}

describe('a clone', () => {
  it('that a crash has broken is made anew', async () => {
    const { url } = await scene.repository()
    const { commit: base } = await scene.repo(url).fetch()
    const folder = scene.cloneOf(url)
    await rm(join(folder, 'objects'), { recursive: true })
    await mkdir(join(folder, 'objects'))
    expect((await scene.repo(url).fetch()).commit).toBe(base)
    expect(await scene.repo(url).list(base, ['README.md'])).toEqual(['README.md'])
  })

  it('whose lock a killed git has left is used again', async () => {
    const { url } = await scene.repository()
    const config = scene.repo(url, { seconds: 5 })
    const { commit: base } = await config.fetch()
    const lock = join(scene.cloneOf(url), 'refs/shopctl/head.lock')
    await writeFile(lock, '')
    const old = new Date(Date.now() - 60_000)
    await utimes(lock, old, old)
    await pushed(config, base, changesTo({ a: '1' }))
    expect((await config.fetch()).commit).not.toBe(base)
  }, 40_000)

  it('runs no hook of the user', async () => {
    const { url } = await scene.repository()
    const hooks = await mkdtemp(join(tmpdir(), 'hooks-'))
    for (const name of ['pre-push', 'reference-transaction', 'post-checkout'])
      await writeFile(join(hooks, name), `#!/bin/sh\ntouch ${hooks}/ran\nexit 1\n`, { mode: 0o755 })
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.hooksPath',
      GIT_CONFIG_VALUE_0: hooks,
    }
    const config = scene.repo(url, { env })
    const { commit: base } = await config.fetch()
    await pushed(config, base, changesTo({ a: '1' }))
    expect(await readdir(hooks)).not.toContain('ran')
    await rm(hooks, { recursive: true })
  })
})
