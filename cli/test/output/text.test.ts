// Lines and tables at the widths of terminals.
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { table } from '../../src/output/table.ts'
import { age, duration, fitted, good, oneLine, textWidth, wrapped } from '../../src/output/text.ts'

const green = good('green')

describe('a table', () => {
  const status = [
    ['SERVICE', 'SLOT', 'VERSION', 'REVISION', 'READY', 'SMOKE', 'CONSUME'],
    ['order', '  blue', '6c9086eb', '0123456789', '2/2', 'passed', '0'],
    ['', good('● green'), '6c9086eb-0d2fd927', '33abea60e1', '2/2', 'passed', '2 epoch 123'],
    ['notification', good('● blue'), '6c9086eb', 'ffabea60e1', '12/12', '-', '12'],
    ['inventory', '-', 'not deployed'],
  ]
  const lines = (width?: number) => stripVTControlCharacters(table(status, width)).split('\n')

  it('is aligned, colors aside', () => {
    expect(
      table([
        ['SERVICE', 'SLOT', 'X'],
        ['order', green, '1'],
      ]),
    ).toBe(`SERVICE  SLOT   X\norder    ${green}  1`)
  })

  it.each([80, 120, undefined])('that fits into %s columns has a line for each row', (width) => {
    expect(lines(width)).toEqual([
      'SERVICE       SLOT     VERSION            REVISION    READY  SMOKE   CONSUME',
      'order           blue   6c9086eb           0123456789  2/2    passed  0',
      '              ● green  6c9086eb-0d2fd927  33abea60e1  2/2    passed  2 epoch 123',
      'notification  ● blue   6c9086eb           ffabea60e1  12/12  -       12',
      'inventory     -        not deployed',
    ])
  })

  it('goes on below at 60 columns', () => {
    expect(lines(60)).toEqual([
      'SERVICE       SLOT     VERSION            REVISION    READY',
      '    SMOKE   CONSUME',
      'order           blue   6c9086eb           0123456789  2/2',
      '    passed  0',
      '              ● green  6c9086eb-0d2fd927  33abea60e1  2/2',
      '    passed  2 epoch 123',
      'notification  ● blue   6c9086eb           ffabea60e1  12/12',
      '    -       12',
      'inventory     -        not deployed',
    ])
  })

  it('takes as many lines as it needs at 40 columns', () => {
    expect(lines(40).slice(0, 6)).toEqual(
      [
        'SERVICE       SLOT     VERSION',
        '    REVISION    READY  SMOKE ',
        '    CONSUME',
        'order           blue   6c9086eb',
        '    0123456789  2/2    passed',
        '    0',
      ].map((line) => line.trimEnd()),
    )
  })

  it('cuts only what is too wide for a line of its own', () => {
    const rows = [
      ['ID', 'WHY'],
      ['7', `because ${'x'.repeat(60)}`],
    ]
    expect(table(rows, 40)).toBe(`ID  WHY\n7   because ${'x'.repeat(27)}…`)
  })

  it('has rows of one line, whatever a cell holds', () => {
    expect(table([['WHY'], ['two\n  lines']])).toBe('WHY\ntwo lines')
  })

  it('is never wider than its terminal, and loses no cell that fits', () => {
    const cell = fc.oneof(fc.stringMatching(/^[a-z0-9.:-]{0,30}$/), fc.constant(green))
    const row = fc.array(cell, { minLength: 1, maxLength: 8 })
    const rows = fc.array(row, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(rows, fc.integer({ min: 34, max: 130 }), (rows, width) => {
        const text = table(rows, width)
        expect(Math.max(...text.split('\n').map(textWidth))).toBeLessThanOrEqual(width)
        for (const cell of rows.flat()) expect(text).toContain(cell)
      }),
    )
  })
})

describe('a text that is too long', () => {
  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['abcd', 1, '…'],
    ['日本語', 5, '日本…'],
    ['e\u0301t\u00e9s', 3, 'e\u0301t…'],
    [`${good('green')} and more`, 8, `${good('green')} a…`],
    [good('greenish'), 6, good('green…')],
  ])('%j is cut to %i columns, and shows that it was', (text, width, expected) => {
    expect(fitted(text, width)).toBe(expected)
  })
})

it('a text from outside is one line without control characters', () => {
  expect(oneLine('no\n\troute \u001b[2Jto\u0007 it ')).toBe('no route to it')
})

describe('prose', () => {
  it.each([
    ['fits', 'as it  is', 20, 'as it  is'],
    ['is broken at blanks', 'one two three four', 9, 'one two\nthree\nfour'],
    ['keeps its indentation', '  one two three', 10, '  one two\n  three'],
    ['keeps its lines', 'one\n\ntwo three', 5, 'one\n\ntwo\nthree'],
    ['keeps a long word', `one ${'x'.repeat(9)} two`, 5, `one\n${'x'.repeat(9)}\ntwo`],
    ['keeps a command', 'run `shopctl status`, then', 10, 'run\n`shopctl status`,\nthen'],
    ['keeps a lone backtick', 'a ` b c d', 5, 'a ` b\nc d'],
  ])('%s', (_, text, width, expected) => {
    expect(wrapped(text, width)).toBe(expected)
  })

  it('is 80 columns wide in a pipe', () => {
    const text = wrapped('word '.repeat(40).trim(), Number.POSITIVE_INFINITY)
    expect(Math.max(...text.split('\n').map(textWidth))).toBe(79)
  })
})

it.each([
  [0, '0.0 s'],
  [1_234, '1.2 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min 0 s'],
  [125_000, '2 min 5 s'],
  [3_599_700, '1 h 0 min'],
  [12_000_000, '3 h 20 min'],
])('%i ms last %s', (ms, expected) => {
  expect(duration(ms)).toBe(expected)
})

it.each([
  [-5, '< 1 min'],
  [119 * 60_000, '119 min'],
  [40 * 3_600_000, '40 h'],
  [3 * 86_400_000, '3 d'],
])('%i ms ago is %s', (ms, expected) => {
  expect(age(ms)).toBe(expected)
})
