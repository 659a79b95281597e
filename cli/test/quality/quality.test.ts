// `npm run quality` without its server: what it prints, and what it refuses. `-- --self-test` tests the gate itself.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exitCodeOf, reportText } from '../../quality/report.ts'
import { settingsOf } from '../../quality/server.ts'
import { conditions, type Findings } from '../../quality/sonarqube.ts'
import { createShell } from '../../src/adapters/shell.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const shell = createShell()

function quality(args: readonly string[], env: Record<string, string> = {}) {
  const none = { SONAR_TOKEN: '', SONAR_HOST_URL: '', GITHUB_ACTIONS: '' }
  const program = join(root, 'cli/quality/quality.ts')
  return shell.run({
    program: process.execPath,
    args: [program, ...args],
    env: { ...none, ...env },
  })
}

const clean: Findings = {
  passed: true,
  conditions: [
    { metric: 'bugs', operator: 'GT', threshold: '0', actual: '0', passed: true },
    { metric: 'coverage', operator: 'LT', threshold: '80', actual: '81.3', passed: true },
  ],
  measures: { ncloc: '1200' },
  issues: [],
}

describe('the report', () => {
  it('shows what was measured and what is allowed', () => {
    expect(reportText(clean)).toBe(
      `GATE      MEASURED  ALLOWED
bugs      0         at most 0    passed
coverage  81.3      at least 80  passed

1200 lines of code, 0 issues: the quality gate passed.`,
    )
  })

  it('lists the issues by file and line, before the gate', () => {
    const issue = { type: 'CODE_SMELL', rule: 'typescript:S1', file: 'b.ts', message: 'Odd.' }
    const text = reportText({
      ...clean,
      passed: false,
      issues: [
        { ...issue, line: 12 },
        { ...issue, type: 'BUG', line: 2 },
        { ...issue, file: 'a.ts', line: null },
      ],
    })
    expect(text.split('\n').slice(0, 6)).toEqual([
      'a.ts',
      '  -  smell  Odd.  (typescript:S1)',
      '',
      'b.ts',
      '  2  bug  Odd.  (typescript:S1)',
      '  12  smell  Odd.  (typescript:S1)',
    ])
    expect(text).toContain('3 issues: the quality gate failed.')
  })

  it('says which condition fails, also when nothing was measured', () => {
    const coverage = { metric: 'coverage', operator: 'LT', threshold: '80', passed: false } as const
    const text = reportText({ ...clean, conditions: [{ ...coverage, actual: null }] })
    expect(text).toMatch(/^coverage +nothing +at least 80 +FAILED$/m)
  })
})

it('the gate judges all code, not only new code', () => {
  expect(conditions).toEqual([
    ['bugs', 'GT', '0'],
    ['vulnerabilities', 'GT', '0'],
    ['code_smells', 'GT', '0'],
    ['coverage', 'LT', '80'],
    ['duplicated_lines_density', 'GT', '3'],
  ])
})

it('a red gate is exit 1, a green or a skipped one 0', () => {
  const gates = [{ ...clean, passed: false }, clean, null]
  expect(gates.map(exitCodeOf)).toEqual([1, 0, 0])
})

it('the server listens on loopback, and tells its vendor nothing', () => {
  expect(settingsOf([1, 2, 3, 4])).toEqual(
    expect.arrayContaining([
      '-Dsonar.web.host=127.0.0.1',
      '-Dsonar.search.host=127.0.0.1',
      '-Dsonar.telemetry.enable=false',
      '-Dsonar.updatecenter.activate=false',
    ]),
  )
})

it('every exception has an entry in the list, and every entry a rule and files', () => {
  const text = readFileSync(join(root, 'sonar-project.properties'), 'utf8')
  const prefix = 'sonar.issue.ignore.multicriteria'
  const listed = new RegExp(`^${prefix}=(.*)$`, 'm').exec(text)?.[1]?.split(',')
  const named = (what: string): string[] =>
    [...text.matchAll(new RegExp(String.raw`^${prefix}\.(\w+)\.${what}=.+$`, 'gm'))].map(
      ([, name = '']) => name,
    )
  expect(named('ruleKey')).toEqual(listed)
  expect(named('resourceKey')).toEqual(listed)
})

describe('bad input', () => {
  it('an unknown option is refused', async () => {
    const { exitCode, stderr } = await quality(['--nope'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('--nope is not an option of `npm run quality`.')
    expect(stderr).toContain('--team or --self-test')
  })

  it.each([
    ['on a laptop', {}, /^skipped: there is no secret SONAR_TOKEN/],
    [
      'in a workflow',
      { GITHUB_ACTIONS: 'true' },
      /^::notice title=Quality gate::skipped: there is no secret/,
    ],
  ])('without the token of the team, it is skipped, and says so %s', async (_, env, said) => {
    const { exitCode, stdout } = await quality(['--team'], env)
    expect(stdout).toMatch(said)
    expect(exitCode).toBe(0)
  })

  it('a token without a server is refused, and never printed', async () => {
    const { exitCode, stderr, stdout } = await quality(['--team'], { SONAR_TOKEN: 'sqa_secret' })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('SONAR_HOST_URL is not the URL of a SonarQube server.')
    expect(`${stdout}${stderr}`).not.toContain('sqa_secret')
  })
})
