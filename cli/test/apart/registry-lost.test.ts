// A registry that is lost in the middle of a push, with the real docker and registry programs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { root } from '../real/shop.ts'
import { openWay } from '../real/way.ts'
import { type Engine, startEngine } from './engine.ts'
import { type RegistryServer, startRegistry } from './registry-server.ts'

const shell = createShell()
let folder = ''
let registry: RegistryServer
let engine: Engine

const configOf = (address: string): string => `name: shop
services:
  order:
    chart: chart
    build: { context: ., inputs: [main.js] }
environments:
  prod:
    namespace: shop
    cluster: { context: far, registry: '${address}/team' }
`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-lost-'))
  registry = await startRegistry(join(folder, 'registry'))
  engine = await startEngine({})
  const files = { Dockerfile: 'FROM scratch\nCOPY main.js /\n', 'main.js': '// one\n' }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const user = ['-c', 'user.name=a', '-c', 'user.email=a@b']
  for (const args of [
    ['init', '--quiet'],
    ['add', ...Object.keys(files)],
    ['commit', '--quiet', '--message=One'],
  ])
    await shell.check({ program: 'git', args: [...user, ...args], cwd: folder })
})
afterAll(async () => {
  await engine?.stop()
  await registry?.stop()
  await rm(folder, { recursive: true, force: true })
})

function shopctl(verb: 'build' | 'push'): Promise<Finished> {
  const args = [join(root, 'cli/bin/shopctl.js'), verb, '--env', 'prod']
  const env = { ...engine.env, HOME: folder, XDG_CACHE_HOME: '' }
  return shell.run({ program: process.execPath, args, cwd: folder, env })
}

test('the push says which, and the next one works', async () => {
  const [host = '', port] = registry.address.split(':')
  const way = await openWay(host, Number(port), (head) => /^(POST|PATCH|PUT) /.test(head))
  await writeFile(join(folder, 'shopctl.yaml'), configOf(`127.0.0.1:${way.port}`))
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  const { exitCode, stderr } = await shopctl('push')
  way.cut()
  expect(stderr).toContain(`127.0.0.1:${way.port}`)
  expect(exitCode).toBe(1)
  await writeFile(join(folder, 'shopctl.yaml'), configOf(registry.address))
  for (const verb of ['build', 'push'] as const)
    expect(await shopctl(verb)).toMatchObject({ exitCode: 0 })
  // Docker tries it five times, in about 50 s.
}, 180_000)
