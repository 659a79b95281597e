// Secrets are announced as GitHub's runner and act read them: by lines, with its escapes.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createMask } from '../../src/output/mask.ts'
import { workflowOf } from '../../src/output/workflow.ts'

const workflow = workflowOf({ GITHUB_ACTIONS: 'true' })

/** What the runner masks, by its own source: it takes a line for a command, and takes back `%` last. */
function maskedBy(written: string): string[] {
  return written
    .split('\n')
    .flatMap((line) => /^\s*::add-mask::(.*)$/.exec(line)?.[1] ?? [])
    .map((data) => data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%'))
}

function announced(values: readonly string[], to = workflow): string {
  let written = ''
  const mask = createMask(to, { write: (text) => (written += text) })
  for (const value of values) mask(value)
  return written
}

it.each<[string, string[], string]>([
  ['a token', ['ghs_secret'], '::add-mask::ghs_secret\n'],
  ['what the runner would take for an escape', ['a%0Ab%25c'], '::add-mask::a%250Ab%2525c\n'],
  ['what looks like a command', ['::error::x]##[y'], '::add-mask::::error::x]##[y\n'],
  [
    'a secret that is longer than an annotation',
    ['a'.repeat(9_000)],
    `::add-mask::${'a'.repeat(9_000)}\n`,
  ],
  [
    'each line of a key',
    ['-----BEGIN KEY-----\r\nMIIEvQIBADANBg\r\n-----END KEY-----\n'],
    '::add-mask::-----BEGIN KEY-----\n::add-mask::MIIEvQIBADANBg\n::add-mask::-----END KEY-----\n',
  ],
  ['none of the spaces around it', ['  secret-token \n'], '::add-mask::secret-token\n'],
  [
    'a secret once',
    ['secret-token', 'secret-token', 'another-one'],
    '::add-mask::secret-token\n::add-mask::another-one\n',
  ],
  ['nothing for nothing', ['', '\n', '   '], ''],
  // The log would be full of stars, and GitHub drops an output that has one of its secrets in it.
  ['nothing that is very short', ['admin', 'a', 'é'], ''],
])('%s', (_, values, expected) => {
  expect(announced(values)).toBe(expected)
})

it('outside of a workflow, nothing is written', () => {
  expect(announced(['ghs_secret'], null)).toBe('')
})

it('whatever the secret is, the runner masks each of its lines', () => {
  const secret = fc.string({ unit: 'binary', minLength: 1 })
  fc.assert(
    fc.property(
      fc.oneof(
        secret,
        fc.string({ minLength: 6 }).map((text) => `%0A${text}%`),
      ),
      (value) => {
        const lines = value.split(/[\r\n]/).map((line) => line.trim())
        expect(maskedBy(announced([value]))).toEqual([
          ...new Set(lines.filter(({ length }) => length >= 6)),
        ])
      },
    ),
  )
})
