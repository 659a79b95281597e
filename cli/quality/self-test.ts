// Tests that the gate turns red: a small project is scanned without a fault, and then with one at a time. A team with a
// token of its own scans too: in a project with that gate, and in one with the gate of a new server, which is refused.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ShopctlError } from '../src/errors.ts'
import type { Judge } from './judge.ts'
import { gates } from './sonarqube.ts'

const files = ['cli/src/planted.ts']
const healthy = `/** The sum of both. */
export function sum(a: number, b: number): number {
  return a + b
}
`
const buggy = healthy.replace('a + b', 'a > b ? a : a')
const weakCipher = `import { createCipheriv } from 'node:crypto'
export function encrypter(key: Buffer, iv: Buffer): unknown {
  return createCipheriv('DES-CBC', key, iv)
}
`
const rows = Array.from({ length: 20 }, (_, n) => `  row${n}: [${n}, ${n + 1}, ${n + 2}],\n`)
const long = `export const rows = {\n${rows.join('')}}\n`
const covered = '1,2,3,4'

interface Case {
  name: string
  /** Of each file. */
  source: string
  files: readonly string[]
  /** Lines that a test has run, of lines 1 to 4. */
  covered: string
  /** What the gate does. */
  expected: string
}

const cases: readonly Case[] = [
  { name: 'healthy', source: healthy, files, covered, expected: 'passes' },
  { name: 'bug', source: buggy, files, covered, expected: 'fails: bugs' },
  { name: 'vulnerability', source: weakCipher, files, covered, expected: 'fails: vulnerabilities' },
  {
    name: 'smell',
    source: healthy.replace('number {', 'string {').replace('a + b', 'String.fromCharCode(a, b)'),
    files,
    covered,
    expected: 'fails: code_smells',
  },
  { name: 'uncovered', source: healthy, files, covered: '1,2', expected: 'fails: coverage' },
  {
    name: 'duplicate',
    source: long,
    files: [...files, 'cli/src/planted-again.ts'],
    covered,
    expected: 'fails: duplicated_lines_density',
  },
]

export const teamProjects = { team: gates.overallCode, 'team-new-code': gates.newCode }

const teamCases: readonly Case[] = [
  { name: 'team', source: healthy, files, covered, expected: 'passes' },
  { name: 'team', source: buggy, files, covered, expected: 'fails: bugs' },
  { name: 'team-new-code', source: buggy, files, covered, expected: 'is refused' },
]

function lcovOf(file: string, lines: string): string {
  const run = new Set(lines.split(','))
  const hits = covered.split(',').map((line) => `DA:${line},${run.has(line) ? 1 : 0}`)
  return [`SF:${file}`, ...hits, 'end_of_record', ''].join('\n')
}

async function write(folder: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true })
  await writeFile(join(folder, file), text)
}

async function scanCase(judge: Judge, properties: string, planted: Case): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shopctl-planted-'))
  try {
    await copyFile(properties, join(folder, 'sonar-project.properties'))
    for (const name of ['cli/test', 'services', 'charts', 'templates', '.github'])
      await mkdir(join(folder, name), { recursive: true })
    for (const file of planted.files) await write(folder, file, planted.source)
    const lcov = planted.files.map((file) => lcovOf(file, planted.covered))
    await write(folder, 'coverage/unit/lcov.info', lcov.join(''))
    return await resultOf(judge, folder, planted.name)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function resultOf(judge: Judge, folder: string, project: string): Promise<string> {
  try {
    const { passed, conditions } = await judge(folder, project)
    if (passed) return 'passes'
    const failing = conditions.filter((condition) => !condition.passed)
    return `fails: ${failing.map(({ metric }) => metric).join(', ')}`
  } catch (error) {
    if (!(error instanceof ShopctlError) || error.code !== 'gate-incomplete') throw error
    console.log(`${error.message}\n${error.hint}`)
    return 'is refused'
  }
}

/** Returns the exit code: 0 when the gate passes, fails and is refused as it should. */
export async function testGate(
  judge: Judge,
  teamJudge: Judge,
  properties: string,
): Promise<number> {
  const all = [
    ...cases.map((planted) => ({ planted, by: judge })),
    ...teamCases.map((planted) => ({ planted, by: teamJudge })),
  ]
  let wrong = 0
  for (const { planted, by } of all) {
    const result = await scanCase(by, properties, planted)
    const right = result === planted.expected
    if (!right) wrong += 1
    console.log(`${right ? '✓' : '✗'} ${planted.name}: the gate ${result}`)
  }
  console.log(`\n${all.length - wrong} passed, ${wrong} failed`)
  return wrong === 0 ? 0 : 1
}
