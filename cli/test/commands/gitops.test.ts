import { expect, it } from 'vitest'
import { logText } from '../../src/commands/gitops.ts'

const commit = {
  ...{ commit: 'abcdef0123456789', author: 'Jane <jane@example.com>', note: null },
  ...{ date: '2026-01-01T12:00:00Z', subject: 'Fix it' },
}

it('the log says where it was cut', () => {
  const whole = logText({ commits: [commit], cutAt: null }, 120)
  expect(whole).toContain('abcdef012345  2026-01-01T12:00:00Z')
  expect(logText({ commits: [commit], cutAt: 2500 }, 120)).toBe(
    `${whole}\nThere may be earlier ones: only the last 2500 commits of the branch were looked at.`,
  )
})
