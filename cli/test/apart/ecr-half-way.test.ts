// An Amazon ECR that answers 500 in the middle of a push, with the real docker: ministack has the images, and a server
// before it breaks the parts of layers that docker uploads.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { createHttpProxy, createServers, type Servers } from '../fakes/api-server.ts'
import { root } from '../real/shop.ts'
import { type AwsFake, serveTls, startMinistack } from './aws-fakes.ts'
import { type Recorder, startRecorder } from './aws-recorder.ts'
import { account, policyOf, region } from './aws-rights.ts'
import { type Engine, startEngine } from './engine.ts'

const shell = createShell()
const host = `${account}.dkr.ecr.${region}.amazonaws.com`
const config = `name: shop
services:
  order:
    chart: chart
    build: { context: ., inputs: [main.js] }
environments:
  prod:
    namespace: shop
    cluster: { context: far, registry: ${host}/shops }
`

let folder = ''
let servers: Servers
let fake: AwsFake
let recorder: Recorder
let engine: Engine
let env: Record<string, string> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ecr-half-way-'))
  servers = createServers()
  fake = await startMinistack()
  recorder = await startRecorder(servers, fake, (description) => description)
  recorder.policy = await policyOf('push', folder)
  const ca = join(servers.folder, 'ca.pem')
  const port = await serveTls(servers, { ...fake, url: recorder.url })
  const proxy = `http://127.0.0.1:${await servers.start(createHttpProxy(port, []))}`
  engine = await startEngine({ HTTPS_PROXY: proxy, NO_PROXY: '', SSL_CERT_FILE: ca })
  env = {
    ...{ ...engine.env, HOME: folder, XDG_CACHE_HOME: '', TMPDIR: folder },
    ...{ NODE_EXTRA_CA_CERTS: ca, HTTPS_PROXY: proxy, NO_PROXY: '127.0.0.1' },
    ...{ AWS_ENDPOINT_URL: recorder.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
  }
  const files = { Dockerfile: 'FROM scratch\nCOPY main.js /\n', 'shopctl.yaml': config }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await writeFile(join(folder, 'main.js'), 'one')
  const user = ['-c', 'user.name=a', '-c', 'user.email=a@b']
  for (const args of [
    ['init', '--quiet'],
    ['add', 'Dockerfile', 'shopctl.yaml', 'main.js'],
    ['commit', '--quiet', '--message=One'],
  ])
    await shell.check({ program: 'git', args: [...user, ...args], cwd: folder })
})
afterAll(async () => {
  await engine?.stop()
  await servers?.stopAll()
  servers?.remove()
  await fake?.stop()
  await rm(folder, { recursive: true, force: true })
})

function shopctl(...args: string[]): Promise<Finished> {
  const command = [join(root, 'cli/bin/shopctl.js'), ...args, '--env', 'prod']
  return shell.run({ program: process.execPath, args: command, cwd: folder, env })
}

/** All tags of the repository. */
async function tags(): Promise<string[]> {
  const found = await fetch(`${fake.url}/v2/shops/shop/order/tags/list`)
  const { tags } = (await found.json()) as { tags: string[] | null }
  return tags ?? []
}

function partsSent(): number {
  return recorder.calls.filter(({ action }) => action === 'ecr:UploadLayerPart').length
}

test('always: the push fails and no tag exists; the next one completes it', async () => {
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  recorder.broken = Number.POSITIVE_INFINITY
  const { exitCode, stderr } = await shopctl('push')
  expect(stderr).toMatch(/500 Internal Server Error/)
  expect(exitCode).toBe(1)
  expect(partsSent()).toBeGreaterThan(0)
  expect(await tags()).toEqual([])
  recorder.broken = 0
  expect(await shopctl('push')).toMatchObject({ exitCode: 0 })
  expect(await tags()).toHaveLength(2)
  // Docker tries it five times, in about 50 s.
}, 180_000)

test('once: the push survives it', async () => {
  await writeFile(join(folder, 'main.js'), 'two')
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  recorder.broken = 1
  recorder.calls.length = 0
  const { exitCode, stderr } = await shopctl('push')
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  expect(recorder.broken).toBe(0)
  expect(partsSent()).toBeGreaterThan(1)
  expect(await tags()).toHaveLength(4)
}, 60_000)
