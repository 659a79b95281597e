// The shell with real programs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createShell, withoutProxy } from '../../src/adapters/shell.ts'

const shell = createShell()
function sh(script: string) {
  return { program: 'sh', args: ['-c', script] }
}

/** A zombie has ended. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')
  return !/\) Z/.test(stat)
}

describe('shell', () => {
  it('returns output and exit code', async () => {
    expect(await shell.run(sh('echo out; echo err >&2; exit 3'))).toMatchObject({
      exitCode: 3,
      stdout: 'out',
      stderr: 'err',
    })
  })

  it('leaves out the secrets that a script announces to the runner of GitHub', async () => {
    const lines: string[] = []
    const script = 'echo ::add-mask::secret >&2; echo kept >&2; echo " ::add-mask::secret"; exit 1'
    const ended = await shell.run(sh(script), (line) => lines.push(line))
    expect([ended.stderr, ended.output.trim(), lines]).toEqual(['kept', 'kept', ['kept']])
    await expect(shell.check(sh(script))).rejects.not.toThrow(/secret/)
  })

  it('fails with the last lines of stderr when a check fails', async () => {
    const failing = shell.check(sh('seq 100 >&2; exit 1'))
    await expect(failing).rejects.toMatchObject({ kind: 'failed', code: 'program-failed' })
    await expect(failing).rejects.toThrow(/\n100$/)
    await expect(failing).rejects.not.toThrow(/\n88\n/)
  })

  it('reports a program that Ctrl-C ended as an interruption, not as a failure', async () => {
    await expect(shell.check(sh('kill -INT $$'))).rejects.toMatchObject({ kind: 'interrupted' })
  })

  it.each([
    ['TERM', 143],
    ['KILL', 137],
  ])('reports the end by SIG%s as a shell does', async (signal, exitCode) => {
    expect(await shell.run(sh(`kill -${signal} $$`))).toMatchObject({ exitCode })
  })

  it('ends a program that takes too long, with its last lines, the limit and its setting', async () => {
    const limit = { seconds: 0.3, setting: '`timeouts.build` of shopctl.yaml' }
    await expect(shell.run({ ...sh('echo still at it; sleep 60'), limit })).rejects.toMatchObject({
      kind: 'failed',
      code: 'timed-out',
      message:
        'sh -c did not end within 0.3 s, the limit of `timeouts.build` of shopctl.yaml. Its last lines:\nstill at it',
    })
  })

  it.each<[string, (script: string) => Promise<unknown>]>([
    [
      'takes too long',
      (script) => shell.run({ ...sh(script), limit: { seconds: 0.3, setting: '' } }),
    ],
    ['is interrupted', (script) => shell.run({ ...sh(script), signal: AbortSignal.timeout(300) })],
  ])('ends the children of a program that %s, and does not wait for them', async (_, run) => {
    const file = join(await mkdtemp(join(tmpdir(), 'shell-')), 'child')
    // The child keeps the output open, also when its parent has ended.
    for (const wait of ['wait', 'exit 0']) {
      await expect(run(`sleep 60 & echo $! > ${file}; ${wait}`)).rejects.toThrow()
      const child = (await readFile(file, 'utf8')).trim()
      await vi.waitFor(async () => expect(await isAlive(child)).toBe(false))
    }
  })

  it('kills what ignores SIGTERM', async () => {
    const stubborn = sh("trap '' TERM; while :; do sleep 1; done")
    const running = shell.run({ ...stubborn, limit: { seconds: 0.3, setting: '' } })
    await expect(running).rejects.toMatchObject({ code: 'timed-out' })
  }, 15_000)

  it('waits no longer for what has left the process group and keeps the output open', async () => {
    const left = `require('node:child_process').spawn('sleep', ['20'], { detached: true, stdio: 'inherit' })`
    const args = ['-e', `console.log('begun'); ${left}`]
    const limit = { seconds: 0.5, setting: 'timeouts.script' }
    const from = performance.now()
    const run = createShell().run({ program: process.execPath, args, limit })
    await expect(run).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringContaining('begun'),
    })
    expect(performance.now() - from).toBeLessThan(15_000)
  })

  it('starts nothing after Ctrl-C', async () => {
    const signal = AbortSignal.abort()
    await expect(shell.run({ ...sh('exit 0'), signal })).rejects.toMatchObject({ exitCode: 130 })
  })

  it('keeps no output when only the lines are wanted', async () => {
    const lines: string[] = []
    const command = { ...sh('seq 3; echo err >&2'), keepOutput: false }
    const finished = await shell.run(command, (line) => lines.push(line))
    expect(finished).toEqual({ exitCode: 0, stdout: '', stderr: '', output: '' })
    expect(lines.sort()).toEqual(['1', '2', '3', 'err'])
  })

  it.each([
    { program: 'no-such-program' },
    { program: '/no/such/program' },
    { program: 'ls', env: { PATH: '/no/such/folder' } },
    { program: '/etc/passwd' },
    { program: 'ls', cwd: '/no/such/folder' },
  ])('names the program that cannot be started: $program', async (command) => {
    const missing = shell.run({ ...command, args: [] })
    await expect(missing).rejects.toThrow(`${command.program} could not be started`)
    await expect(missing).rejects.toMatchObject({ kind: 'refused', code: 'program-missing' })
  })

  it('starts a program by its path in the working directory', async () => {
    const there = { program: './shell.test.sh', args: ['a b', '', '*'], cwd: import.meta.dirname }
    expect(await shell.run(there)).toMatchObject({ exitCode: 7, stdout: '[a b][][*]' })
  })
})

describe('variables for what is reached directly', () => {
  const both = (list: string) => ({ NO_PROXY: list, no_proxy: list })
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['are none where no proxy is set', { NO_PROXY: 'a' }, {}],
    ['name the hosts', { HTTPS_PROXY: 'p' }, both('10.0.0.0/8,.svc')],
    ['name them in either spelling', { all_proxy: 'p' }, both('10.0.0.0/8,.svc')],
    [
      'keep what is exempt already',
      { http_proxy: 'p', NO_PROXY: 'a,b' },
      both('a,b,10.0.0.0/8,.svc'),
    ],
    ['keep it in either spelling', { HTTP_PROXY: 'p', no_proxy: 'a' }, both('a,10.0.0.0/8,.svc')],
  ])('%s', (_, env, expected) => {
    expect(withoutProxy(['10.0.0.0/8', '.svc'], env)).toEqual(expected)
  })
})

async function alive(pids: readonly string[]): Promise<string[]> {
  const states = await Promise.all(pids.map(isAlive))
  return pids.filter((_, index) => states[index])
}

/** Prints its own pid and that of a child. Both ignore the signals that a terminal sends. */
const family = `trap '' INT TERM HUP; sleep 60 & echo $$ $!; wait; wait`

describe('the programs of a shopctl', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('die with it when it gets %s', async (signal) => {
    const shellFile = join(import.meta.dirname, '../../src/adapters/shell.ts')
    const script = `import { createShell } from ${JSON.stringify(shellFile)}
      await createShell().run({ program: 'sh', args: ['-c', ${JSON.stringify(family)}] }, console.log)`
    const parent = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script])
    const [line] = await once(parent.stdout, 'data')
    const pids = String(line).trim().split(' ')
    expect(await alive(pids)).toHaveLength(2)
    parent.kill(signal)
    await expect.poll(() => alive(pids)).toEqual([])
  })

  it('may leave something behind when they end by themselves', async () => {
    const { stdout } = await shell.run(sh('sleep 60 >/dev/null 2>&1 & echo $!'))
    onTestFinished(() => void process.kill(Number(stdout)))
    await setTimeout(100)
    expect(await isAlive(stdout)).toBe(true)
  })

  it('may kill their own process group', async () => {
    expect(await shell.run(sh('kill -s KILL -- -$$'))).toMatchObject({ exitCode: 137 })
  })
})
