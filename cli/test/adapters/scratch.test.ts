// Temporary folders.
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createScratch } from '../../src/adapters/scratch.ts'

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

it('a scratch folder is deleted when its use fails', async () => {
  let path = ''
  const failing = createScratch().folder(async (folder) => {
    path = folder.path
    await folder.write('a.txt', broken())
  })
  await expect(failing).rejects.toThrow('no more')
  expect(existsSync(path)).toBe(false)
})

async function* broken(): AsyncGenerator<string> {
  yield 'one\n'
  throw new Error('no more')
}
