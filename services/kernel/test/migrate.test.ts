import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readMigrations } from '../migrate.ts'

function folderOf(service: string) {
  return new URL(`../../${service}/migrations/`, import.meta.url)
}

describe('the migrations of the services', () => {
  it('come with those of the kernel, in the order of their names', async () => {
    const names = (await readMigrations(folderOf('order'))).map(({ name }) => name)
    expect(names).toEqual([
      '0001_messaging.sql',
      '0002_orders.sql',
      '0003_gate.sql',
      '0004_epochs.sql',
      '0005_pass_gate.sql',
      '0006_parked_cause.sql',
    ])
  })

  it('never change once they are released', async () => {
    const all = await readMigrations(folderOf('order'))
    const checksums = Object.fromEntries(all.map(({ name, checksum }) => [name, checksum]))
    expect(checksums).toMatchObject({
      '0001_messaging.sql': '577801e89ca2a3e3f7bd7f372b40cb6a61bd5e60b12cf04a8a79fc19ffa07621',
      '0003_gate.sql': '11cce256b5b217248fd82abb3d1e9b33c0e7f6b32638387b16c0ce3071e39845',
      '0005_pass_gate.sql': '3ddd06ac8459fba0bb8e424ebde31a69e53124a0fb31eca4bcefd2adbfdd5216',
    })
  })

  it('must not have the name of one of the kernel', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, '0003_gate.sql'), 'SELECT 1')
    await expect(readMigrations(pathToFileURL(`${folder}/`))).rejects.toThrow('0003_gate.sql')
  })
})
