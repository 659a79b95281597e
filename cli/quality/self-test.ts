// Tests that the gate turns red: a small project is scanned without a fault, and then with one at a time.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Findings, Judge } from './sonarqube.ts'

const path = 'cli/src/planted.ts'
const healthy = `/** The sum of both. */
export function sum(a: number, b: number): number {
  return a + b
}
`
const covered = '1,2,3,4'

interface Case {
  name: string
  source: string
  /** Lines that a test has run, of lines 1 to 4. */
  covered: string
  /** The conditions that fail. */
  fails: string[]
}

const cases: readonly Case[] = [
  { name: 'healthy', source: healthy, covered, fails: [] },
  {
    name: 'bug',
    source: healthy.replace('a + b', 'a > b ? a : a'),
    covered,
    fails: ['bugs'],
  },
  {
    name: 'smell',
    source: healthy.replace('number {', 'string {').replace('a + b', 'String.fromCharCode(a, b)'),
    covered,
    fails: ['code_smells'],
  },
  { name: 'uncovered', source: healthy, covered: '1,2', fails: ['coverage'] },
]

function lcovOf(lines: string): string {
  const run = new Set(lines.split(','))
  const hits = covered.split(',').map((line) => `DA:${line},${run.has(line) ? 1 : 0}`)
  return [`SF:${path}`, ...hits, 'end_of_record', ''].join('\n')
}

async function write(folder: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true })
  await writeFile(join(folder, file), text)
}

async function scanCase(judge: Judge, properties: string, planted: Case): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'shopctl-planted-'))
  try {
    await copyFile(properties, join(folder, 'sonar-project.properties'))
    for (const name of ['cli/test', 'services', 'charts', 'templates', '.github'])
      await mkdir(join(folder, name), { recursive: true })
    await write(folder, path, planted.source)
    await write(folder, 'coverage/unit/lcov.info', lcovOf(planted.covered))
    return await judge(folder, planted.name)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Returns the exit code: 0 when the gate passes and fails as it should. */
export async function testGate(judge: Judge, properties: string): Promise<number> {
  let wrong = 0
  for (const planted of cases) {
    const { conditions } = await scanCase(judge, properties, planted)
    const failing = conditions.filter(({ passed }) => !passed).map(({ metric }) => metric)
    const expected = planted.fails.every((metric) => failing.includes(metric))
    const right = expected && failing.length === planted.fails.length && conditions.length === 5
    if (!right) wrong += 1
    const result = failing.length > 0 ? `fails: ${failing.join(', ')}` : 'passes'
    console.log(`${right ? '✓' : '✗'} ${planted.name}: the gate ${result}`)
  }
  console.log(`\n${cases.length - wrong} passed, ${wrong} failed`)
  return wrong === 0 ? 0 : 1
}
