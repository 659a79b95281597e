// `npm test`: lint, types, what needs no shop, the shop on the real cluster, then the platform. Ends with
// `N passed, N failed`; a skipped test counts as failed.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { empty } from './real/global-setup.ts'
import { createTurns, type Turns } from './turns.ts'

const filters = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), 'shopctl-test-'))
const tally = { passed: 0, failed: 0 }
/** With what the others leave of the processors: some of those measure time. */
const behindOthers = ['nice', '-n', '19']

/** Runs an argument vector; resolves to its exit code. With `onLine`, its output does not go to this terminal. */
function run(
  argv: readonly string[],
  env: Record<string, string> = {},
  onLine?: (line: string) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = argv
    const output = onLine ? 'pipe' : 'inherit'
    const child = spawn(program, args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    })
    for (const input of [child.stdout, child.stderr])
      if (input && onLine) createInterface({ input }).on('line', onLine)
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

async function check(
  title: string,
  argv: readonly string[],
  onLine?: (line: string) => void,
): Promise<boolean> {
  const started = Date.now()
  console.log(`\n== ${title}`)
  const passed = (await run(argv, {}, onLine)) === 0
  tally[passed ? 'passed' : 'failed'] += 1
  console.log(`${passed ? '✓' : '✗'} ${title} ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return passed
}

interface VitestReport {
  numTotalTests: number
  numPassedTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

/** Each shopctl of the tests on the cluster would write what it ran, and they run hundreds. */
function coverage(project: string): string[] {
  if (!['unit', 'services', 'apart'].includes(project)) return []
  return ['--coverage', `--coverage.reportsDirectory=coverage/${project}`]
}

async function vitest(
  project: string,
  { turns, behind = [] }: { turns?: Turns; behind?: readonly string[] } = {},
): Promise<void> {
  const file = join(scratch, `${project}.json`)
  const exitCode = await run(
    [
      ...behind,
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=verbose',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...filters,
      ...(filters.length > 0 ? ['--passWithNoTests'] : coverage(project)),
    ],
    { NO_COLOR: '1' },
    turns?.line,
  )
  turns?.end()
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    // A file that breaks before its first test has no assertions to count, yet it is a failure.
    const broken = report.testResults.filter(
      (f) => f.status === 'failed' && f.assertionResults.length === 0,
    ).length
    const failed = report.numTotalTests - report.numPassedTests + broken
    tally.passed += report.numPassedTests
    tally.failed += failed === 0 && exitCode !== 0 ? 1 : failed
  } catch {
    tally.failed += 1
  }
}

/**
 * What runs beside the others, which wait for much of their time. The programs come first: some of these tests use them,
 * `gitops` and `platform` all.
 */
async function runBehind(): Promise<void> {
  if (filters.length === 0) {
    const build = [...behindOthers, 'node', 'cli/test/build-added.ts']
    await check('what `platform up --with` adds, behind the tests', build, console.log)
  }
  await vitest('apart', { turns: createTurns(console.log), behind: behindOthers })
}

try {
  if (filters.length === 0) {
    // `npm run quality` reads the coverage of the last whole run.
    rmSync('coverage', { recursive: true, force: true })
    await check('biome: format, lint', ['biome', 'check', '.'])
    await check('dependency-cruiser: import directions', ['depcruise', 'cli', 'services', 'charts'])
    await check('tsc: types', ['tsc', '--noEmit'])
  }
  // Before the unit tests: some render charts with the platform's helm.
  if (await check('shopctl platform up', ['node', 'cli/bin/shopctl.js', 'platform', 'up'])) {
    const behind = runBehind()
    console.log('\n== unit and services tests, side by side, and apart behind them')
    // The pods of an earlier run would only take their part of the processors. `real` says why they cannot be deleted.
    const emptying = filters.length === 0 ? empty().catch(() => {}) : null
    const beside = (name: string) => vitest(name, { turns: createTurns(console.log) })
    // The first files of `real` measure no time.
    const unit = beside('unit')
    await Promise.all([beside('services'), emptying])
    console.log('\n== real tests')
    await vitest('real')
    await Promise.all([unit, behind])
    for (const name of ['gitops', 'platform']) {
      console.log(`\n== ${name} tests`)
      await vitest(name)
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`\n${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed === 0 ? 0 : 1
