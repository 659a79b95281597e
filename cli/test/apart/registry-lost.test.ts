// A registry that is lost in the middle of a push, with the real docker and registry programs.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { root } from '../real/shop.ts'
import { openWay } from '../real/way.ts'
import { type Engine, startEngine } from './engine.ts'
import { createProject, useRegistry } from './project.ts'
import { type RegistryServer, startRegistry } from './registry-server.ts'

const shell = createShell()
let folder = ''
let registry: RegistryServer
let engine: Engine

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-lost-'))
  registry = await startRegistry(join(folder, 'registry'))
  engine = await startEngine({})
  await createProject(folder, `${registry.address}/team`)
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
  await useRegistry(folder, `127.0.0.1:${way.port}/team`)
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  const { exitCode, stderr } = await shopctl('push')
  way.cut()
  expect(stderr).toContain(`127.0.0.1:${way.port}`)
  expect(exitCode).toBe(1)
  await useRegistry(folder, `${registry.address}/team`)
  for (const verb of ['build', 'push'] as const)
    expect(await shopctl(verb)).toMatchObject({ exitCode: 0 })
  // Docker tries it five times, in about 50 s.
}, 180_000)
