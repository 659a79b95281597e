// How results and errors are shown; no process, no terminal.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { advised, afterChange, failed, refused } from '../../src/errors.ts'
import { formatError, report } from '../../src/output/errors.ts'
import { type Result, show } from '../../src/output/result.ts'
import { hasColors, type Stream, widthOf } from '../../src/output/terminal.ts'
import { good } from '../../src/output/text.ts'

/** A stream that remembers; a terminal when it has columns. */
function recorder(columns?: number): Stream & { text: () => string } {
  const written: string[] = []
  return {
    write: (text) => written.push(text),
    text: () => written.join(''),
    ...(columns !== undefined && { isTTY: true, columns, hasColors: () => true }),
  }
}

function plain(error: unknown, { verbose = false, width = Number.POSITIVE_INFINITY } = {}) {
  const formatted = formatError(error, { verbose, width })
  return { ...formatted, text: stripVTControlCharacters(formatted.text) }
}

describe('colors of a stream', () => {
  const terminal = { write: () => {}, isTTY: true, columns: 80, hasColors: () => true }
  const dumb = { ...terminal, hasColors: () => false }
  const pipe = { write: () => {} }
  it.each<[string, Stream, NodeJS.ProcessEnv, boolean]>([
    ['a terminal', terminal, {}, true],
    ['a dumb terminal', dumb, {}, false],
    ['a pipe', pipe, {}, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false],
    ['NO_COLOR, empty', terminal, { NO_COLOR: '' }, true],
    ['FORCE_COLOR=0', terminal, { FORCE_COLOR: '0' }, false],
    ['FORCE_COLOR=false', terminal, { FORCE_COLOR: 'false' }, false],
    ['FORCE_COLOR=1', pipe, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=2', pipe, { FORCE_COLOR: '2' }, true],
    ['FORCE_COLOR=3 at a dumb terminal', dumb, { FORCE_COLOR: '3' }, true],
    ['both', terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ])('%s', (_, stream, env, expected) => {
    expect(hasColors(stream, env)).toBe(expected)
  })
})

it.each<[Stream, number]>([
  [recorder(60), 60],
  [recorder(0), 80],
  [recorder(), Number.POSITIVE_INFINITY],
])('a stream has its width, a pipe none', (stream, width) => {
  expect(widthOf(stream)).toBe(width)
})

describe('a result', () => {
  const result: Result = {
    document: { version: 1, balanced: false },
    text: (width) => `${good('●')} fits ${width}`,
    summary: 'Fits.',
  }
  const failure = failed({ code: 'not-balanced', message: 'The accounts do not balance.' })
  const shown = (result: Result, json: boolean, columns?: number) => {
    const [out, err] = [recorder(columns), recorder()]
    const exitCode = show(
      result,
      { json, verbose: false, title: 'shopctl audit' },
      { out, err },
      null,
    )
    return { exitCode, out: stripVTControlCharacters(out.text()), err: err.text() }
  }

  it('is a text, as wide as its terminal', () => {
    expect(shown(result, false, 60)).toEqual({ exitCode: 0, out: '● fits 60\n', err: '' })
    expect(shown(result, false)).toEqual({ exitCode: 0, out: '● fits Infinity\n', err: '' })
  })

  it('is one document in one line', () => {
    const out = '{"version":1,"balanced":false}\n'
    expect(shown(result, true)).toEqual({ exitCode: 0, out, err: '' })
  })

  it('that is bad news is shown before its error, with the exit code of the error', () => {
    const err = '✗ The accounts do not balance.\n'
    expect(shown({ ...result, failure }, false)).toEqual({
      ...{ exitCode: 1, out: '● fits Infinity\n', err },
    })
    expect(shown({ ...result, failure }, true)).toEqual({
      ...{ exitCode: 1, out: '{"version":1,"balanced":false}\n', err },
    })
  })
})

describe('an error', () => {
  it('is two lines, and its exit code', () => {
    const error = refused({ code: 'lock-held', message: 'Somebody holds the lock.', hint: 'Wait.' })
    expect(plain(error)).toEqual({
      exitCode: 2,
      text: '✗ Somebody holds the lock.\n  Wait.',
      document: {
        version: 1,
        error: { code: 'lock-held', message: 'Somebody holds the lock.', hint: 'Wait.' },
      },
    })
    expect(plain(failed({ code: 'x', message: 'No.' }))).toMatchObject({
      exitCode: 1,
      text: '✗ No.',
    })
  })

  it('is on stdout too for a program', () => {
    const [out, err] = [recorder(), recorder()]
    const error = refused({ code: 'x', message: 'No.' })
    expect(
      report(error, { json: true, verbose: false, title: 'shopctl' }, { out, err }, null),
    ).toBe(2)
    expect(JSON.parse(out.text())).toEqual({
      version: 1,
      error: { code: 'x', message: 'No.', hint: null },
    })
    expect(err.text()).toBe('✗ No.\n')
  })

  it('of a list of checks shows each that refuses, and has all of them as JSON', () => {
    const [ready, smoke] = [
      { name: 'ready', message: 'Green is not ready.', hint: 'Wait.', code: 'slot-not-ready' },
      { name: 'smoke', message: 'No smoke test has passed.', hint: 'Run it.', code: 'not-smoked' },
    ].map((each) => ({ ...each, state: 'refused' as const }))
    const lock = { name: 'lock', state: 'passed' as const, message: 'free', code: null, hint: null }
    const checks = [lock, ...(ready && smoke ? [ready, smoke] : [])]
    const detail = { code: 'slot-not-ready', message: 'Green is not ready.', hint: 'Wait.' }
    const error = refused({ ...detail, checks })
    const { text, document, exitCode } = plain(error)
    expect(exitCode).toBe(2)
    expect(text.split('\n')).toEqual([
      ...['✗ Green is not ready.', '  Wait.', '✗ No smoke test has passed.', '  Run it.'],
    ])
    expect(document).toEqual({ version: 1, error: detail, checks })
    // After a change, it is a failure with the same list.
    expect(plain(advised(afterChange(error), 'More.'))).toMatchObject({
      ...{ exitCode: 1, document: { error: { hint: 'Wait. More.' }, checks } },
    })
  })

  it('that is a bug has a hint to report it, and a stack only on request', () => {
    const error = new TypeError('x is undefined', { cause: new Error('why') })
    const short = plain(error)
    expect(short).toMatchObject({ exitCode: 1, document: { error: { code: 'bug' } } })
    expect(short.text).toMatch(/bug: x is undefined\n.*with --verbose, and send its output/)
    expect(short.text).not.toMatch(/\n\s+at /)
    expect(plain(error, { verbose: true }).text).toMatch(/\n\s+at [\s\S]*caused by Error: why/)
  })

  it('is as wide as the terminal; commands and what programs printed stay whole', () => {
    const printed = `    at line ${'x'.repeat(70)}`
    const error = failed({
      code: 'x',
      message: `order green did not become ready within 180 s, and was left as it stands:\n${printed}`,
      hint: 'Look at its pods with `kubectl logs --namespace shop deployment/order-green`, or run `shopctl deploy` again.',
    })
    expect(plain(error, { width: 60 }).text.split('\n')).toEqual([
      '✗ order green did not become ready within 180 s, and was',
      '  left as it stands:',
      printed,
      '  Look at its pods with',
      '  `kubectl logs --namespace shop deployment/order-green`, or',
      '  run `shopctl deploy` again.',
    ])
  })
})
