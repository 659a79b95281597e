// The pieces of what a slot was deployed with, and the records that name them.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  keptOf,
  makesSecrets,
  namedPieces,
  packChart,
  packSettings,
  type Settings,
  unpackChart,
  unpackSettings,
  withKept,
} from '../../src/release/kept.ts'
import { aJournal, aMove, anOperation, aSide } from '../fakes/state.ts'

const settings: Settings = {
  ...{ digest: 'sha256:a', chart: 'c', port: null, replicas: 2 },
  values: [{ file: 'values.yaml', text: 'replicas: 2\n' }],
  secrets: { login: 'order-blue-0123' },
  configMaps: { limits: { data: { most: '1' }, binaryData: { a: '/u3+' } } },
}

describe('a piece', () => {
  const files = [
    { path: 'Chart.yaml', content: Buffer.from('name: app # ü\n') },
    { path: 'charts/part.tgz', content: Buffer.from([31, 139, 255, 0]) },
    { path: 'templates/empty.yaml', content: Buffer.alloc(0) },
  ]

  it('has every byte of a chart, and has another name if one differs', () => {
    const piece = packChart(files)
    expect(unpackChart(piece)).toEqual(files)
    expect(packChart(files).hash).toBe(piece.hash)
    const [first, ...rest] = files
    const other = packChart([
      { path: 'Chart.yml', content: first?.content ?? Buffer.alloc(0) },
      ...rest,
    ])
    expect(other.hash).not.toBe(piece.hash)
  })

  it('has the settings as they were, in whatever order', () => {
    const piece = packSettings(settings)
    expect(unpackSettings(piece)).toEqual(settings)
    const entries = Object.entries(settings).toReversed()
    expect(packSettings(Object.fromEntries(entries) as Settings).hash).toBe(piece.hash)
  })

  const named = (text: string) => ({
    hash: createHash('sha256').update(text).digest('hex'),
    content: gzipSync(text),
  })

  it.each([
    ['another content', { ...packChart(files), content: packSettings(settings).content }],
    ['no content', { ...packChart(files), content: Buffer.alloc(0) }],
    ['half of it', { ...packChart(files), content: packChart(files).content.slice(0, 40) }],
    ['no JSON', named('{')],
    ['more than a chart has', named(JSON.stringify('a'.repeat(65 * 1024 * 1024)))],
  ])('is refused as damaged with %s', (_, piece) => {
    const damaged = { code: 'kept-damaged', exitCode: 2 }
    expect(() => unpackChart(piece)).toThrow(expect.objectContaining(damaged))
  })

  it.each([
    ['the settings of a slot', packSettings(settings)],
    ['a file above its folder', named('{"files":[{"path":"../a","text":""}]}')],
    ['an absolute path', named('{"files":[{"path":"/etc/a","text":""}]}')],
    ['a path through its folder', named('{"files":[{"path":"a/../../b","text":""}]}')],
  ])('is refused as unknown with %s', (_, piece) => {
    const unknown = { code: 'kept-unknown', exitCode: 2 }
    expect(() => unpackChart(piece)).toThrow(expect.objectContaining(unknown))
  })
})

describe('a chart that makes Secrets of its values', () => {
  const archive = gzipSync(`part/templates/a.yaml\0\0\nkind: Secret\n`)

  it.each([
    ['a template', 'templates/a.yaml', 'apiVersion: v1\nkind: Secret\n', true],
    ['a template within others', 'templates/a.yaml', '  kind: "Secret"  # of it', true],
    ['an item of a list', 'templates/a.yaml', 'items:\n  - kind: Secret', true],
    ['a template in JSON', 'templates/a.json', '{\n  "kind": "Secret"\n}', true],
    ['a template of a chart within', 'charts/part/templates/a.yaml', 'kind: Secret', true],
    ['an archive', 'charts/part.tgz', archive, true],
    ['an archive that is none', 'charts/part.tgz', 'a', false],
    ['another kind', 'templates/a.yaml', 'kind: SecretStore', false],
    ['a reference', 'templates/a.yaml', 'secretKeyRef: { name: a }', false],
  ])('is known by %s', (_, path, content, expected) => {
    expect(makesSecrets([{ path, content: Buffer.from(content) }])).toBe(expected)
  })
})

describe('the records', () => {
  const [one, two] = ['1', '2'].map((digit) => ({ chart: `c${digit}`, settings: `s${digit}` }))
  const blue = aSide('blue', 'a')
  const to = (kept?: typeof one, name = 'order') => ({
    name,
    from: null,
    to: blue,
    ...(kept && { kept }),
  })

  it.each([
    ['no record has the slot', [], null],
    ['an older shopctl has deployed it', [to()], null],
    ['it was another service', [to(one, 'payment')], null],
    ['it was deployed once', [to(one)], one],
    ['it was deployed twice, with another number of pods', [to(one), to(two)], two],
    ['a smoke test followed', [to(one), to()], one],
  ])('say what a slot was deployed with: %s', (_, services, kept) => {
    const journal = aJournal({ closed: services.map((each) => anOperation({ services: [each] })) })
    expect(keptOf(journal, 'order', blue)[0] ?? null).toEqual(kept)
    const move = { name: 'order', from: null, to: blue }
    expect(withKept(journal, move)).toEqual(kept ? { ...move, kept } : move)
  })

  it('know no such thing of a slot that has another revision', () => {
    const journal = aJournal({ closed: [anOperation({ services: [to(one)] })] })
    expect(keptOf(journal, 'order', aSide('blue', 'b'))).toEqual([])
    expect(withKept(journal, { name: 'order', to: null })).toEqual({ name: 'order', to: null })
  })

  it('name all pieces, those of an open operation too', () => {
    const closed = [aMove('r-1', 'switch', [], { services: [to(one)] })]
    const open = anOperation({ services: [to(two)] })
    expect(namedPieces(aJournal({ closed, open }))).toEqual(new Set(['c1', 's1', 'c2', 's2']))
  })

  it('do not say so if one cannot be read', () => {
    expect(namedPieces({ ...aJournal({}), damaged: ['a'] })).toBeNull()
  })
})
