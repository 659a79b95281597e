// `provenance` and `scan` in shopctl.yaml: what they may say, and where a mistake is.
import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { configText } from '../fakes/config.ts'
import { mistakeOf } from './environment.ts'

const ecr = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/shops'

function parse(settings: string, registry = ecr) {
  const text = configText
    .replace('cluster: embedded', `cluster: { context: a, registry: ${registry} }`)
    .replace('namespace: shop\n', `namespace: shop\n    ${settings}\n`)
  return parseConfig(text, 'shopctl.yaml').environments.local
}

function mistake(...settings: Parameters<typeof parse>): string {
  return mistakeOf(() => parse(...settings))
}

const workflow = 'o/w/.github/workflows/shopctl.yml@refs/heads/main'

it('asks for nothing unless it says so', () => {
  expect(parse('protected: true')).toMatchObject({ protected: true })
  expect(parse('protected: true')?.provenance).toBeUndefined()
  expect(parse('protected: true')?.scan).toBeUndefined()
})

it.each([
  [`{ repository: o/n, workflow: ${workflow} }`],
  [`{ repository: o/n, workflow: ${workflow.replace('refs/heads/main', 'a'.repeat(40))} }`],
  [`{ repository: o/n, workflow: ${workflow.replace('heads/main', 'tags/v1.2')} }`],
  [`{ repository: o/n.js, workflow: ${workflow}, trustedRoot: roots.jsonl }`],
])('provenance: %s', (value) => {
  expect(mistake(`provenance: ${value}`, 'ghcr.io/me')).toBe('none')
})

it('scan has no allowances by default', () => {
  expect(parse('scan: { severity: HIGH }')?.scan).toEqual({ severity: 'HIGH', allow: [] })
  const entry = { id: 'CVE-2026-1', reason: 'why', expires: '2028-02-29' }
  expect(parse(`scan: { severity: LOW, allow: [${JSON.stringify(entry)}] }`)?.scan).toEqual({
    severity: 'LOW',
    allow: [entry],
  })
})

const wantedWorkflow =
  'expected a workflow and its ref: <owner>/<name>/.github/workflows/<file>.yml@refs/heads/<branch>'

it.each([
  [
    'provenance: {}',
    '25:5: environments.local.provenance.repository: expected text; it is missing',
  ],
  [
    `provenance: { repository: https://github.com/o/n, workflow: ${workflow} }`,
    '25:19: environments.local.provenance.repository: expected a repository of GitHub: <owner>/<name>',
  ],
  [
    'provenance: { repository: o/n, workflow: o/w/.github/workflows/shopctl.yml }',
    `25:36: environments.local.provenance.workflow: ${wantedWorkflow}`,
  ],
  [
    // As `uses:` may name it, and no certificate does.
    'provenance: { repository: o/n, workflow: o/w/.github/workflows/shopctl.yml@main }',
    `25:36: environments.local.provenance.workflow: ${wantedWorkflow}`,
  ],
  [
    'provenance: { repository: o/n, workflow: .github/workflows/shopctl.yml@refs/heads/main }',
    `25:36: environments.local.provenance.workflow: ${wantedWorkflow}`,
  ],
  [
    `provenance: { repository: o/n, workflow: ${workflow}, trustedRoot: ../roots }`,
    'environments.local.provenance.trustedRoot: expected a path in the folder of shopctl.yaml',
  ],
  [
    `provenance: { repository: o/n, workflow: ${workflow}, issuer: x }`,
    'environments.local.provenance.issuer: there is no such setting',
  ],
  [
    'scan: {}',
    '25:5: environments.local.scan.severity: expected one of INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL',
  ],
  [
    'scan: { severity: high }',
    '25:13: environments.local.scan.severity: expected one of INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL',
  ],
  [
    'scan: { severity: HIGH, allow: [{ id: CVE-1, expires: 2026-01-01 }] }',
    '25:37: environments.local.scan.allow.0.reason: expected text; it is missing',
  ],
  [
    'scan: { severity: HIGH, allow: [{ id: CVE-1, reason: " ", expires: 2026-01-01 }] }',
    '25:50: environments.local.scan.allow.0.reason: expected the reason',
  ],
  [
    'scan: { severity: HIGH, allow: [{ id: CVE-1, reason: r }] }',
    'environments.local.scan.allow.0.expires: expected a day: <year>-<month>-<day>',
  ],
  [
    'scan: { severity: HIGH, allow: [{ id: CVE-1, reason: r, expires: 2026-02-30 }] }',
    '25:61: environments.local.scan.allow.0.expires: expected a day: <year>-<month>-<day>',
  ],
  [
    'scan: { severity: HIGH, allow: [{ id: CVE-1, reason: r, expires: never }] }',
    '25:61: environments.local.scan.allow.0.expires: expected a day: <year>-<month>-<day>',
  ],
  [
    'scan: { severity: HIGH, allow: [CVE-1] }',
    'environments.local.scan.allow.0: expected a map, not text',
  ],
])('%s is refused with its place', (settings, message) => {
  expect(mistake(settings)).toContain(message)
})

it('only Amazon ECR has scans', () => {
  const message =
    'environments.local.scan: expected none: the registry is no registry of Amazon ECR'
  expect(mistake('scan: { severity: HIGH }', 'ghcr.io/me')).toContain(message)
})
