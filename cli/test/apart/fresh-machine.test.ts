// What a machine builds that has built nothing yet: a fresh runner of CI, with a registry that others have filled.
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { removeFolder } from '../../src/platform/mounts.ts'
import { root } from '../real/shop.ts'
import {
  boxBuilder,
  buildBuildkit,
  type Engine,
  importBuildkit,
  pushBase,
  startEngine,
} from './builders.ts'
import { commit } from './project.ts'
import { startRegistry } from './registry-server.ts'

const shell = createShell()
const stops: (() => Promise<void>)[] = []
const services = ['order', 'payment']
vi.setConfig({ testTimeout: 120_000 })
let folder = ''
let project = ''
let engine: Engine

interface Output {
  images: { name: string; from: string; sent: boolean; reference: string }[]
}

/** A step that would run once more gives another id. */
const dockerfile = `FROM base:1
RUN --network=none read id < /proc/sys/kernel/random/uuid && echo $id > /id
COPY main.js /
`

function config(registry: string): string {
  const service = (name: string): string => `  ${name}:
    chart: chart
    build: { context: ${name}, inputs: [${name}] }
`
  return `name: shop
services:
${services.map(service).join('')}environments:
  prod:
    namespace: shop
    cluster: { context: far, registry: '${registry}/team', immutableTags: true }
`
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fresh-'))
  const registry = await startRegistry(folder)
  stops.push(registry.stop)
  const buildkit = await buildBuildkit()
  const at = registry.address
  engine = await startEngine(join(folder, 'engine'), {
    ...{ registry: at, containerd: false, init: buildkit.init },
  })
  stops.push(engine.stop)
  await pushBase(engine, { folder: join(folder, 'base'), reference: `${at}/library/base:1` })
  const image = 'local/buildkit:1'
  await importBuildkit(engine, buildkit, { folder: join(folder, 'buildkit'), reference: image })
  await boxBuilder(engine, { image, registry: at, folder })
  stops.push(async () => void (await engine.docker('buildx', 'rm', 'boxed')))
  await engine.docker('buildx', 'use', 'boxed')

  project = join(folder, 'project')
  mkdirSync(join(project, 'chart'), { recursive: true })
  writeFileSync(join(project, 'shopctl.yaml'), config(at))
  for (const name of services) {
    mkdirSync(join(project, name))
    writeFileSync(join(project, name, 'Dockerfile'), dockerfile)
    writeFileSync(join(project, name, 'main.js'), `// ${name}\n`)
  }
  await commit(project)
}, 900_000)
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await removeFolder(shell, folder)
})

/** Runs shopctl as a user whose home folder is new: it has no record of what was pushed. */
async function shopctl(
  home: string,
  verb: 'build' | 'push',
  more: Record<string, string> = {},
): Promise<Output & { stderr: string }> {
  mkdirSync(join(folder, home), { recursive: true })
  const { BUILDX_BUILDER: _, ...docker } = engine.env
  const env = { ...docker, HOME: join(folder, home), XDG_CACHE_HOME: '', ...more }
  const launcher = join(root, 'cli/bin/shopctl.js')
  const command = [launcher, verb, '--env', 'prod']
  const ran = await shell.run({
    program: process.execPath,
    args: [...command, '--json'],
    cwd: project,
    env,
  })
  if (ran.exitCode !== 0) throw new Error(`${ran.exitCode}: ${ran.stderr}`)
  return { ...JSON.parse(ran.stdout), stderr: ran.stderr }
}

async function emptyMachine(): Promise<void> {
  await engine.docker('buildx', 'prune', '--all', '--force')
  const ids = (
    await engine.docker('images', '--quiet', '--no-trunc', '127.0.0.1:*/team/*/*')
  ).split('\n')
  await engine.docker('image', 'rm', '--force', ...new Set(ids.filter(Boolean)))
}

/** The layers of an image in the registry. */
async function layersOf(reference: string): Promise<string[]> {
  const [, host, name, digest] = /^([^/]+)\/(.+)@(.+)$/.exec(reference) ?? []
  const accept = 'application/vnd.docker.distribution.manifest.v2+json'
  const url = `http://${host}/v2/${name}/manifests/${digest}`
  const manifest = await (await fetch(url, { headers: { accept } })).json()
  return (manifest as { layers: { digest: string }[] }).layers.map(({ digest }) => digest)
}

const fromOf = ({ images }: Output) => images.map(({ from }) => from)
const sentOf = ({ images }: Output) => images.map(({ sent }) => sent)

it('where nothing changed nothing is built, and where one service changed it alone is', async () => {
  expect(fromOf(await shopctl('first', 'build'))).toEqual(['built', 'built'])
  const first = await shopctl('first', 'push')
  expect(sentOf(first)).toEqual([true, true])

  await emptyMachine()
  const unchanged = await shopctl('second', 'build')
  expect(fromOf(unchanged)).toEqual(['registry', 'registry'])
  expect(unchanged.stderr).not.toMatch(/cache|warn/)
  expect(sentOf(await shopctl('second', 'push'))).toEqual([false, false])
  // Nor was any base image fetched, for the advice about newer ones.
  expect(await engine.docker('buildx', 'du')).toMatch(/Total:\s+[\d.]+k?B/)

  appendFileSync(join(project, 'order/main.js'), '// one line\n')
  const changed = await shopctl('second', 'build')
  expect(fromOf(changed)).toEqual(['built', 'registry'])
  const second = await shopctl('second', 'push')
  expect(sentOf(second)).toEqual([true, false])
  // The step before the change came from the cache in the registry.
  const before = await layersOf(first.images[0]?.reference ?? '')
  const after = await layersOf(second.images[0]?.reference ?? '')
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2))
  expect(after[2]).not.toBe(before[2])
})

it('with a builder that is gone nothing is built', async () => {
  appendFileSync(join(project, 'order/main.js'), '// another line\n')
  const building = shopctl('second', 'build', { BUILDX_BUILDER: 'no-such-builder' })
  await expect(building).rejects.toThrow(
    /^2: [\s\S]*no builder "no-such-builder" found[\s\S]*docker buildx ls/,
  )
})
