// The commits of an environment as a table.
import { expect, it } from 'vitest'
import { logRows } from '../../src/commands/gitops.ts'

it('a log names release, person and reason of each commit', () => {
  const commit = {
    ...{ commit: '0123456789abcdef', date: '2026-01-01T12:00:00Z', author: 'Jane <j@x.org>' },
    subject: 'rollback: order green → blue',
  }
  const note = { release: 'r-3', operation: 'rollback', by: 'me@here', run: null }
  const rows = logRows([
    { ...commit, note: { ...note, reason: 'it burns' } },
    { ...commit, note: { ...note, reason: null } },
    { ...commit, note: null },
  ])
  expect(rows.slice(1).map((row) => row.slice(2))).toEqual([
    ['r-3', 'me@here', 'rollback: order green → blue (it burns)'],
    ['r-3', 'me@here', 'rollback: order green → blue'],
    ['-', 'Jane <j@x.org>', 'rollback: order green → blue'],
  ])
})
