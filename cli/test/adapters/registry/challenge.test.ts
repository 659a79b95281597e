// The header WWW-Authenticate, as RFC 7235 has it and as registries send it.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseChallenges } from '../../../src/adapters/registry/challenge.ts'

type Plain = [string, Record<string, string>][]

function plain(header: string): Plain {
  return parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ])
}

const hub = { realm: 'https://auth.docker.io/token', service: 'registry.docker.io' }

it.each<[string, Plain]>([
  ['Basic realm="Registry"', [['basic', { realm: 'Registry' }]]],
  ['BASIC Realm=Registry', [['basic', { realm: 'Registry' }]]],
  ['Basic', [['basic', {}]]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [['bearer', { ...hub, scope: 'repository:a/b:pull,push' }]],
  ],
  [
    'Bearer realm = "https://auth.docker.io/token" , service="registry.docker.io"',
    [['bearer', hub]],
  ],
  [
    'Basic realm="a, b", Bearer realm="c",error="insufficient_scope"',
    [
      ['basic', { realm: 'a, b' }],
      ['bearer', { realm: 'c', error: 'insufficient_scope' }],
    ],
  ],
  [
    'Negotiate, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Negotiate abc+/==, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  // The example of RFC 7235.
  [
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
    [
      ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
      ['basic', { realm: 'simple' }],
    ],
  ],
  [', ,Basic realm="x", ,', [['basic', { realm: 'x' }]]],
  ['Basic realm="one", realm="two"', [['basic', { realm: 'one' }]]],
  ['Basic realm=""', [['basic', { realm: '' }]]],
  ['', []],
  ['"', []],
  ['Basic realm="not closed', [['basic', {}]]],
])('%s', (header, expected) => {
  expect(plain(header)).toEqual(expected)
})

it('any header is read to its end', () => {
  const word = fc.constantFrom('Basic', ' ', ',', '=', '"', '\\', 'realm', 'a==', '\t')
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      parseChallenges(words.join(''))
    }),
  )
})

it('a header made to be slow is read in no time', () => {
  const started = performance.now()
  for (const header of ['a '.repeat(20_000), `a b="${'\\'.repeat(40_000)}`, 'a=,'.repeat(20_000)])
    parseChallenges(header)
  expect(performance.now() - started).toBeLessThan(1_000)
})
