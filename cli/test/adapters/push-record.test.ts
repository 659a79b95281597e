import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPushRecord } from '../../src/adapters/push-record.ts'
import type { PushRecord } from '../../src/release/ports/project.ts'
import { createFakePushRecord } from '../fakes/config.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushed-'))
})
afterEach(() => rm(folder, { recursive: true }))
const file = () => join(folder, 'shopctl', 'pushed')

describe.each<[string, () => PushRecord]>([
  ['in a file', () => createPushRecord(file)],
  ['in memory', createFakePushRecord],
])('the record of what was pushed, %s', (_, make) => {
  it('has the last digest of each repository and inputs, until it is forgotten', async () => {
    const record = make()
    expect(await record.last('r/order', 'i1')).toBeNull()
    await record.add('r/order', 'i1', 'sha256:a')
    await record.add('r/order', 'i2', 'sha256:b')
    await record.add('r/order', 'i1', 'sha256:c')
    expect(await record.last('r/order', 'i1')).toBe('sha256:c')
    expect(await record.last('r/order', 'i2')).toBe('sha256:b')
    expect(await record.last('r/payment', 'i1')).toBeNull()
    expect(await record.has('r/order', 'i1', 'sha256:a')).toBe(true)
    expect(await record.has('r/order', 'i2', 'sha256:a')).toBe(false)
    await record.forget('r/order', 'i1')
    expect(await record.last('r/order', 'i1')).toBeNull()
    expect(await record.has('r/order', 'i1', 'sha256:c')).toBe(true)
    await record.add('r/order', 'i1', 'sha256:a')
    expect(await record.last('r/order', 'i1')).toBe('sha256:a')
  })

  it('keeps all of what is written at once', async () => {
    const record = make()
    const digests = Array.from({ length: 50 }, (_, index) => `sha256:${index}`)
    await Promise.all(digests.map((digest) => record.add('r', 'i', digest)))
    const known = await Promise.all(digests.map((digest) => record.has('r', 'i', digest)))
    expect(known.every(Boolean)).toBe(true)
  })
})

it('is written by its user alone', async () => {
  await createPushRecord(file).add('r', 'i', 'sha256:a')
  expect((await stat(file())).mode & 0o777).toBe(0o600)
})

it('is named when it cannot be written', async () => {
  await writeFile(join(folder, 'shopctl'), '')
  const adding = createPushRecord(file).add('r', 'i', 'sha256:a')
  await expect(adding).rejects.toMatchObject({
    code: 'bad-push-record',
    exitCode: 1,
    hint: expect.stringContaining(file()),
  })
})
