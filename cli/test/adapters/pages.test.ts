// Where a page may be written, and what it may replace.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createPages } from '../../src/adapters/pages.ts'

const mark = '<!-- ours -->'
const page = `${mark} <p>new</p>`
const pages = createPages()
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pages-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function contentOf(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

it('writes a new page', async () => {
  await pages.write(join(folder, 'a.html'), page, mark)
  expect(contentOf('a.html')).toBe(page)
})

it('replaces an earlier one, all of it, also through a link', async () => {
  writeFileSync(join(folder, 'a.html'), `${mark} ${'old '.repeat(100)}`)
  symlinkSync('a.html', join(folder, 'link.html'))
  await pages.write(join(folder, 'link.html'), page, mark)
  expect(contentOf('a.html')).toBe(page)
})

it.each([
  ['another file', 'name: shop'],
  ['an empty file', ''],
  ['half of the mark', mark.slice(0, 5)],
  ['a page that has the mark elsewhere', ` ${mark}`],
])('keeps %s', async (_, text) => {
  writeFileSync(join(folder, 'a.html'), text)
  await expect(pages.write(join(folder, 'a.html'), page, mark)).rejects.toMatchObject({
    ...{ exitCode: 2, code: 'file-exists', message: expect.stringContaining('a.html is there') },
    hint: expect.stringContaining('-o'),
  })
  expect(contentOf('a.html')).toBe(text)
})

it.each<[string, string, RegExp]>([
  ['a folder that is not there', 'none/a.html', /there is no folder .*none\.$/],
  ['a folder that is a file', 'file/a.html', /file is not a folder\.$/],
  ['a folder', 'folder', /is a folder|is there/],
  ['a name that is too long', `${'x'.repeat(300)}.html`, /its name is too long\.$/],
  ['a pipe', 'pipe', /pipe is there, and is no report/],
])('refuses %s', async (_, name, message) => {
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'folder'))
  execFileSync('mkfifo', [join(folder, 'pipe')])
  await expect(pages.write(join(folder, name), page, mark)).rejects.toMatchObject({
    ...{ exitCode: 2, message: expect.stringMatching(message) },
  })
})
