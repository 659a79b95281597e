// The cache of builds in a registry, with each kind of builder that can build for shopctl. It needs no cluster.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { lendLogin } from '../../src/adapters/aws/ecr/docker-login.ts'
import { createDocker, type DockerOptions } from '../../src/adapters/docker/docker.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { removeFolder } from '../../src/platform/mounts.ts'
import type { BuildCache, ImageBuilder } from '../../src/release/ports/project.ts'
import { aLimit } from '../fakes/host.ts'
import {
  boxBuilder,
  buildBuildkit,
  type Engine,
  importBuildkit,
  pushBase,
  startBuildkit,
  startEngine,
} from './builders.ts'
import { type RegistryServer, startRegistry } from './registry-server.ts'

const long = { ...aLimit, seconds: 120 }
const shell = createShell()
const stops: (() => Promise<void>)[] = []
/** The bcrypt hash of `pa:ss word`. */
const hash = '$2y$05$abcdefghijklmnopqrstuuDvFYunEEkRAUw6hKd4mLN/wdxTQz.ki'
const noCache: BuildCache = { from: null, to: null }
vi.setConfig({ testTimeout: 120_000 })
let folder = ''
let registry: RegistryServer
let plain: Engine
let modern: Engine
let context = ''

/** A layer that only the step can make which runs once: it has a random id. */
const dockerfile = `FROM base:1 AS one
COPY before /
RUN --network=none read id < /proc/sys/kernel/random/uuid && echo $id > /id
FROM base:1
COPY --from=one /id /
COPY after /
`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cache-'))
  registry = await startRegistry(folder)
  stops.push(registry.stop)
  const buildkit = await buildBuildkit()
  const options = { registry: registry.address, init: buildkit.init }
  plain = await startEngine(join(folder, 'plain'), { ...options, containerd: false })
  stops.push(plain.stop)
  modern = await startEngine(join(folder, 'modern'), { ...options, containerd: true })
  stops.push(modern.stop)
  const { docker } = plain
  await pushBase(plain, {
    folder: join(folder, 'base'),
    reference: `${registry.address}/library/base:1`,
  })
  const remote = await startBuildkit(join(folder, 'remote'), buildkit, registry.address)
  stops.push(remote.stop)
  await docker('buildx', 'create', '--name=remote', '--driver=remote', remote.address)
  const image = 'local/buildkit:1'
  await importBuildkit(plain, buildkit, { folder: join(folder, 'buildkit'), reference: image })
  await boxBuilder(plain, { image, registry: registry.address, folder })
  stops.push(async () => void (await docker('buildx', 'rm', 'boxed')))
  context = join(folder, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), dockerfile)
  writeFileSync(join(context, 'before'), 'one')
}, 900_000)
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  await removeFolder(shell, folder)
})

interface Machine {
  engine: Engine
  builder: string
  builds: ImageBuilder
}

/** As after `docker buildx use`, without a variable. */
async function machineWith(
  engine: Engine,
  builder: string,
  withLogin?: DockerOptions['withLogin'],
): Promise<Machine> {
  await engine.docker('buildx', 'use', builder)
  const { BUILDX_BUILDER: _, ...env } = engine.env
  const builds = createDocker(shell, {
    ...{ program: 'docker', env, root: folder, signal: new AbortController().signal },
    limits: { inspect: aLimit, build: long, push: long },
    scratch: createScratch(),
    ...(withLogin && { withLogin }),
  })
  return { engine, builder, builds }
}

interface Made {
  id: string
  /** Of the engine: the layer of the step that runs once is the second one. */
  layers: string[]
  cacheProblems: string[]
}

async function make(
  { engine, builds }: Machine,
  cache: BuildCache,
  { after = 'one', fresh = false } = {},
): Promise<Made> {
  writeFileSync(join(context, 'after'), after)
  const { bases, cacheProblems } = await builds.solve({ context, fresh, cache })
  const labels = { 'dev.shopctl.inputs': after }
  const built = await builds.build({ context, labels, cacheFrom: cache.from })
  expect(built.bases).toEqual(bases)
  expect(bases).toMatchObject([{ name: 'docker.io/library/base:1' }])
  const inspected = await engine.docker('image', 'inspect', built.id)
  const { RootFS } = JSON.parse(inspected)[0]
  const problems = new Set([...cacheProblems, ...built.cacheProblems])
  return { id: built.id, layers: RootFS.Layers, cacheProblems: [...problems] }
}

/** What a machine is like that has built nothing yet. */
async function forget({ engine, builder }: Machine): Promise<void> {
  await engine.docker('buildx', 'prune', '--all', '--force', '--builder', builder)
  // Not the image of the builder.
  await engine.docker('image', 'prune', '--force')
}

