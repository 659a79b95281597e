// An Amazon ECR that answers 500 in the middle of a push, to the real docker: to the parts of layers that it uploads.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finished } from '../../src/adapters/shell.ts'
import { type EcrScene, startEcr } from './ecr-scene.ts'
import { type Engine, startEngine } from './engine.ts'

let folder = ''
let ecr: EcrScene
let engine: Engine

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ecr-half-way-'))
  ecr = await startEcr(folder)
  engine = await startEngine({ HTTPS_PROXY: ecr.proxy, NO_PROXY: '', SSL_CERT_FILE: ecr.ca })
})
afterAll(async () => {
  await engine?.stop()
  await ecr?.stop()
  await rm(folder, { recursive: true, force: true })
})

function shopctl(...args: string[]): Promise<Finished> {
  return ecr.shopctl(engine.env, args)
}

function partsSent(): number {
  return ecr.recorder.calls.filter(({ action }) => action === 'ecr:UploadLayerPart').length
}

test('always: the push fails and no tag exists; the next one completes it', async () => {
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  ecr.recorder.broken = Number.POSITIVE_INFINITY
  const { exitCode, stderr } = await shopctl('push')
  expect(stderr).toMatch(/500 Internal Server Error/)
  expect(exitCode).toBe(1)
  expect(partsSent()).toBeGreaterThan(0)
  expect(await ecr.tags()).toEqual([])
  ecr.recorder.broken = 0
  expect(await shopctl('push')).toMatchObject({ exitCode: 0 })
  expect(await ecr.tags()).toHaveLength(2)
  // Docker tries it five times, in about 50 s.
}, 180_000)

test('once: the push survives it', async () => {
  await writeFile(join(folder, 'main.js'), 'two')
  expect(await shopctl('build')).toMatchObject({ exitCode: 0 })
  ecr.recorder.broken = 1
  ecr.recorder.calls.length = 0
  const { exitCode, stderr } = await shopctl('push')
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  expect(ecr.recorder.broken).toBe(0)
  expect(partsSent()).toBeGreaterThan(1)
  expect(await ecr.tags()).toHaveLength(4)
}, 60_000)
