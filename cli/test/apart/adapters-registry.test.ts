// The registry and docker adapters against the platform's own.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDocker } from '../../src/adapters/docker/docker.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import { createShell } from '../../src/adapters/shell.ts'
import type { ImageBuilder } from '../../src/release/ports/project.ts'
import { aLimit } from '../fakes/host.ts'
import { registryContract } from '../fakes/registry-contract.ts'
import { platformEnv } from '../real/shop.ts'

const repository = '127.0.0.1:5000/adapters/image'
const signal = new AbortController().signal
let context = ''
const long = { ...aLimit, seconds: 120 }
const noCache = { from: null, to: null }
let docker: ImageBuilder

async function build(dockerfile: string, tag: string): Promise<void> {
  await writeFile(join(context, 'Dockerfile'), dockerfile)
  await docker.solve({ context, fresh: false, cache: noCache })
  const labels = { 'dev.shopctl.inputs': tag }
  const { id } = await docker.build({ context, labels, cacheFrom: null })
  await docker.tag(id, [`${repository}:${tag}`])
}

beforeAll(async () => {
  context = await mkdtemp(join(tmpdir(), 'image-'))
  docker = createDocker(createShell(), {
    program: 'docker',
    env: await platformEnv(),
    root: context,
    signal,
    limits: { inspect: aLimit, build: long, push: long },
    scratch: createScratch(),
  })
  await build('FROM scratch\nCOPY Dockerfile /\n', 'there')
  await docker.push(`${repository}:there`)
})
afterAll(() => rm(context, { recursive: true }))

describe('the registry of the platform', () => {
  registryContract(async () => ({ registry: createRegistry({ limit: aLimit }), repository }))
})

it('docker knows what an image was made of, and images it does not have', async () => {
  expect(await docker.labels(`${repository}:there`)).toEqual({ 'dev.shopctl.inputs': 'there' })
  expect(await docker.labels(`${repository}:not-there`)).toBeNull()
})

it('a build that fails shows its step', async () => {
  const failing = build('FROM node:24-bookworm-slim\nRUN echo about-to-fail && exit 41\n', 'broken')
  await expect(failing).rejects.toMatchObject({
    code: 'build-failed',
    message: expect.stringMatching(/about-to-fail[\s\S]*exit code: 41/),
  })
})

it('docker knows the base images of a Dockerfile, and their newest digests', async () => {
  await writeFile(
    join(context, 'Dockerfile'),
    'FROM node:24-bookworm-slim AS one\nFROM scratch\nCOPY --from=one /etc/hostname /\n',
  )
  const name = 'docker.io/library/node:24-bookworm-slim'
  const { bases } = await docker.solve({ context, fresh: false, cache: noCache })
  const [base] = bases
  expect(base).toEqual({ name, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) })
  expect(await docker.newestBase(name)).toBe(base?.digest)
  expect(await docker.newestBase('docker.io/library/no-such-image:1')).toBeNull()
})
