// The page about GitHub Actions says what is true.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { outputNames } from '../../src/output/result.ts'
import { type EventKind, payloads } from '../../src/release/ports/events.ts'
import { files, ours, textOf } from '../workflows/files.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'ACTIONS.md'), 'utf8')

/** The rows of the table that follows a heading of this name. */
function rowsBelow(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const lines = section.split('\n## ')[0]?.split('\n') ?? []
  return lines.filter((line) => line.startsWith('| `')).map((line) => line.split('|').slice(1, -1))
}

function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}

it('lists every kind of event, with every field of its payload', () => {
  const listed = rowsBelow('Events').map(([kind, fields]) => [namesIn(kind)[0], namesIn(fields)])
  const kinds = Object.keys(payloads) as EventKind[]
  expect(Object.fromEntries(listed)).toEqual(
    Object.fromEntries(kinds.map((kind) => [kind, Object.keys(payloads[kind].shape)])),
  )
})

it('lists the outputs that are set', () => {
  const listed = rowsBelow('What a workflow gets').map(([name]) => namesIn(name)[0])
  expect(listed).toEqual(outputNames)
})

it('names every variable and every secret of the workflows', () => {
  const used = files.flatMap((file) => [
    ...textOf(ours, file).matchAll(/\b(?:vars|secrets)\.(\w+)/g),
  ])
  const names = new Set(used.map(([, name = '']) => name))
  expect(names.size).toBe(13)
  for (const name of names) expect(page).toContain(`\`${name}\``)
})

it('links to files that exist', () => {
  const links = [...page.matchAll(/\]\((?!https:)([^)#]+)\)/g)].map(([, link = '']) => link)
  for (const link of links) expect([link, existsSync(join(root, link))]).toEqual([link, true])
})
