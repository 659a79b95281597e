// The command line at a real terminal, which util-linux's `script` makes.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { textWidth } from '../../src/output/text.ts'
import { configText } from '../fakes/config.ts'

// Each starts processes of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const cli = join(import.meta.dirname, '..', '..')
const shopctl = `'${process.execPath}' '${join(cli, 'bin/shopctl.js')}'`

interface Terminal {
  columns?: number
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Typed when the terminal asks a question. */
  answer?: string
}

/** Runs a line of a shell at a terminal. */
function atTerminal(
  line: string,
  { columns = 80, env = {}, cwd = cli, answer }: Terminal = {},
): Promise<{ exitCode: number | null; text: string }> {
  const { NO_COLOR, FORCE_COLOR, CI, ...inherited } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', `stty cols ${columns}; ${line}`, '/dev/null'], {
      cwd,
      env: { ...inherited, SHELL: '/bin/sh', TERM: 'xterm', ...env },
    })
    let text = ''
    child.stdout.on('data', (chunk) => {
      const asked = text.includes('[y/N]')
      text += chunk
      if (answer !== undefined && !asked && text.includes('[y/N]')) child.stdin.write(answer)
    })
    child.on('error', reject)
    child.on('close', (exitCode) => resolve({ exitCode, text }))
  })
}

function widest(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split(/[\r\n]+/)
      .map(textWidth),
  )
}

const colored = '\u001b['

describe.each([40, 60, 80])('at %i columns', (columns) => {
  it('the help of every command fits', async () => {
    const words = [
      ...['', 'deploy', 'switch', 'rollback', 'release', 'history', 'audit', 'messages'],
      ...['history show', 'messages show', 'messages replay', 'platform', 'platform logs'],
    ]
    const helps = words.map((each) => `${shopctl} ${each} --help`)
    const { exitCode, text } = await atTerminal(helps.join(' && '), { columns })
    expect(exitCode).toBe(0)
    expect(text.match(/Usage:/g)).toHaveLength(words.length)
    expect(widest(text)).toBeLessThanOrEqual(columns)
  })

  it('an error fits', async () => {
    const { exitCode, text } = await atTerminal(`${shopctl} release --deploy-timeout 3000000`, {
      columns,
    })
    expect(exitCode).toBe(2)
    expect(text).toContain('--deploy-timeout')
    expect(widest(text)).toBeLessThanOrEqual(columns)
  })
})

describe('colors', () => {
  const help = `${shopctl} --help`
  const error = `${shopctl} depoy`
  it.each<[string, string, NodeJS.ProcessEnv, boolean]>([
    ['a terminal', help, {}, true],
    ['NO_COLOR', help, { NO_COLOR: '1' }, false],
    ['FORCE_COLOR=0', help, { FORCE_COLOR: '0' }, false],
    ['TERM=dumb', help, { TERM: 'dumb' }, false],
    ['FORCE_COLOR=3 and TERM=dumb', help, { FORCE_COLOR: '3', TERM: 'dumb' }, true],
    ['a pipe', `${help} | cat`, {}, false],
    ['a pipe and FORCE_COLOR=1', `${help} | cat`, { FORCE_COLOR: '1' }, true],
    ['an error', error, {}, true],
    ['an error and NO_COLOR', error, { NO_COLOR: '1' }, false],
    ['an error whose stdout is a pipe', `${error} --json | grep -v version`, {}, true],
    ['an error in a pipe', `${error} 2>&1 >/dev/null | cat`, {}, false],
    ['an error in a pipe and FORCE_COLOR=2', `${error} 2>&1 | cat`, { FORCE_COLOR: '2' }, true],
  ])('%s', async (_, line, env, expected) => {
    const { text } = await atTerminal(line, { env })
    expect(text.trim()).not.toBe('')
    expect(text.includes(colored)).toBe(expected)
  })
})

describe('a step at a terminal', () => {
  const title = 'wait for the slots of order, inventory, payment and notification'
  const script = `
    import { createProgress } from '${join(cli, 'src/output/progress.ts')}'
    const progress = createProgress(() => performance.now())
    await progress.step('${title}', async (say) => {
      say('two\\nof three')
      await new Promise((resolve) => setTimeout(resolve, 1_200))
    })
    progress.warn('${title}')`
  const line = `'${process.execPath}' --input-type=module --eval "$SCRIPT"`
  const frames = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/

  it('has a spinner in one line, whose colors are those of stderr', async () => {
    const options = { columns: 40, env: { SCRIPT: script } }
    const { exitCode, text } = await atTerminal(`${line} | cat`, options)
    expect(exitCode).toBe(0)
    expect(text).toMatch(frames)
    expect(text).toContain('\u001b[32m⠋\u001b[39m')
    // A sequence that moves the cursor begins a new line.
    const lines = text.split(/\r?\n|\p{Cc}\[\??\d*[AGKhl]/u)
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(40)
    expect(stripVTControlCharacters(text)).toMatch(/✓ wait [\s\S]*notification\s+1\.\d\s+s/)
  })

  it('is without colors where stderr has none', async () => {
    const env = { SCRIPT: script, NO_COLOR: '1' }
    const { text } = await atTerminal(line, { columns: 40, env })
    expect(text).toMatch(frames)
    expect(text).not.toMatch(/\p{Cc}\[\d*m/u)
  })

  it.each([{ TERM: 'dumb' }, { CI: 'true' }])('is plain lines with %j', async (env) => {
    const { text } = await atTerminal(line, { env: { SCRIPT: script, NO_COLOR: '1', ...env } })
    expect(text.split('\r\n').slice(0, 2)).toEqual([
      `- ${title}`,
      expect.stringMatching(`^✓ ${title} \\d\\.\\d s$`),
    ])
  })
})

describe('a question', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'question-'))
    const text = configText.replace('namespace: shop', 'namespace: shop\n    protected: true')
    await writeFile(join(folder, 'shopctl.yaml'), text)
  })
  afterEach(() => rm(folder, { recursive: true }))

  it.each([
    ['no', 'n\r', 2, /^✗ .*was not confirmed/m],
    ['nothing', '\r', 2, /^✗ .*was not confirmed/m],
    ['the end of the input', '\u0004', 2, /^✗ .*was not confirmed/m],
    ['Ctrl-C', '\u0003', 130, /^✗ Interrupted\.\s+Nothing was changed/m],
  ])('answered with %s changes nothing', async (_, answer, exitCode, says) => {
    const shown = await atTerminal(`${shopctl} switch`, { cwd: folder, answer })
    expect(shown.text).toMatch(/switch .* in local\? \[y\/N\]/)
    expect(stripVTControlCharacters(shown.text)).toMatch(says)
    expect(shown.exitCode).toBe(exitCode)
  })
})
