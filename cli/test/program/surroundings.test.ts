// The launcher where the machine is unusual: no user, no home, no folder, and a terminal that answers in odd ways.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { configText } from '../fakes/config.ts'

vi.setConfig({ testTimeout: 20_000 })

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')
const shell = createShell()
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surroundings-'))
  await writeFile(join(folder, 'shopctl.yaml'), configText)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a uid without an entry in /etc/passwd and without HOME', () => {
  const uid = 12_345
  const asUid = [
    'env',
    '-i',
    'PATH=/usr/bin:/bin',
    'setpriv',
    '--reuid',
    `${uid}`,
    '--clear-groups',
  ]
  async function shopctl(...args: string[]) {
    await shell.check({ program: 'chown', args: ['-R', `${uid}`, folder] })
    const [program = '', ...rest] = [...asUid, process.execPath, launcher, ...args]
    return shell.run({ program, args: rest, cwd: folder })
  }

  it.each([['status'], ['plan'], ['platform', 'status']])(
    'gets the hint to set HOME from %s of the embedded platform',
    async (...args) => {
      const { exitCode, stderr } = await shopctl(...args)
      expect(stderr).toMatch(/HOME is not set[\s\S]*Set HOME/)
      expect(exitCode).toBe(2)
    },
  )

  it('learns what is missing of another cluster', async () => {
    const cluster = 'cluster: { context: far, registry: "127.0.0.1:1" }'
    await writeFile(join(folder, 'shopctl.yaml'), configText.replace('cluster: embedded', cluster))
    const { exitCode, stderr } = await shopctl('status')
    expect(stderr).toMatch(/There is no kubeconfig[\s\S]*Set KUBECONFIG/)
    expect(exitCode).toBe(2)
  })
})

it('a folder that was deleted is named', async () => {
  const line = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"'
  const args = ['-c', line, process.execPath, launcher, 'status']
  const { exitCode, stderr } = await shell.run({ program: 'sh', args, cwd: folder })
  expect(stderr).toMatch(/The current folder was deleted/)
  expect(exitCode).toBe(2)
})

describe('the question of a protected environment', () => {
  beforeEach(async () => {
    const text = configText.replace('namespace: shop', 'namespace: shop\n    protected: true')
    await writeFile(join(folder, 'shopctl.yaml'), text)
  })
  const command = `'${process.execPath}' '${launcher}' cleanup`

  /** Types `keys` at a terminal when the question is there. */
  async function answer(keys: string) {
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      cwd: folder,
    })
    let screen = ''
    child.stdout.on('data', (chunk) => {
      if (!screen.includes('[y/N]') && `${screen}${chunk}`.includes('[y/N]'))
        child.stdin.write(keys)
      screen += chunk
    })
    const exitCode = await new Promise((resolve) => child.on('exit', resolve))
    child.stdin.end()
    return { exitCode, screen }
  }

  it.each([
    ['Ctrl-C', '\x03', 130, /Interrupted\.\s+Nothing was changed\./],
    ['Ctrl-D', '\x04', 2, /was not confirmed/],
    ['n', 'n\r', 2, /was not confirmed/],
    ['nothing', '\r', 2, /was not confirmed/],
    ['half a word and Ctrl-C', 'ye\x03', 130, /Interrupted/],
    ['garbage', '\x1b[A\x00ÿ\r', 2, /was not confirmed/],
  ])('answered by %s', async (_, keys, expected, message) => {
    const { exitCode, screen } = await answer(keys)
    expect(screen).toMatch(message)
    expect(screen).not.toMatch(/bug|\n\s+at /)
    expect(exitCode).toBe(expected)
  })

  it.each([
    ['closed', '<&-'],
    ['a pipe that says yes', '< <(yes)'],
    ['nothing', '</dev/null'],
    ['a folder', '< .'],
    ['a file', '< shopctl.yaml'],
  ])('is not asked when stdin is %s', async (_, redirection) => {
    const args = ['-c', `${command} ${redirection}`]
    const { exitCode, stderr } = await shell.run({ program: 'bash', args, cwd: folder })
    expect(stderr).toMatch(/was not confirmed[\s\S]*--yes/)
    expect(exitCode).toBe(2)
  })
})

describe('the output', () => {
  it.each([
    ['goes to a full disk', '--help >/dev/full', 1, /could not be written: ENOSPC/],
    ['is JSON for a full disk', 'platform status --json >/dev/full', 1, /ENOSPC/],
    ['is read in part', '--help | head -1', 0, /^$/],
  ])('%s', async (_, rest, exitCode, says) => {
    const script = `set -o pipefail; '${process.execPath}' '${launcher}' ${rest}`
    const run = await shell.run({ program: 'bash', args: ['-c', script], cwd: folder })
    expect(run.stderr).toMatch(says)
    expect(run.exitCode).toBe(exitCode)
  })
})
