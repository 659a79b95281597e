import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bundling, copyMigrations } from '../../bundle.ts'
import { readMigrations } from '../migrate.ts'

const services = ['order', 'inventory', 'payment', 'notification']

describe('a bundle', () => {
  it.each(services)('of %s has no fault points', async (service) => {
    const { outputFiles = [] } = await build({ ...bundling(service), write: false })
    expect(outputFiles).toHaveLength(2)
    for (const { text } of outputFiles) {
      expect(text).not.toContain('SHOP_FAULT')
      expect(text).not.toContain('relay.confirmed')
    }
  })

  it.each(services)(
    'of %s has the migrations of the service and of the kernel',
    async (service) => {
      const folder = await mkdtemp(join(tmpdir(), 'bundle-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const copied = pathToFileURL(`${folder}/`)
      await copyMigrations(service, copied)
      const folders = ['kernel', service].map(
        (owner) => new URL(`../../${owner}/migrations/`, import.meta.url),
      )
      const wanted = await readMigrations(folders)
      const names = (await readdir(folder)).sort()
      expect(names).toEqual(wanted.map(({ name }) => name))
      // An existing file is never replaced.
      await expect(copyMigrations(service, copied)).rejects.toMatchObject({ code: 'EEXIST' })
    },
  )
})
