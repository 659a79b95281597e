import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editYaml } from '../../../src/drivers/gitops/edit.ts'
import { readYamlFile, type Values, writeYaml } from '../../../src/drivers/gitops/yaml.ts'
import { changedLines } from './tree.ts'

const edited = (text: string, change: (now: Values) => Values) =>
  editYaml(text, change(readYamlFile(text, 'a.yaml').values), 'a.yaml')

const byHand = `# Do not touch before Monday.
marks:   { revision: "1",checked:  'x' } # ours

order:
    # more than usual
    replicas:   3   # until the sale ends
    config:
        LEVEL:  'debug'
        "QUOTED": yes
    list:
    - a
    -   b

# the last one
payment:
    replicas: 2
`

describe('a file that a person has formatted', () => {
  it.each<[string, (now: Values) => Values, string[]]>([
    ['nothing', (now) => now, []],
    [
      'a number',
      (now) => ({ ...now, payment: { replicas: 4 } }),
      ['-    replicas: 2', '+    replicas: 4'],
    ],
    [
      'a quoted text',
      (now) => set(now, ['order', 'config', 'LEVEL'], 'info'),
      ["-        LEVEL:  'debug'", "+        LEVEL:  'info'"],
    ],
    [
      'a number before a comment',
      (now) => set(now, ['order', 'replicas'], 5),
      ['-    replicas:   3   # until the sale ends', '+    replicas:   5   # until the sale ends'],
    ],
    [
      'a list',
      (now) => set(now, ['order', 'list'], ['c']),
      ['-    list:', '-    - a', '-    -   b', '+    list:', '+      - c'].filter(
        (l) => !/list:/.test(l),
      ),
    ],
    [
      'a map of one line',
      (now) => set(now, ['marks', 'revision'], '2'),
      [
        `-marks:   { revision: "1",checked:  'x' } # ours`,
        '+marks:',
        '+  revision: "2"',
        '+  checked: x # ours',
      ],
    ],
    ['a new key', (now) => set(now, ['order', 'config', 'NEW'], '012'), ['+        NEW: "012"']],
    ['a new last key', (now) => ({ ...now, zero: { a: [] } }), ['+zero:', '+  a: []']],
    ['a key that is gone', (now) => without(now, 'payment'), ['-payment:', '-    replicas: 2']],
    [
      'a map that becomes nothing',
      (now) => ({ ...now, payment: null }),
      ['-payment:', '-    replicas: 2', '+payment: null'],
    ],
  ])('changes only the lines of %s', (_, change, lines) => {
    const after = edited(byHand, change)
    expect(changedLines(byHand, after)).toEqual(lines)
    expect(readYamlFile(after, 'a').values).toEqual(change(readYamlFile(byHand, 'a').values))
    const dos = byHand.replaceAll('\n', '\r\n')
    expect(edited(dos, change)).toBe(after.replaceAll('\n', '\r\n'))
  })
})

function set(values: Values, [key = '', ...path]: string[], value: unknown): Values {
  return { ...values, [key]: path.length === 0 ? value : set(values[key] as Values, path, value) }
}

function without(values: Values, key: string): Values {
  const { [key]: _, ...rest } = values
  return rest
}

it.each<[string, string, Values, string]>([
  ['an empty file', '', { a: 1 }, 'a: 1\n'],
  ['only a comment', '# mine\n', { a: 1 }, '# mine\na: 1\n'],
  ['no last line end', 'a: 1', { a: 1, b: 2 }, 'a: 1\nb: 2\n'],
  ['all keys gone', 'a: 1\nb:\n  c: 2\n', {}, ''],
  ['the last key of a map gone', 'a:\n  b: 1\nc: 2\n', { a: {}, c: 2 }, 'a: {}\nc: 2\n'],
  ['no value', 'a:\nb: 1\n', { a: 'x', b: 1 }, 'a: x\nb: 1\n'],
  ['a flow map as a whole', '{ a: 1, b: [] } # c\n', { a: 2, b: [] }, '{ a: 2, b: [] } # c\n'],
  ['a block of text', 'a: |\n  x\n  y\nb: 1\n', { a: 'z', b: 1 }, 'a: z\nb: 1\n'],
  [
    'an anchor',
    'a: &x { b: 1 }\nc: *x\n',
    { a: { b: 1 }, c: { b: 2 } },
    'a: &x { b: 1 }\nc:\n  b: 2\n',
  ],
  ['a text that looks like a number', 'a: abc\n', { a: '12e4567890' }, 'a: "12e4567890"\n'],
  ['a text that looks like a word', 'a: abc\n', { a: 'on' }, 'a: "on"\n'],
  ['a key twice', 'a: 1\na: 2\n', { a: 3 }, 'a: 3\na: 3\n'],
  [
    'nested new keys at the end',
    'a:\n  b: 1\n',
    { a: { b: 1, c: 2 }, d: 3 },
    'a:\n  b: 1\n  c: 2\nd: 3\n',
  ],
])('%s', (_, text, wanted, expected) => {
  expect(editYaml(text, wanted, 'a.yaml')).toBe(expected)
})

const key = fc.constantFrom('a', 'b', 'on', '1', 'null', 'x y', '#', 'c: d')
const { tree } = fc.letrec<{ tree: Values; value: unknown }>((tie) => ({
  tree: fc.dictionary(key, tie('value'), { maxKeys: 5 }) as fc.Arbitrary<Values>,
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('x', 'y', '12e4567890', '0644', 'a\nb', ' ', '', '- a', null, 1, 2.5, true),
    fc.string(),
    tie('tree'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}))

it('has the wanted values, whatever they were', () => {
  fc.assert(
    fc.property(tree, tree, fc.boolean(), (before, after, isDos) => {
      const text = writeYaml(before)
      const result = editYaml(isDos ? text.replaceAll('\n', '\r\n') : text, after, 'a.yaml')
      expect(readYamlFile(result, 'a.yaml').values).toEqual(after)
    }),
    { numRuns: 500 },
  )
})

it.each([
  ['is empty', ''],
  ['has an empty map', '{}\n'],
  ['has an empty map and a comment', '# ours\n{}\n'],
])('a file that %s gets a line for each value', (_, text) => {
  const comment = text.startsWith('#') ? '# ours\n' : ''
  const lines = 'order:\n  replicas: 2\n  config:\n    LEVEL: info\n'
  const values = { order: { replicas: 2, config: { LEVEL: 'info' } } }
  expect(editYaml(text, values, 'a.yaml').replace(/\n\n/, '\n')).toBe(comment + lines)
})

it('a map that was empty gets a line for each value, too', () => {
  const values = { order: { config: { LEVEL: 'info', MODE: 'x' } } }
  expect(editYaml('order:\n  config: {}\n', values, 'a.yaml')).toBe(
    'order:\n  config:\n    LEVEL: info\n    MODE: x\n',
  )
})
