// Ctrl-C: the first stops a command in order, a later one at once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { configText } from '../fakes/config.ts'

const workflow = { GITHUB_ACTIONS: 'true' }
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')

/** A cluster that accepts connections and never answers, and the folder of a project there. */
async function silentCluster() {
  const folder = await mkdtemp(join(tmpdir(), 'interrupt-'))
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(folder, 'kubeconfig')
  const named = { name: 'silent', context: { cluster: 'silent', user: 'silent' } }
  await writeFile(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'silent', contexts: [named] },
      clusters: [{ name: 'silent', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: 'silent', user: {} }],
    }),
  )
  const cluster = '{ context: silent, registry: "127.0.0.1:1" }'
  await writeFile(
    join(folder, 'shopctl.yaml'),
    configText.replace(/cluster: embedded/, `cluster: ${cluster}`),
  )
  return { folder, kubeconfig, connected: once(server, 'connection') }
}

/** `shopctl cleanup`, which gets two signals 1.2 s apart. */
async function interruptedTwice(signals: [NodeJS.Signals, NodeJS.Signals], variables = {}) {
  const { folder, kubeconfig, connected } = await silentCluster()
  const env = { ...process.env, KUBECONFIG: kubeconfig, ...variables }
  const child = spawn(process.execPath, [launcher, 'cleanup'], { cwd: folder, env })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'exit')
  await connected
  child.kill(signals[0])
  await setTimeout(1_200)
  child.kill(signals[1])
  return { status: await ended, stderr }
}

it('the second Ctrl-C says that it stopped at once, and what to run', async () => {
  const { status, stderr } = await interruptedTwice(['SIGINT', 'SIGINT'])
  expect(status).toEqual([130, null])
  expect(stderr).toBe('Stopped at once. The lock expires within 15 s; run `shopctl status`.\n')
}, 20_000)

it('a cancelled job gets SIGINT and then SIGTERM: it uses the rest of its time', async () => {
  const { status, stderr } = await interruptedTwice(['SIGINT', 'SIGTERM'], workflow)
  // The end of its own: the cluster did not answer.
  expect(status).toEqual([2, null])
  expect(stderr).not.toContain('Stopped at once')
}, 20_000)