describe.each([
  ['an engine', () => plain, 'default', false],
  ["an engine with containerd's store", () => modern, 'default', true],
  ['a builder of the driver docker-container', () => plain, 'boxed', true],
  ['a builder of the driver remote', () => plain, 'remote', true],
] as const)('%s', (name, engine, builder, writes) => {
  const repository = () => `${registry.address}/shop/${name.replaceAll(/\W+/g, '-')}`
  let machine: Machine
  beforeAll(async () => {
    machine = await machineWith(engine(), builder)
  })

  it('knows whether it can write a cache', async () => {
    expect(await machine.builds.writesCache()).toBe(writes)
  })

  it('takes what did not change from the cache in the registry, on an empty machine', async () => {
    const cache = `${repository()}:cache`
    // It reads what it wrote itself, if it can.
    const author = writes ? machine : await machineWith(modern, 'default')
    const first = await make(author, { from: null, to: cache }, { fresh: true })
    expect(first.cacheProblems).toEqual([])
    await forget(machine)
    const same = await make(machine, { from: cache, to: null })
    expect(same).toMatchObject({ layers: first.layers, cacheProblems: [] })
    await forget(machine)
    const again = await make(machine, { from: cache, to: null }, { after: 'two' })
    expect(again.cacheProblems).toEqual([])
    expect(again.layers[1]).toBe(first.layers[1])
    expect(again.layers[2]).not.toBe(first.layers[2])
    await forget(machine)
    const without = await make(machine, noCache)
    expect(without.layers[1]).not.toBe(first.layers[1])
  })

  it('hands its image to the engine, which pushes it with its labels', async () => {
    const { id } = await make(machine, noCache, { after: 'three' })
    const reference = `${repository()}:1`
    await machine.builds.tag(id, [reference])
    expect(await machine.builds.labels(reference)).toEqual({ 'dev.shopctl.inputs': 'three' })
    const digest = await machine.builds.push(reference)
    const images = createRegistry({ limit: aLimit })
    expect(await images.digest(repository(), '1')).toBe(digest)
    expect(await images.labels(repository(), digest)).toMatchObject({
      'dev.shopctl.inputs': 'three',
    })
    const inspected = JSON.parse(await machine.engine.docker('image', 'inspect', reference))
    expect(inspected[0].RepoDigests).toContain(`${repository()}@${digest}`)
  })
})

describe('a cache that cannot be used is a warning, and the image is built', () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await machineWith(plain, 'boxed')
  })
  afterEach(() => forget(machine))

  const problems = async (address: string): Promise<string[]> => {
    const cache = `${address}/shop/bad:cache`
    const made = await make(machine, { from: cache, to: cache }, { after: address })
    expect(made.layers).toHaveLength(3)
    return made.cacheProblems
  }

  it('when its registry dies in the middle of the export', async () => {
    const dying = await startDyingProxy(registry.address, 500_000)
    const [problem, ...others] = await problems(dying.address)
    expect(problem).toMatch(/^could not be written: /)
    // It was there when the build began, and not for its second step.
    expect(others).toEqual([expect.stringMatching(/^could not be read: .*connection refused/)])
    expect(dying.died()).toBe(true)
  })

  it('when its registry is not there', async () => {
    const dying = await startDyingProxy(registry.address, 0)
    dying.close()
    expect(await problems(dying.address)).toEqual([
      expect.stringMatching(/^could not be read: .*connection refused/),
      expect.stringMatching(/^could not be written: .*connection refused/),
    ])
  })

  it('when there is no permission for it, and with a login it is used', async () => {
    const users = join(folder, 'htpasswd')
    writeFileSync(users, `ada:${hash}\n`)
    const auth = { htpasswd: { realm: 'shop', path: users } }
    const closed = await startRegistry(join(folder, 'closed'), { auth })
    stops.push(closed.stop)
    expect(await problems(closed.address)).toEqual([
      expect.stringMatching(/^could not be read: .*401 Unauthorized/),
      expect.stringMatching(/^could not be written: .*401 Unauthorized/),
    ])
    const login = { username: 'ada', password: 'pa:ss word' }
    machine = await machineWith(plain, 'boxed', (use) =>
      lendLogin(closed.address, login, createScratch(), use, plain.env),
    )
    expect(await problems(closed.address)).toEqual([])
  })

  it('when it names a layer that the registry does not have any more', async () => {
    const cache = `${registry.address}/shop/holes:cache`
    const first = await make(machine, { from: null, to: cache }, { fresh: true })
    await forget(machine)
    const ofBase = await layersOf('library/base', '1')
    for (const digest of await layersOf('shop/holes', 'cache')) {
      const hex = digest.replace('sha256:', '')
      const blobs = join(folder, 'images/docker/registry/v2/blobs/sha256')
      // The registry stores a layer once for all of its repositories.
      if (!ofBase.includes(digest)) rmSync(join(blobs, hex.slice(0, 2), hex), { recursive: true })
    }
    const again = await make(machine, { from: cache, to: null }, { after: 'two' })
    expect(again.cacheProblems).toEqual([expect.stringMatching(/^could not be used: /)])
    expect(again.layers[0]).toBe(first.layers[0])
    expect(again.layers).toHaveLength(3)
  })
})

it('a builder whose container was deleted is made again', async () => {
  const machine = await machineWith(plain, 'boxed')
  await plain.docker('rm', '--force', 'buildx_buildkit_boxed0')
  expect((await make(machine, noCache)).layers).toHaveLength(3)
})

/** The digests of the layers that a manifest of the registry names. */
async function layersOf(name: string, tag: string): Promise<string[]> {
  const accept =
    'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'
  const url = `http://${registry.address}/v2/${name}/manifests/${tag}`
  const manifest = await (await fetch(url, { headers: { accept } })).json()
  return (manifest as { layers: { digest: string }[] }).layers.map(({ digest }) => digest)
}

/** A way to a registry that breaks for ever after so many bytes were sent to it. */
async function startDyingProxy(
  to: string,
  bytes: number,
): Promise<{ address: string; died(): boolean; close(): void }> {
  const [host = '', port] = to.split(':')
  const sockets = new Set<Socket>()
  let sent = 0
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((socket) => {
    const upstream = connect(Number(port), host)
    for (const each of [socket, upstream]) sockets.add(each.on('error', () => each.destroy()))
    socket.on('data', (chunk) => {
      sent += chunk.length
      if (sent > bytes) close()
    })
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { address, died: () => !server.listening, close }
}
