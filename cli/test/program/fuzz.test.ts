// Seeded mutations of shopctl.yaml and of the command line: each ends as done or as a refusal, never as a bug.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { ShopctlError } from '../../src/errors.ts'
import { runProgram } from '../../src/program/program.ts'
import { configText } from '../fakes/config.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const shopText = readFileSync(join(root, 'shopctl.yaml'), 'utf8')

/** A generator of numbers below `most` that is the same for the same seed. */
function dice(seed: number): (most: number) => number {
  let state = seed * 2_654_435_761
  return (most) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 1_013_904_223) >>> 0
    return (state >>> 8) % most
  }
}

const pieces = [
  ...['*x', '&x', '<<: *x', '!!binary ', '!foo ', '---\n', '...\n', '\t', '\0', '\uFEFF', '\r\n'],
  ...['{', '}', '[', ']', '"', "'", '|\n', '>-\n', '? ', ': ', '- ', '#', '%YAML 9\n', '@', '`'],
  ...['null', 'true', '.inf', '-1', '1e999', '0x10', '~', '', ' ', '../', '/etc', '*', '__proto__'],
  ...['constructor', 'toString', 'é', '💥', '\\', '$' + '{postgres.admin}', 'x'.repeat(300)],
]

function mutated(text: string, seed: number): string {
  const roll = dice(seed)
  let result = text
  for (let times = 1 + roll(3); times > 0; times--) {
    const lines = result.split('\n')
    const line = roll(lines.length)
    const at = roll(result.length + 1)
    const piece = pieces[roll(pieces.length)] ?? ''
    const other = lines[roll(lines.length)] ?? ''
    const ways = [
      () => result.slice(0, at) + piece + result.slice(at),
      () => result.slice(0, at) + result.slice(at + 1 + roll(9)),
      () => lines.toSpliced(line, 1).join('\n'),
      () => lines.toSpliced(line, 0, other).join('\n'),
      () => lines.toSpliced(line, 1, ` ${lines[line]}`).join('\n'),
      () => lines.toSpliced(line, 1, `${lines[line]?.split(':')[0]}: ${piece}`).join('\n'),
      () => result.slice(0, at),
    ]
    result = ways[roll(ways.length)]?.() ?? result
  }
  return result
}

function refusalOf(error: unknown, what: string): void {
  if (error instanceof ShopctlError && error.exitCode === 2) return
  throw new Error(`${JSON.stringify(what)}: ${error instanceof Error ? error.stack : error}`)
}

it('500 mutations of shopctl.yaml are right or refused', () => {
  let refused = 0
  for (let seed = 1; seed <= 500; seed++) {
    const text = mutated(seed % 2 ? shopText : configText, seed)
    try {
      parseConfig(text, 'shopctl.yaml')
    } catch (error) {
      refusalOf(error, text)
      expect((error as Error).message).toMatch(/^shopctl\.yaml(:\d+:\d+: | is empty)/)
      refused += 1
    }
  }
  expect(refused).toBeGreaterThan(200)
}, 60_000)

const words = [
  ...[
    'build',
    'push',
    'plan',
    'deploy',
    'smoke',
    'switch',
    'rollback',
    'resume',
    'release',
    'cleanup',
  ],
  ...[
    'status',
    'diagnose',
    'history',
    'logs',
    'report',
    'audit',
    'messages',
    'help',
    'show',
    'list',
    'replay',
    'discard',
  ],
  ...['--env', '--service', '--color', '--timeout', '--json', '--yes', '--reason', '--no-cache'],
  ...['--since', '--grep', '--order', '--follow', '10m', '1e9h'],
  ...[
    '--skip-smoke',
    '--despite-alerts',
    '--to',
    '--from',
    '--limit',
    '--plane',
    '--wait',
    '--all',
    '--verbose',
    '--version',
  ],
  ...['local', 'prod', 'order', 'order,payment', 'blue', 'red', '7', 'r-7', '-1', '1e9', 'NaN'],
  ...['', ' ', '-', '--', '---', '-x', '--env=', '--env=local', '--json=1', 'a b', '💥', '\uFFFF'],
  ...['__proto__', 'constructor', '--constructor', '--__proto__', '../x', '*', '$' + '(id)', '\n'],
]

function lineOf(seed: number): string[] {
  const roll = dice(seed)
  const verb = words[roll(19)] ?? ''
  const rest = Array.from({ length: roll(6) }, () => words[roll(words.length)] ?? '')
  return roll(5) === 0 ? rest : [verb, ...rest]
}

/** A project whose cluster and registry do not exist. */
async function project(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const cluster = 'cluster: { context: none, registry: "127.0.0.1:1" }'
  const text = configText.replace('cluster: embedded', cluster)
  await writeFile(join(folder, 'shopctl.yaml'), text)
  return folder
}

it('500 command lines are done or refused', async () => {
  const folder = await project()
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  vi.stubEnv('KUBECONFIG', join(folder, 'none'))
  const written = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockReturnValue(true),
  )
  onTestFinished(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })
  const { signal } = new AbortController()
  const codes = new Set<number>()
  for (let seed = 1; seed <= 500; seed++) {
    const argv = lineOf(seed)
    const exitCode = await runProgram(argv, signal).catch((error) => {
      refusalOf(error, argv.join(' '))
      return 2
    })
    codes.add(exitCode)
  }
  for (const spy of written) spy.mockRestore()
  expect([...codes].sort()).toEqual([0, 2])
}, 120_000)

it('so are some of both in the real program', async () => {
  const folder = await project()
  const launcher = join(root, 'cli/bin/shopctl.js')
  for (let seed = 1; seed <= 12; seed++) {
    const isLine = seed % 2 === 0
    if (!isLine) await writeFile(join(folder, 'shopctl.yaml'), mutated(configText, seed))
    // With --verbose, a refusal has a stack, as a bug has.
    const line = lineOf(seed).filter((word) => word !== '--verbose')
    const args = [launcher, ...(isLine ? line : ['status'])]
    const env = { KUBECONFIG: join(folder, 'none'), XDG_CACHE_HOME: folder }
    const { exitCode, output } = await createShell().run({
      program: process.execPath,
      args: args.map((word) => word.replaceAll('\0', '')),
      ...{ cwd: folder, env },
    })
    expect([0, 2], `${args.slice(1).join(' ')}\n${output}`).toContain(exitCode)
    expect(output).not.toMatch(/has a bug|\n\s+at /)
  }
}, 240_000)
