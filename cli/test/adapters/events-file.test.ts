// The file for events, on a real file system.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEventsFile } from '../../src/adapters/events-file.ts'
import type { Event } from '../../src/release/ports/events.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'events-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const event: Event = {
  ...{ version: 1, time: '2026-01-01T00:00:00.000Z' },
  ...{ kind: 'note', payload: { text: 'two\nlines' } },
}
const never = (problem: string): void => expect.unreachable(problem)

it('gets one line for each event, after those of earlier commands', () => {
  const path = join(folder, 'events.ndjson')
  for (const _ of [1, 2]) openEventsFile(path, never)(event)
  const lines = readFileSync(path, 'utf8').split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line) => JSON.parse(line))).toEqual([event, event])
})

it('exists from the start, so that a reader can follow it', () => {
  const path = join(folder, 'events.ndjson')
  openEventsFile(path, never)
  expect(statSync(path).size).toBe(0)
})

describe('is refused where it cannot be written:', () => {
  it.each<[string, () => string]>([
    ['a folder', () => folder],
    ['in a folder that is missing', () => join(folder, 'no', 'events')],
    [
      'below a file',
      () => {
        writeFileSync(join(folder, 'file'), '')
        return join(folder, 'file', 'events')
      },
    ],
    [
      'a named pipe that nobody reads',
      () => {
        execFileSync('mkfifo', [join(folder, 'pipe')])
        return join(folder, 'pipe')
      },
    ],
    ['in a file system without files', () => '/proc/events'],
  ])('%s', (_, make) => {
    const path = make()
    const error = { code: 'events-file', exitCode: 2, message: expect.stringContaining(path) }
    expect(() => openEventsFile(path, never)).toThrow(expect.objectContaining(error))
  })
})

it('that is full is a warning, once', () => {
  const problems: string[] = []
  const write = openEventsFile('/dev/full', (problem) => problems.push(problem))
  write(event)
  write(event)
  expect(problems).toEqual([expect.stringMatching(/^\/dev\/full has no more events.*ENOSPC/)])
})
