// With a real git in a temporary folder.

import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGitSource } from '../../src/adapters/git.ts'
import { createPrograms } from '../../src/adapters/programs.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { aLimit } from '../fakes/host.ts'

const shell = createShell()
let root = ''
function git(...args: string[]) {
  return shell.check({
    program: 'git',
    args: ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args],
    cwd: root,
  })
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'source-'))
  await git('init', '--quiet')
  await mkdir(join(root, 'shop', 'order'), { recursive: true })
  for (const file of ['shop/order/a.ts', 'shop/order/b.ts', 'shop/order/with blank.ts'])
    await writeFile(join(root, file), file)
  await writeFile(join(root, '.gitignore'), 'dist/\n')
})
afterEach(() => rm(root, { recursive: true }))

function source(folder = 'shop') {
  return createGitSource(shell, join(root, folder), aLimit)
}

it('has no commit before the first one', async () => {
  expect(await source().commit()).toBeNull()
  expect(await source().changed(['order'])).toEqual([
    'order/a.ts',
    'order/b.ts',
    'order/with blank.ts',
  ])
})

it('lists nothing below a folder that does not exist', async () => {
  expect(await source().files(['order/local/values.yaml'])).toEqual([])
})

it('lists tracked and new files relative to its folder, without ignored and deleted ones', async () => {
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'first')
  await rm(join(root, 'shop/order/a.ts'))
  await writeFile(join(root, 'shop/order/new.ts'), 'new')
  await mkdir(join(root, 'shop/order/dist'))
  await writeFile(join(root, 'shop/order/dist/out.js'), 'out')
  expect(await source().commit()).toMatch(/^[0-9a-f]{40}$/)
  expect(await source().files(['order'])).toEqual([
    'order/b.ts',
    'order/new.ts',
    'order/with blank.ts',
  ])
  expect((await source().changed(['order'])).sort()).toEqual(['order/a.ts', 'order/new.ts'])
  expect(String(await source().read('order/new.ts'))).toBe('new')
})

it.each([
  ['a symbolic link to a folder', () => symlink('order', join(root, 'shop/link'))],
  ['a symbolic link to nothing', () => symlink('nothing', join(root, 'shop/link'))],
  [
    'a submodule',
    async () => {
      const inside = ['-C', join(root, 'shop/link')]
      await git('init', '--quiet', join(root, 'shop/link'))
      await git(...inside, 'commit', '--quiet', '--allow-empty', '--message', 'first')
      await git('add', 'shop/link')
    },
  ],
])('refuses to read %s, and names it', async (_, make) => {
  await make()
  expect(await source().files(['link'])).toEqual(['link'])
  await expect(source().read('link')).rejects.toMatchObject({
    code: 'bad-input',
    exitCode: 2,
    message: expect.stringMatching(/^link cannot be an input/),
  })
})

/** Runs `use` while every file of the index looks changed, which git notes in the index when it may. */
async function withStaleIndex(use: () => Promise<unknown>): Promise<void> {
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'first')
  for (const file of ['a.ts', 'b.ts']) await utimes(join(root, 'shop/order', file), 1, 1)
  const index = await readFile(join(root, '.git/index'))
  await use()
  expect(await readFile(join(root, '.git/index'))).toEqual(index)
}

it.each([
  ['commit', () => source().commit()],
  ['files', () => source().files(['order'])],
  ['changed', () => source().changed(['order'])],
])(
  'does not write the index to read %s, so that a killed command leaves no lock',
  async (_, read) => {
    await withStaleIndex(read)
  },
)

it('lets no program write the index, such as the `prepare` of a service', async () => {
  const programs = createPrograms(shell, {
    root,
    limits: { run: aLimit, script: aLimit, hook: aLimit },
  })
  await withStaleIndex(() => programs.run(['sh', '-c', 'git status'], new AbortController().signal))
})

it.each([
  ['index', '.git/index: index file smaller than expected'],
  ['config', 'bad config line 1 in file .git/config'],
])('shows what git says of a broken .git/%s', async (file, words) => {
  await writeFile(join(root, '.git', file), 'no git')
  await expect(source('.').files(['shop'])).rejects.toMatchObject({
    ...{ code: 'no-git', exitCode: 2 },
    message: expect.stringContaining(words),
    hint: 'Run `git status` there, repair what it names, then run the command again.',
  })
})

it('refuses a folder that is no repository', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'bare-'))
  await expect(createGitSource(shell, elsewhere, aLimit).commit()).rejects.toMatchObject({
    code: 'no-git',
    exitCode: 2,
    hint: 'Run shopctl in a git repository: it names images after commits.',
  })
  await rm(elsewhere, { recursive: true })
})
