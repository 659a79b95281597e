import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createProgress } from '../../src/output/progress.ts'
import type { Workflow } from '../../src/output/workflow.ts'

type Progress = ReturnType<typeof createProgress>

async function printed(
  run: (progress: Progress) => Promise<unknown>,
  { workflow = null, columns }: { workflow?: Workflow | null; columns?: number } = {},
): Promise<string> {
  const stream = Object.assign(new PassThrough(), columns && { isTTY: true, columns })
  await run(createProgress(() => 0, stream as unknown as NodeJS.WriteStream, workflow))
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

describe('progress in a workflow', () => {
  const workflow: Workflow = { summaryFile: undefined, outputFile: undefined, workspace: '/' }

  it('has no spinner, even at a terminal', async () => {
    const run = (progress: Progress) => progress.step('deploy order', async () => 1)
    expect(await printed(run, { workflow, columns: 80 })).toBe(
      '- deploy order\n✓ deploy order 0.0 s\n',
    )
  })

  it('annotates the first ten warnings, and prints the others', async () => {
    const run = async (progress: Progress) => {
      for (let n = 1; n <= 12; n += 1) progress.warn(`late ${n}`)
    }
    const lines = (await printed(run, { workflow })).trim().split('\n')
    expect(lines).toHaveLength(12)
    expect(lines.slice(9)).toEqual(['::warning::late 10', '! late 11', '! late 12'])
  })

  it('obeys no command in what is shown', async () => {
    const run = async (progress: Progress) => progress.note('::add-mask::a')
    expect(await printed(run, { workflow })).toBe(': :add-mask::a\n')
  })
})
