// The question of a protected environment, at a real terminal and in a pipe.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configText } from '../fakes/config.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')
let folder: string

const cluster = createServer((_, response) => {
  response.writeHead(404).end('{"kind":"Status","code":404,"message":"nothing is here"}')
})

/** A project whose cluster is empty: what is confirmed ends there. */
beforeAll(async () => {
  await once(cluster.listen(0, '127.0.0.1'), 'listening')
  const { port } = cluster.address() as AddressInfo
  folder = await mkdtemp(join(tmpdir(), 'confirm-'))
  const away = { name: 'away', context: { cluster: 'away', user: 'away' } }
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'away', contexts: [away] },
    clusters: [{ name: 'away', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'away', user: {} }],
  }
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig))
  const named = 'cluster: { context: away, registry: "127.0.0.1:1" }\n    protected: true'
  await writeFile(join(folder, 'shopctl.yaml'), configText.replace('cluster: embedded', named))
})
afterAll(async () => {
  cluster.close()
  await rm(folder, { recursive: true })
})

/** Runs shopctl at a terminal of its own, and types `keys` when it asks. */
async function atTerminal(args: readonly string[], keys: string) {
  const command = [process.execPath, launcher, ...args].join(' ')
  const env = { ...process.env, KUBECONFIG: join(folder, 'kubeconfig') }
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, env })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const asked = shown.includes('[y/N]')
    shown += chunk
    if (!asked && shown.includes('[y/N]')) child.stdin.write(keys)
  })
  const [exitCode] = await once(child, 'close')
  return { exitCode, shown }
}

const verbs = [
  ...['deploy', 'switch', 'rollback', 'resume', 'release', 'cleanup'],
  ...['messages replay --all', 'messages discard --all', 'messages discard m-1'],
]

describe.concurrent.each(verbs)('%s', { timeout: 30_000 }, (verb) => {
  const words = verb.split(' ')

  it('changes nothing without a yes', async () => {
    const { exitCode, shown } = await atTerminal(words, 'n\r')
    expect(shown).toMatch(/ in local\? \[y\/N\]/)
    const name = verb.replace(/ (--all|m-1)$/, '')
    expect(shown).toContain(`local is protected, and \`${name}\` was not confirmed.`)
    expect(exitCode).toBe(2)
  })

  it('goes on after a yes', async () => {
    const { shown } = await atTerminal(words, 'y\r')
    expect(shown).toContain('[y/N]')
    expect(shown).not.toContain('not confirmed')
  })
})

it('--yes is an answer, too', async () => {
  const { shown } = await atTerminal(['cleanup', '--yes'], '')
  expect(shown).not.toMatch(/\[y\/N\]|not confirmed/)
}, 30_000)

it.each([
  ['Ctrl-C', '\x03', 130, /Nothing was changed/],
  ['Ctrl-D', '\x04', 2, /not confirmed/],
  ['Enter alone', '\r', 2, /not confirmed/],
])(
  '%s ends it',
  async (_, keys, code, message) => {
    const { exitCode, shown } = await atTerminal(['cleanup'], keys)
    expect(shown).toMatch(message)
    expect(exitCode).toBe(code)
  },
  30_000,
)

it.each(['build', 'push', 'smoke'])(
  '%s does not ask: it changes nothing that is live',
  async (verb) => {
    const { shown } = await atTerminal(verb.split(' '), '')
    expect(shown).not.toContain('[y/N]')
  },
  30_000,
)
