// `npm test`: lint, types, what needs no shop side by side, then the tests on the real cluster. Ends with
// `N passed, N failed`; a skipped test counts as failed.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setup as emptyEnvironment } from './real/global-setup.ts'
import { createTurns, type Turns } from './turns.ts'

const filters = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), 'shopctl-test-'))
const tally = { passed: 0, failed: 0 }
/** They share no port, no namespace and no engine, and wait for most of their time. */
const beside = ['unit', 'services', 'apart']

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

async function check(title: string, argv: readonly string[]): Promise<boolean> {
  const started = Date.now()
  console.log(`\n== ${title}`)
  const passed = (await run(argv)) === 0
  tally[passed ? 'passed' : 'failed'] += 1
  console.log(`${passed ? '✓' : '✗'} ${title} ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return passed
}

interface VitestReport {
  numTotalTests: number
  numPassedTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

async function vitest(project: string, turns?: Turns): Promise<void> {
  const file = join(scratch, `${project}.json`)
  const exitCode = await run(
    [
      // Some tests of the two beside it measure time.
      ...(project === 'apart' ? ['nice'] : []),
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=verbose',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...filters,
      ...(filters.length > 0
        ? ['--passWithNoTests']
        : ['--coverage', `--coverage.reportsDirectory=coverage/${project}`]),
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
    console.log(`\n== ${beside.join(', ')} tests, side by side`)
    // The pods of an earlier run would only take their part of the processors. `real` says why they cannot be deleted.
    const emptying = filters.length === 0 ? emptyEnvironment().catch(() => {}) : null
    await Promise.all(beside.map((project) => vitest(project, createTurns(console.log))))
    await emptying
    console.log('\n== real tests')
    await vitest('real')
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`\n${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed === 0 ? 0 : 1
