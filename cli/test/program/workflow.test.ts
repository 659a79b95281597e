// The launcher in a job of GitHub Actions, against a cluster on this machine that has nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Event, payloads } from '../../src/release/ports/events.ts'
import { configText } from '../fakes/config.ts'

vi.setConfig({ testTimeout: 20_000 })

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')
let folder = ''
let asked: string[] = []
let stop: () => void = () => {}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'workflow-'))
  asked = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ kind: 'List', metadata: {}, items: [] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
  const { port } = server.address() as AddressInfo
  const kubeconfig = {
    clusters: [{ name: 'far', cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [{ name: 'far', context: { cluster: 'far', user: 'far' } }],
    users: [{ name: 'far', user: {} }],
  }
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig))
  const cluster = 'cluster: { context: far, registry: "127.0.0.1:1" }'
  await writeFile(join(folder, 'shopctl.yaml'), configText.replace('cluster: embedded', cluster))
})
afterEach(async () => {
  stop()
  await rm(folder, { recursive: true })
})

/** Not by a shell of shopctl, which leaves out masks. */
async function shopctl(args: string[], env: Record<string, string> = {}) {
  const variables = {
    ...{ KUBECONFIG: join(folder, 'kubeconfig'), GITHUB_ACTIONS: 'true' },
    // Both would make Node warn on the error output.
    ...{ FORCE_COLOR: '1', NO_COLOR: '' },
    ...{ GITHUB_ACTOR: 'octocat', GITHUB_WORKSPACE: folder },
    ...{ GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'acme/shop' },
    ...{ GITHUB_RUN_ID: '7', GITHUB_STEP_SUMMARY: join(folder, 'summary') },
    ...{ GITHUB_OUTPUT: join(folder, 'output'), SHOPCTL_EVENTS_FILE: join(folder, 'events') },
  }
  const child = spawn(process.execPath, [launcher, ...args], {
    cwd: folder,
    env: { ...process.env, ...variables, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [exitCode]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'exit'),
  ])
  return { exitCode, stdout, stderr: stderr.trimEnd() }
}

function read(name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8')
}

async function events(): Promise<Event[]> {
  const lines = (await read('events')).trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Event)
}

it('a command leaves one document, a summary and its events', async () => {
  const { exitCode, stdout, stderr } = await shopctl(['history', '--json'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({ version: 1 })
  expect(asked).not.toEqual([])
  expect(await read('summary')).toMatch(/^### ✓ shopctl history\n/)
  const told = await events()
  for (const { kind, payload } of told) payloads[kind].parse(payload)
  const run = 'https://github.com/acme/shop/actions/runs/7'
  expect(told).toMatchObject([
    { kind: 'command.started', payload: { command: 'history', by: 'octocat@github.com', run } },
    { kind: 'command.ended', payload: { exitCode: 0, result: JSON.parse(stdout) } },
  ])
})

it('a job that has prepared for another driver is refused before anything is asked', async () => {
  const { exitCode, stderr } = await shopctl(['deploy', '--yes'], { SHOPCTL_DRIVER: 'gitops' })
  expect(stderr).toContain('local is released by helm, and SHOPCTL_DRIVER says gitops.')
  expect({ exitCode, asked }).toEqual({ exitCode: 2, asked: [] })
  const same = await shopctl(['history', '--json'], { SHOPCTL_DRIVER: 'helm' })
  expect(same.exitCode).toBe(0)
})

it('its secrets are those of the job, by commands on stderr, and stdout stays one document', async () => {
  const file = join(folder, 'kubeconfig')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('"user":{}', '"user":{"token":"of-the-cluster"}'))
  const webhook = 'https://hooks.slack.com/services/T/secret'
  const secrets = { GITHUB_TOKEN: 'ghs_secret', SHOPCTL_SLACK_WEBHOOK: webhook }
  const { exitCode, stdout, stderr } = await shopctl(['history', '--json'], secrets)
  const masks = [webhook, 'ghs_secret', 'of-the-cluster'].map((each) => `::add-mask::${each}`)
  expect({ exitCode, stderr: stderr.split('\n') }).toEqual({ exitCode: 0, stderr: masks })
  expect(JSON.parse(stdout)).toMatchObject({ version: 1 })
  const written = [stdout, await read('events'), await read('summary')].join('')
  expect(written).not.toMatch(/secret|of-the-cluster/)
  const outside = await shopctl(['history', '--json'], { ...secrets, GITHUB_ACTIONS: '' })
  expect(outside).toMatchObject({ exitCode: 0, stderr: '' })
})

it('a command that is refused leaves an annotation, a summary and an event', async () => {
  const { exitCode, stdout, stderr } = await shopctl(['history', 'show', 'r-9', '--json'])
  expect(exitCode).toBe(2)
  const { error } = JSON.parse(stdout)
  expect(stderr).toMatch(/^::error title=shopctl history::/m)
  expect(await read('summary')).toMatch(/^### ✗ shopctl history\n/)
  expect((await events()).at(-1)).toMatchObject({
    payload: { command: 'history show', exitCode: 2, result: null, error },
  })
})

it('a mistake in shopctl.yaml is shown at its line', async () => {
  const text = await read('shopctl.yaml')
  await writeFile(join(folder, 'shopctl.yaml'), text.replace('namespace: shop', 'namespace: SHOP'))
  const { exitCode, stderr } = await shopctl(['status'])
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^::error title=shopctl status,file=shopctl.yaml,line=\d+,col=\d+::/m)
})

it('bad usage is an annotation too', async () => {
  const { exitCode, stderr } = await shopctl(['depoy'])
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^::error title=shopctl depoy::.*depoy/m)
})

describe('a file for the events that cannot be written', () => {
  it.each(['history', 'rollback', 'release'])(
    'stops %s before anything is asked or changed',
    async (verb) => {
      const file = join(folder, 'missing', 'events')
      const { exitCode, stdout, stderr } = await shopctl([verb], { SHOPCTL_EVENTS_FILE: file })
      expect(stderr).toMatch(/cannot be written to .*missing.*\n.*SHOPCTL_EVENTS_FILE/)
      expect({ exitCode, stdout, asked }).toEqual({ exitCode: 2, stdout: '', asked: [] })
    },
  )
})

it('outside of a workflow nothing of this is written', async () => {
  const nothing = { GITHUB_ACTIONS: '', SHOPCTL_EVENTS_FILE: '' }
  const { stderr } = await shopctl(['history', 'show', 'r-9'], nothing)
  expect(stderr).not.toContain('::')
  await expect(read('summary')).rejects.toThrow('ENOENT')
  await expect(read('events')).rejects.toThrow('ENOENT')
})
