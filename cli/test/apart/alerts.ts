// The rules and the routes of charts/observability, rendered into a folder, and Prometheus' unit tests of rules.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parse, stringify } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import { charts, render } from '../charts/helm.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

const shell = createShell()
export const chart = join(charts, 'observability')

export interface Rule {
  alert?: string
  record?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface Rendered {
  folder: string
  rules: Rule[]
  remove(): void
}

/** Short windows and small limits, so that a test needs few samples. */
const values = {
  environments: [
    { name: 'local', namespace: 'shop' },
    { name: 'test', namespace: 'shop-test' },
  ],
  dashboards: 'https://grafana.example',
  runbooks: 'https://runbooks.example',
  receiver: true,
  slos: {
    windows: [
      { long: '2m', short: '30s', factor: 14.4, severity: 'critical' },
      { long: '4m', short: '1m', factor: 6, severity: 'warning' },
    ],
  },
}

/** Both are named templates. A copy of the chart without its objects shows them. */
export async function renderAlerts(more: object = {}): Promise<Rendered> {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-'))
  const copy = join(folder, 'chart')
  cpSync(chart, copy, { recursive: true, filter: (path) => !/templates\/[^_].*\.yaml$/.test(path) })
  const show = ['rules', 'alertmanager'].map(
    (name) => `${name}: |\n  {{- include "observability.${name}" . | nindent 2 }}\n`,
  )
  writeFileSync(join(copy, 'templates/show.yaml'), show.join(''))
  const input = { chart: relative(charts, copy), release: 'observability' }
  const [shown] = await render({ ...input, values: { ...values, ...more } })
  const { rules, alertmanager } = shown as unknown as Record<string, string>
  writeFileSync(join(folder, 'rules.yaml'), rules ?? '')
  writeFileSync(join(folder, 'alertmanager.yml'), alertmanager ?? '')
  const { groups } = parse(rules ?? '') as { groups: { rules: Rule[] }[] }
  return {
    folder,
    rules: groups.flatMap((group) => group.rules),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Runs a program of Prometheus or Alertmanager. */
export async function runProgram(name: string, args: readonly string[]) {
  return shell.run({ program: join(await prometheusPrograms(), name), args: [...args] })
}

export interface Expected {
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** What Prometheus sees, and which alerts must fire at which second after the start. */
export interface Simulation {
  name: string
  series: Readonly<Record<string, string>>
  checks: readonly { at: number; alert: string; expected: readonly Expected[] }[]
}

/** Simulates them with promtool. What it says when the alerts are others than expected; '' otherwise. */
export async function simulate(
  folder: string,
  simulations: readonly Simulation[],
): Promise<string> {
  const tests = simulations.map(({ name, series, checks }) => ({
    name,
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: checks.map(({ at, alert, expected }) => ({
      eval_time: `${at}s`,
      alertname: alert,
      exp_alerts: expected.map(({ labels, annotations }) => ({
        exp_labels: labels,
        exp_annotations: annotations,
      })),
    })),
  }))
  const file = join(folder, `${crypto.randomUUID()}.yaml`)
  const document = { rule_files: ['rules.yaml'], evaluation_interval: '15s', tests }
  writeFileSync(file, stringify(document, { lineWidth: 0 }))
  const { exitCode, output } = await runProgram('promtool', ['test', 'rules', file])
  return exitCode === 0 ? '' : output
}
