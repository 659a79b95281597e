// The real program writes a page, from the journal of a cluster and its Prometheus.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { parsed, plotOf, valueAt } from '../report/read-plot.ts'
import { operation } from '../report/scene.ts'
import { type SmallCluster, startSmallCluster } from '../report/small-cluster.ts'

vi.setConfig({ testTimeout: 30_000 })

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')
const folder = mkdtempSync(join(tmpdir(), 'report-'))
let cluster: SmallCluster
beforeAll(async () => {
  cluster = await startSmallCluster(folder, operation)
})
afterAll(() => {
  cluster.close()
  rmSync(folder, { recursive: true })
})

function run(...args: string[]) {
  const { env } = cluster
  return createShell().run({
    ...{ program: process.execPath, args: [launcher, 'report', ...args], cwd: folder, env },
  })
}

it('writes r-41.html, and replaces it the next time', async () => {
  for (const _ of ['first', 'second']) {
    const { exitCode, stdout } = await run('r-41')
    expect(stdout.trim()).toBe('r-41.html has the record and its figures.')
    expect(exitCode).toBe(0)
  }
  const page = parsed(readFileSync(join(folder, 'r-41.html'), 'utf8'))
  expect(valueAt(plotOf(page, 'Requests'), 'green', 12 * 60 + 5)).toBeCloseTo(30, 1)
  expect(page.querySelector('dl')?.textContent).toContain('jane@laptop')
  expect(cluster.queries.filter((query) => query.includes('gate_epoch'))).toHaveLength(2)
})

it('writes to another file, and one JSON document to stdout', async () => {
  const { exitCode, stdout } = await run('r-41', '-o', 'switch.html', '--json')
  expect(JSON.parse(stdout)).toEqual({
    ...{ version: 1, env: 'local', id: 'r-41', file: 'switch.html', figures: true },
  })
  expect(exitCode).toBe(0)
  expect(readdirSync(folder)).toContain('switch.html')
})

it.each<[string, string[], RegExp]>([
  ['an unknown release', ['r-40'], /has no operation r-40\.\n.*The nearest are r-41\./],
  ['no release', [], /missing required argument 'id'/],
  ['a file without a name', ['r-41', '-o', ''], /Expected a value/],
  ['a folder that is not there', ['r-41', '-o', 'none/a.html'], /there is no folder none\./],
  [
    'a file of somebody',
    ['r-41', '-o', 'shopctl.yaml'],
    /shopctl\.yaml is there, and is no report/,
  ],
])('refuses %s', async (_, args, expected) => {
  const before = readFileSync(join(folder, 'shopctl.yaml'), 'utf8')
  const { exitCode, stderr, stdout } = await run(...args)
  expect(stderr).toMatch(expected)
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(readFileSync(join(folder, 'shopctl.yaml'), 'utf8')).toBe(before)
})

it('goes on without figures where Prometheus does not answer', async () => {
  cluster.isPrometheusAway = true
  const { exitCode, stdout, stderr } = await run('r-41', '-o', 'without.html')
  expect(stderr).toMatch(/Prometheus: .*answered 503/)
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('has the record, but no figures')
  expect(exitCode).toBe(0)
  expect(readFileSync(join(folder, 'without.html'), 'utf8')).toContain('class="no-figures"')
})
