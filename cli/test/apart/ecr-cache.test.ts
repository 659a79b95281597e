// A build whose cache is in Amazon ECR, with a builder of the driver docker-container, as setup-buildx-action makes one:
// it writes the cache, and a machine that has built nothing reads it. The policy push.json has the rights for both.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { removeFolder } from '../../src/platform/mounts.ts'
import { actionsOf, allows } from './aws-rights.ts'
import { boxBuilder, buildBuildkit, type Engine, importBuildkit, startEngine } from './builders.ts'
import { type EcrScene, ecrHost, startEcr } from './ecr-scene.ts'

/** There is no mirror of Docker Hub, and no image from there. */
const registry = '127.0.0.1:1'
const stops: (() => Promise<void>)[] = []
let folder = ''
let project = ''
let ecr: EcrScene
let engine: Engine

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ecr-cache-'))
  project = join(folder, 'project')
  mkdirSync(project)
  ecr = await startEcr(project)
  stops.push(ecr.stop)
  const buildkit = await buildBuildkit()
  engine = await startEngine(join(folder, 'engine'), {
    ...{ registry, containerd: false, init: buildkit.init },
    env: { HTTPS_PROXY: ecr.proxy, NO_PROXY: '', SSL_CERT_FILE: ecr.ca },
  })
  stops.push(engine.stop)
  const image = 'local/buildkit:1'
  await importBuildkit(engine, buildkit, { folder: join(folder, 'buildkit'), reference: image })
  const { proxy, ca } = ecr
  await boxBuilder(engine, { image, registry, folder, through: { host: ecrHost, proxy, ca } })
  stops.push(async () => void (await engine.docker('buildx', 'rm', 'boxed')))
  await engine.docker('buildx', 'use', 'boxed')
}, 900_000)
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await removeFolder(createShell(), folder)
})

async function shopctl(verb: 'build' | 'push'): Promise<string> {
  const { BUILDX_BUILDER: _, ...docker } = engine.env
  const { exitCode, stderr } = await ecr.shopctl(docker, [verb])
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  return stderr
}

it('is written and read with what the policy push allows, all of it and nothing else', async () => {
  const { recorder } = ecr
  expect(await shopctl('build')).not.toMatch(/cache/)
  expect(await ecr.tags()).toEqual(['cache'])
  const written = recorder.calls.map(({ action }) => action)
  expect(written).toEqual(expect.arrayContaining(['ecr:CompleteLayerUpload', 'ecr:PutImage']))
  await shopctl('push')
  await engine.docker('buildx', 'prune', '--all', '--force')
  writeFileSync(join(project, 'main.js'), 'two')
  expect(await shopctl('build')).not.toMatch(/cache/)
  const { calls, policy } = recorder
  // STS asks for no right to this.
  const used = calls.filter(({ action }) => action !== 'sts:GetCallerIdentity')
  expect([...new Set(used.map(({ action }) => action))].sort()).toEqual(actionsOf(policy))
  expect(used.filter((call) => !allows(policy, call))).toEqual([])
}, 120_000)
