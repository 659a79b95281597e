import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isTransient, readMigrations } from '../migrate.ts'

const ofKernel = new URL('../migrations/', import.meta.url)
const folders = [ofKernel, new URL('../../order/migrations/', import.meta.url)]

describe('the migrations of the services', () => {
  it('come with those of the kernel, in the order of their names', async () => {
    const names = (await readMigrations(folders)).map(({ name }) => name)
    expect(names).toEqual([
      '0001_messaging.sql',
      '0002_orders.sql',
      '0003_gate.sql',
      '0004_epochs.sql',
      '0005_pass_gate.sql',
      '0006_parked_cause.sql',
      '0007_waiting.sql',
      '0008_retention.sql',
      '0010_released.sql',
      '0011_pause_epoch.sql',
      '0012_orders_by_end.sql',
    ])
  })

  it('never change once they are released', async () => {
    const all = await readMigrations(folders)
    const checksums = Object.fromEntries(all.map(({ name, checksum }) => [name, checksum]))
    expect(checksums).toMatchObject({
      '0001_messaging.sql': '577801e89ca2a3e3f7bd7f372b40cb6a61bd5e60b12cf04a8a79fc19ffa07621',
      '0003_gate.sql': '11cce256b5b217248fd82abb3d1e9b33c0e7f6b32638387b16c0ce3071e39845',
      '0005_pass_gate.sql': '3ddd06ac8459fba0bb8e424ebde31a69e53124a0fb31eca4bcefd2adbfdd5216',
    })
  })

  it('must have different names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, '0003_gate.sql'), 'SELECT 1')
    const reading = readMigrations([ofKernel, pathToFileURL(`${folder}/`)])
    await expect(reading).rejects.toThrow('two folders have a migration 0003_gate.sql')
  })
})

describe('an error of a migration', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const shutdown = Object.assign(new Error('terminating connection'), { code: '57P01' })
  const syntax = Object.assign(new Error('syntax error'), { code: '42601' })

  it.each([
    ['a refused connection', refused, true],
    [
      'a server that shuts down during a migration',
      new Error('0001: x', { cause: shutdown }),
      true,
    ],
    ['a connection that is not answered', new Error('timeout expired'), true],
    ['a lost connection', new Error('Connection terminated unexpectedly'), true],
    ['wrong SQL', new Error('0001: syntax error', { cause: syntax }), false],
    ['a changed file', new Error('0001 changed after it was applied'), false],
  ])('is transient or not: %s', (_, error, transient) => {
    expect(isTransient(error)).toBe(transient)
  })
})
