// Temporary folders, and scripts.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createPrograms } from '../../src/adapters/programs.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { aLimit } from '../fakes/host.ts'

async function* parts(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

it('only this user can read a scratch folder, and it is deleted afterwards', async () => {
  const path = await createScratch().folder(async (folder) => {
    await folder.write('a.txt', parts('one\n', 'two\n'))
    expect(await readFile(join(folder.path, 'a.txt'), 'utf8')).toBe('one\ntwo\n')
    expect((await stat(folder.path)).mode & 0o077).toBe(0)
    return folder.path
  })
  expect(existsSync(path)).toBe(false)
})

it('a scratch folder has folders within, and takes bytes', async () => {
  await createScratch().folder(async (folder) => {
    await folder.write('a/b/c.bin', [Buffer.from([255, 0]), 'd'])
    await folder.write('a/empty', [''])
    expect(await readFile(join(folder.path, 'a/b/c.bin'))).toEqual(Buffer.from([255, 0, 100]))
    expect(await readFile(join(folder.path, 'a/empty'), 'utf8')).toBe('')
  })
})

it('a scratch folder is deleted when its use fails', async () => {
  let path = ''
  const failing = createScratch().folder(async (folder) => {
    path = folder.path
    await folder.write('a.txt', broken())
  })
  await expect(failing).rejects.toThrow('no more')
  expect(existsSync(path)).toBe(false)
})

it.each([
  ['/nowhere/at/all', 'it does not exist'],
  [import.meta.filename, 'it is not a folder'],
])('a temporary folder that cannot be used is a refusal: %s', async (folder, reason) => {
  vi.stubEnv('TMPDIR', folder)
  await expect(createScratch().folder(async () => {})).rejects.toMatchObject({
    code: 'no-temporary-folder',
    exitCode: 2,
    message: `The temporary folder ${folder} cannot be used: ${reason}.`,
    hint: expect.stringContaining('set TMPDIR'),
  })
  vi.unstubAllEnvs()
})

it('a full disk is a refusal, too', async () => {
  const writing = createScratch().folder(async ({ path, write }) => {
    await symlink('/dev/full', join(path, 'a.txt'))
    await write('a.txt', parts('one\n'))
  })
  await expect(writing).rejects.toMatchObject({
    code: 'no-temporary-folder',
    message: expect.stringContaining('its disk is full'),
  })
})

async function* broken(): AsyncGenerator<string> {
  yield 'one\n'
  throw new Error('no more')
}

it('a script has a time limit, and reaches loopback without the proxy', async () => {
  vi.stubEnv('HTTP_PROXY', 'http://proxy')
  vi.stubEnv('no_proxy', 'example.com')
  const root = await mkdtemp(join(tmpdir(), 'script-'))
  await writeFile(join(root, 'a.mjs'), 'console.log(process.env.NO_PROXY, process.env.no_proxy)')
  await writeFile(join(root, 'b.mjs'), 'setTimeout(() => {}, 60_000)')
  const script = { seconds: 5, setting: '`timeouts.script`' }
  const { signal } = new AbortController()
  const list = 'example.com,localhost,127.0.0.1'
  const run = (file: string, limit = script) =>
    createPrograms(createShell(), {
      root,
      limits: { run: aLimit, script: limit, hook: limit },
    }).script(file, {}, signal)
  expect((await run('a.mjs')).stdout).toBe(`${list} ${list}`)
  await expect(run('b.mjs', { ...script, seconds: 0.5 })).rejects.toThrow(
    'b.mjs did not end within 0.5 s, the limit of `timeouts.script`.',
  )
  vi.unstubAllEnvs()
})
