// The alerts of charts/observability, by Prometheus' own unit tests of rules.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serviceCases } from './alert-cases.ts'
import { clusterCases } from './alert-cases-cluster.ts'
import { type AlertCase, live, scene, times } from './alert-scene.ts'
import {
  chart,
  type Expected,
  type Rendered,
  renderAlerts,
  runProgram,
  type Simulation,
  simulate,
} from './alerts.ts'

const cases = [...serviceCases, ...clusterCases]
let rendered: Rendered

beforeAll(async () => {
  rendered = await renderAlerts()
})

afterAll(() => rendered.remove())

/** The first case of an alert. */
const caseOf = (name: string) => cases.find(({ alert }) => alert === name) as AlertCase
const databaseDown = caseOf('DatabaseDown')
const runbook = (alert: string) => `https://runbooks.example/${alert}.md`

function expectedOf({ alert, severity, labels, ...words }: AlertCase): Expected[] {
  const { summary, description, command, dashboard } = words
  const annotations = {
    ...{ summary, description, command, runbook_url: runbook(alert) },
    dashboard_url: `https://grafana.example/d/${dashboard}`,
  }
  const expected: Expected[] = [{ labels: { severity, ...labels }, annotations }]
  if (!labels.window) return expected
  // What burns fast enough for the first pair of windows does so for the second.
  const slower = description.replaceAll('2m', '4m').replace('14.4', '6')
  expected.push({
    labels: { ...labels, severity: 'warning', window: '4m' },
    annotations: { ...annotations, description: slower },
  })
  return expected
}

function simulationsOf(row: AlertCase): Simulation[] {
  const { alert, cause = '', bad, harmless, firesAt = times.bad, endsAt = times.wellAgain } = row
  const raised = [
    { at: times.well, alert, expected: [] },
    { at: firesAt, alert, expected: expectedOf(row) },
    { at: endsAt, alert, expected: [] },
  ]
  const silent = Object.entries(harmless).map(([what, series]) => ({
    name: `not for ${what}`,
    series: { ...scene, ...series },
    checks: [{ at: times.bad, alert, expected: [] }],
  }))
  return [{ name: `raised ${cause}`, series: { ...scene, ...bad }, checks: raised }, ...silent]
}

describe('fires, ends, and does not fire for what looks alike', () => {
  it.each([...new Set(cases.map(({ alert }) => alert))])('%s', async (name) => {
    const simulations = cases.filter(({ alert }) => alert === name).flatMap(simulationsOf)
    expect(await simulate(rendered.folder, simulations)).toBe('')
  })
})

it('raises only the watchdog while all is well', async () => {
  const names = new Set(rendered.rules.flatMap(({ alert }) => alert ?? []))
  names.delete('Watchdog')
  const silent = [...names].map((alert) => ({ at: times.bad, alert, expected: [] }))
  const expected = {
    labels: { severity: 'none', environment: 'cluster' },
    annotations: {
      summary: 'Alerts arrive',
      description: 'This alert always fires. When it stays away, no other arrives either.',
      command: 'shopctl status --env local',
      runbook_url: runbook('Watchdog'),
      dashboard_url: 'https://grafana.example/d/infrastructure',
    },
  }
  const checks = [{ at: times.bad, alert: 'Watchdog', expected: [expected] }, ...silent]
  expect(await simulate(rendered.folder, [{ name: 'well', series: scene, checks }])).toBe('')
})

describe('each alert', () => {
  it('is in the table, with something that looks alike', () => {
    const tested = cases.filter(({ harmless }) => Object.keys(harmless).length > 0)
    const names = new Set([...tested.map(({ alert }) => alert), 'Watchdog'])
    expect(new Set(rendered.rules.flatMap(({ alert }) => alert ?? []))).toEqual(names)
  })

  it('has labels, annotations and a runbook', () => {
    for (const { alert, labels = {}, annotations = {} } of rendered.rules) {
      if (!alert) continue
      expect(Object.keys(labels), alert).toEqual(
        expect.arrayContaining(['environment', 'severity']),
      )
      const names = ['command', 'dashboard_url', 'description', 'runbook_url', 'summary']
      expect(Object.keys(annotations).sort(), alert).toEqual(names)
      expect(annotations.command, alert).toMatch(/^shopctl \S.* --env /)
      const page = join(chart, 'runbooks', `${alert}.md`)
      expect(existsSync(page), page).toBe(true)
      const text = readFileSync(page, 'utf8')
      expect(text.startsWith(`# ${alert}\n`), page).toBe(true)
      expect(text.trimEnd().split('\n').length, page).toBeLessThanOrEqual(25)
      expect(text, page).toContain('shopctl ')
    }
  })
})

it('has rules without a mistake', async () => {
  const { exitCode, output } = await runProgram('promtool', [
    ...['check', 'rules', '--lint=all', '--lint-fatal'],
    join(rendered.folder, 'rules.yaml'),
  ])
  expect(output).toContain('SUCCESS')
  expect(exitCode).toBe(0)
})

it('says that an outbox is well, or that no message is parked, only when the database says so', async () => {
  const login = `new_login_ok{${live},pod="g",server="database"}`
  // The metrics are away at once, and the next try of a login is 30 s later.
  const silent = (value: number) => `0x7 ${value}x5 stale _x20`
  const simulations = [
    { alert: 'OutboxStuck', series: `outbox_oldest_event_age_seconds{${live}}`, value: 31 },
    { alert: 'MessagesParked', series: `messages_parked{${live}}`, value: 2 },
  ].map(({ alert, series, value }) => {
    const row = caseOf(alert)
    const expected = expectedOf(row)
    return {
      name: alert,
      series: { ...scene, [series]: silent(value), [login]: '1x16 0x20' },
      checks: [
        { at: 195, alert, expected },
        // DatabaseDown fires, and silences it from here on.
        { at: 270, alert, expected },
        { at: 270, alert: 'DatabaseDown', expected: expectedOf(databaseDown) },
      ],
    }
  })
  expect(await simulate(rendered.folder, simulations)).toBe('')
})

it.each([
  ['BrokerDown', 'broker'],
  ['DatabaseDown', 'database'],
])('%s stays until nothing that it silences fires any more', async (outage, server) => {
  const [row, stuck] = [caseOf(outage), caseOf('OutboxStuck')]
  const series = {
    ...scene,
    [`new_login_ok{${live},pod="g",server="${server}"}`]: '1x7 0x20 1x59',
    // Events wait for a minute after the end.
    [`outbox_oldest_event_age_seconds{${live}}`]: '0x7 31x24 0x55',
  }
  const checks = [405, 480, 585].flatMap((at) => [
    { at, alert: 'OutboxStuck', expected: expectedOf(stuck) },
    { at, alert: outage, expected: expectedOf(row) },
  ])
  const over = [
    { at: 660, alert: 'OutboxStuck', expected: [] },
    { at: 1_245, alert: outage, expected: [] },
  ]
  const name = `the end of ${outage}`
  expect(await simulate(rendered.folder, [{ name, series, checks: [...checks, ...over] }])).toBe('')
})

it('names no environment in commands when none has a name, and the file of a runbook without an address', async () => {
  const unnamed = await renderAlerts({ environments: [], runbooks: '' })
  const rule = unnamed.rules.find(({ alert }) => alert === 'BrokerDown')
  unnamed.remove()
  expect(rule?.annotations).toMatchObject({
    command: 'shopctl status',
    runbook: 'charts/observability/runbooks/BrokerDown.md',
  })
  expect(rule?.annotations).not.toHaveProperty('runbook_url')
})
