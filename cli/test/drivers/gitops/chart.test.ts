import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readChart } from '../../../src/drivers/chart-folder.ts'
import { vendor } from '../../../src/drivers/gitops/chart.ts'
import { mergeValues } from '../../../src/drivers/gitops/values.ts'
import { readYamlFile, type Values } from '../../../src/drivers/gitops/yaml.ts'
import { charts } from './tree.ts'

const filesOf = (files: Record<string, string>) =>
  Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }))
const chart = { 'Chart.yaml': 'name: web\nversion: 1.0.0\n' }
const vendored = (files: Record<string, string>) =>
  vendor(filesOf({ ...chart, ...files }), 'charts/web')

describe('the hash of a chart', () => {
  const one = vendored({ 'a.txt': 'a', 'b.txt': 'b' })

  it('is that of its files in any order', () => {
    expect(one.hash).toMatch(/^[0-9a-f]{12}$/)
    expect(vendored({ 'b.txt': 'b', 'a.txt': 'a' }).hash).toBe(one.hash)
  })

  it.each<[string, Record<string, string>]>([
    ['content', { 'a.txt': 'b', 'b.txt': 'b' }],
    ['name', { 'c.txt': 'a', 'b.txt': 'b' }],
    ['file', { 'a.txt': 'a', 'b.txt': 'b', 'c.txt': '' }],
  ])('changes with a %s', (_, files) => {
    expect(vendored(files).hash).not.toBe(one.hash)
  })
})

describe('what .helmignore names does not come along:', () => {
  const all = [
    'a.txt',
    '.hidden.swp',
    'docs/a.md',
    'sub/docs/b.md',
    'templates/.x',
    'templates/_x.tpl',
    'x[1].txt',
  ]
  it.each<[string, string[]]>([
    ['', ['templates/.x']],
    ['# *.txt', ['templates/.x']],
    ['*.txt', ['a.txt', 'x[1].txt', 'templates/.x']],
    ['*.swp', ['.hidden.swp', 'templates/.x']],
    ['docs/', ['docs/a.md', 'sub/docs/b.md', 'templates/.x']],
    ['/docs', ['docs/a.md', 'templates/.x']],
    ['sub/docs', ['sub/docs/b.md', 'templates/.x']],
    ['?.txt', ['a.txt', 'templates/.x']],
    ['[a-b].txt', ['a.txt', 'templates/.x']],
    ['[^a-b].txt', ['templates/.x']],
    ['x\\[1\\].txt', ['x[1].txt', 'templates/.x']],
    ['*.{txt,md}', ['templates/.x']],
    ['**/a.md', ['templates/.x']],
  ])('%s', (line, ignored) => {
    const files = Object.fromEntries(all.map((path) => [path, 'x']))
    const kept = vendored({ ...files, '.helmignore': `${line}\n` }).files.map(({ path }) => path)
    expect(all.filter((path) => !kept.includes(path)).sort()).toEqual(ignored.sort())
  })
})

describe('a schema', () => {
  const schemaOf = (schema: object) => {
    const { files } = vendored({ 'values.schema.json': JSON.stringify(schema) })
    return JSON.parse(String(files.find(({ path }) => path === 'values.schema.json')?.content))
  }
  it.each([
    ['additionalProperties', false],
    ['additionalProperties', { type: 'string' }],
    ['unevaluatedProperties', false],
  ])('with %s %j lets helm add `global`', (rule, value) => {
    const schema = { [rule]: value, properties: { a: {} } }
    expect(schemaOf(schema)).toEqual({
      ...schema,
      properties: { a: {}, global: { type: 'object' } },
    })
  })
  it.each([
    { properties: { a: {} } },
    { additionalProperties: false, properties: { global: { type: 'array' } } },
  ])('%j stays', (schema) => {
    expect(schemaOf(schema)).toEqual(schema)
  })
})

it.each([
  ['no Chart.yaml', [], 'charts/web/Chart.yaml is missing'],
  ['no version', filesOf({ 'Chart.yaml': 'name: web\n' }), 'needs the texts'],
  [
    'a version that is a number',
    filesOf({ 'Chart.yaml': 'name: web\nversion: 1.0\n' }),
    'needs the texts',
  ],
  [
    'the name of a key of ours',
    filesOf({ 'Chart.yaml': 'name: marks\nversion: 1.0.0\n' }),
    'cannot be named "marks"',
  ],
  [
    'a path for a name',
    filesOf({ 'Chart.yaml': 'name: ../x\nversion: 1.0.0\n' }),
    'cannot be named',
  ],
])('a chart with %s is refused', (_, files, message) => {
  expect(() => vendor(files, 'charts/web')).toThrow(message)
})

describe('the folder of a chart', () => {
  it('is read through links, and a circle of links has an end', async () => {
    const root = await mkdtemp(join(tmpdir(), 'chart-'))
    await mkdir(join(root, 'web/templates'), { recursive: true })
    await mkdir(join(root, 'common'))
    await writeFile(join(root, 'common/a.tpl'), 'a')
    await symlink('../../common', join(root, 'web/templates/common'))
    await symlink('..', join(root, 'web/templates/up'))
    const files = await readChart(join(root, 'web'), 'web')
    expect(files.map(({ path, content }) => [path, String(content)])).toEqual([
      ['templates/common/a.tpl', 'a'],
    ])
    await rm(root, { recursive: true })
  })

  it('that is missing is refused', async () => {
    await expect(readChart(join(charts, 'none'), 'charts/none')).rejects.toThrow(
      'The chart charts/none cannot be read',
    )
  })
})

it.each<[string, string[], Values]>([
  ['no file', [], {}],
  ['maps deep', ['a: { b: 1, c: 2 }', 'a: { b: 3 }'], { a: { b: 3, c: 2 } }],
  ['lists as a whole', ['a: [1, 2]', 'a: [3]'], { a: [3] }],
  ['a map over a word', ['a: 1', 'a: { b: 1 }'], { a: { b: 1 } }],
  ['a word over a map', ['a: { b: 1 }', 'a: 1'], { a: 1 }],
  ['null, with which helm deletes', ['a: { b: 1 }', 'a: { b: null }'], { a: { b: null } }],
  ['a value over null', ['a: null', 'a: { b: 1 }'], { a: { b: 1 } }],
  ['an empty file', ['', '# nothing'], {}],
])('values are merged: %s', (_, files, expected) => {
  expect(mergeValues(files.map((text) => readYamlFile(text, 'a.yaml').values))).toEqual(expected)
})
