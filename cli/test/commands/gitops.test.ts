// The commits of an environment as a table.
import { expect, it } from 'vitest'
import { logRows, logText } from '../../src/commands/gitops.ts'

const commit = {
  ...{ commit: 'abcdef0123456789', author: 'Jane <j@x.org>', note: null },
  ...{ date: '2026-01-01T12:00:00Z', subject: 'rollback: order green → blue' },
}

it('the log says where it was cut', () => {
  const whole = logText({ commits: [commit], cutAt: null }, 120)
  expect(whole).toContain('abcdef012345  2026-01-01T12:00:00Z')
  expect(logText({ commits: [commit], cutAt: 2500 }, 120)).toBe(
    `${whole}\nThere may be earlier ones: only the last 2500 commits of the branch were looked at.`,
  )
})

it('a log names release, person and reason of each commit', () => {
  const note = { release: 'r-3', operation: 'rollback', by: 'me@here', run: null }
  const commits = [
    { ...commit, note: { ...note, reason: 'it burns' } },
    { ...commit, note: { ...note, reason: null } },
    commit,
  ]
  const rows = logRows({ commits })
  expect(rows.slice(1).map((row) => row.slice(2))).toEqual([
    ['r-3', 'me@here', 'rollback: order green → blue (it burns)'],
    ['r-3', 'me@here', 'rollback: order green → blue'],
    ['-', 'Jane <j@x.org>', 'rollback: order green → blue'],
  ])
})
