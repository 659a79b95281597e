import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createProgress } from '../../src/output/progress.ts'

type Progress = ReturnType<typeof createProgress>

async function printed(run: (progress: Progress) => Promise<unknown>): Promise<string> {
  const stream = new PassThrough()
  await run(createProgress(() => 0, stream as unknown as NodeJS.WriteStream))
  stream.end()
  return stripVTControlCharacters(await text(stream))
}

describe('progress in a pipe', () => {
  it('names a step at its start and its end', async () => {
    expect(await printed((progress) => progress.step('deploy order', async () => 1))).toBe(
      '- deploy order\n✓ deploy order 0.0 s\n',
    )
  })

  it('marks a step that failed, and passes its error on', async () => {
    const failing = async (progress: Progress) => {
      const step = progress.step('deploy order', async () => Promise.reject(new Error('no')))
      await expect(step).rejects.toThrow('no')
    }
    expect(await printed(failing)).toBe('- deploy order\n✗ deploy order 0.0 s\n')
  })

  it('leaves long lines whole', async () => {
    const warning = 'word '.repeat(40).trim()
    expect(await printed(async (progress) => progress.warn(warning))).toBe(`! ${warning}\n`)
  })
})
