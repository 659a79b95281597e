import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { failed, refused } from '../../src/errors.ts'
import { tell } from '../../src/output/errors.ts'
import { createProgress } from '../../src/output/progress.ts'
import { createOutput, fitted, table } from '../../src/output/terminal.ts'

async function written(write: (stream: PassThrough) => unknown): Promise<string> {
  const stream = new PassThrough()
  await write(stream)
  stream.end()
  return text(stream)
}

it('a table is aligned, colours aside', () => {
  expect(
    table([
      ['SERVICE', 'SLOT', 'X'],
      ['order', '\u001b[32mgreen\u001b[39m', '1'],
    ]),
  ).toBe('SERVICE  SLOT   X\norder    \u001b[32mgreen\u001b[39m  1')
})

it('a text is cut to a width, and shows that it was', () => {
  expect([fitted('abc', 3), fitted('abcd', 3)]).toEqual(['abc', 'ab…'])
})

it('JSON is one document in one line', async () => {
  expect(await written((stream) => createOutput(stream).json({ version: 1 }))).toBe(
    '{"version":1}\n',
  )
})

describe('an error', () => {
  it('is two lines, and its exit code', () => {
    const error = refused({ code: 'lock-held', message: 'Somebody holds the lock.', hint: 'Wait.' })
    expect(tell(error, { verbose: false })).toEqual({
      exitCode: 2,
      text: '✗ Somebody holds the lock.\n  Wait.',
      document: {
        version: 1,
        error: { code: 'lock-held', message: 'Somebody holds the lock.', hint: 'Wait.' },
      },
    })
    expect(tell(failed({ code: 'x', message: 'No.' }), { verbose: false })).toMatchObject({
      exitCode: 1,
      text: '✗ No.',
    })
  })

  it('that is a result has a document of its own', () => {
    const document = { version: 1, balanced: false }
    expect(tell(failed({ code: 'x', message: 'No.', document }), { verbose: false })).toEqual({
      exitCode: 1,
      text: '✗ No.',
      document,
    })
  })

  it('that nobody expected says where to report it, and has a stack only on request', () => {
    const error = new TypeError('x is undefined', { cause: new Error('why') })
    const short = tell(error, { verbose: false })
    expect(short).toMatchObject({ exitCode: 1, document: { error: { code: 'bug' } } })
    expect(short.text).toMatch(/bug: x is undefined\n.*report/)
    expect(short.text).not.toMatch(/\n\s+at /)
    expect(tell(error, { verbose: true }).text).toMatch(/\n\s+at [\s\S]*caused by Error: why/)
  })
})

describe('progress in a pipe', () => {
  const told = (run: (progress: ReturnType<typeof createProgress>) => Promise<unknown>) =>
    written(async (stream) =>
      run(createProgress(() => 0, stream as unknown as NodeJS.WriteStream)),
    ).then(stripVTControlCharacters)

  it('names a step at its start and its end', async () => {
    expect(await told((progress) => progress.step('deploy order', async () => 1))).toBe(
      '- deploy order\n✓ deploy order 0.0 s\n',
    )
  })

  it('marks a step that failed, and passes its error on', async () => {
    const failing = async (progress: ReturnType<typeof createProgress>) => {
      const step = progress.step('deploy order', async () => Promise.reject(new Error('no')))
      await expect(step).rejects.toThrow('no')
    }
    expect(await told(failing)).toBe('- deploy order\n✗ deploy order 0.0 s\n')
  })
})
