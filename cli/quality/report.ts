// The result of a scan as text.
import { table } from '../src/output/table.ts'
import type { Condition, Findings, Issue } from './sonarqube.ts'

const kinds: Record<string, string> = {
  BUG: 'bug',
  VULNERABILITY: 'vulnerability',
  CODE_SMELL: 'smell',
}

function byPlace(a: Issue, b: Issue): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0)
}

export function allowed(operator: Condition['operator'], threshold: string): string {
  return `${operator === 'GT' ? 'at most' : 'at least'} ${threshold}`
}

/** `BUGS > 0`: what fails the gate, and what was measured. */
function gateText({ conditions }: Findings): string {
  return table([
    ['GATE', 'MEASURED', 'ALLOWED', ''],
    ...conditions.map(({ metric, operator, threshold, actual, passed }) => [
      metric.replaceAll('_', ' '),
      actual ?? 'nothing',
      allowed(operator, threshold),
      passed ? 'passed' : 'FAILED',
    ]),
  ])
}

/** One paragraph per file, one line per issue. */
function issuesText(issues: readonly Issue[]): string {
  const files = Map.groupBy([...issues].sort(byPlace), ({ file }) => file)
  return [...files]
    .map(([file, found]) =>
      [
        file,
        ...found.map(
          ({ line, type, rule, message }) =>
            `  ${line ?? '-'}  ${kinds[type] ?? type}  ${message}  (${rule})`,
        ),
      ].join('\n'),
    )
    .join('\n\n')
}

/** null: the gate was skipped. */
export function exitCodeOf(findings: Findings | null): 0 | 1 {
  return findings === null || findings.passed ? 0 : 1
}

export function reportText(findings: Findings): string {
  const { ncloc = '0' } = findings.measures
  const count = findings.issues.length
  return [
    ...(count > 0 ? [issuesText(findings.issues), ''] : []),
    gateText(findings),
    '',
    `${ncloc} lines of code, ${count} ${count === 1 ? 'issue' : 'issues'}: the quality gate ${findings.passed ? 'passed' : 'failed'}.`,
  ].join('\n')
}
