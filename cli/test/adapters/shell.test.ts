// The shell with real programs.
import { describe, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'

const shell = createShell()
function sh(script: string) {
  return { program: 'sh', args: ['-c', script] }
}

describe('shell', () => {
  it('returns output and exit code', async () => {
    expect(await shell.run(sh('echo out; echo err >&2; exit 3'))).toMatchObject({
      exitCode: 3,
      stdout: 'out',
      stderr: 'err',
    })
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

  it('reports a program that took too long as ended by SIGTERM', async () => {
    const late = { program: 'sleep', args: ['9'], timeoutMs: 50 }
    expect(await shell.run(late)).toMatchObject({ exitCode: 143 })
  })

  it('keeps no output when only the lines are wanted', async () => {
    const lines: string[] = []
    const command = { ...sh('seq 3; echo err >&2'), keepOutput: false }
    const finished = await shell.run(command, (line) => lines.push(line))
    expect(finished).toEqual({ exitCode: 0, stdout: '', stderr: '', output: '' })
    expect(lines.sort()).toEqual(['1', '2', '3', 'err'])
  })

  it('names a missing program', async () => {
    const missing = shell.run({ program: 'no-such-program', args: [] })
    await expect(missing).rejects.toThrow(/no-such-program/)
    await expect(missing).rejects.toMatchObject({ kind: 'refused', code: 'program-missing' })
  })
})
