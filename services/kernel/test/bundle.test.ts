import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bundling, copyMigrations } from '../../bundle.ts'
import { readMigrations } from '../migrate.ts'

const services = ['order', 'inventory', 'payment', 'notification']

/** The files that Node loads when `main.js` starts. Others are loaded late, or never. */
function loadedAtStart({ outputs }: Metafile): string[] {
  const found = new Set<string>()
  const visit = (file: string): void => {
    if (found.has(file)) return
    found.add(file)
    for (const { path, kind, external } of outputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import' && !external) visit(path)
  }
  for (const file of Object.keys(outputs)) if (file.endsWith('/main.js')) visit(file)
  return [...found]
}

describe('a bundle', () => {
  it.each(services)(
    'of %s has OpenTelemetry, and does not load it at the start',
    async (service) => {
      const { metafile } = await build({ ...bundling(service), write: false, metafile: true })
      const within = (files: string[]): string[] => [
        ...new Set(
          files
            .flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}))
            .flatMap((input) => /@opentelemetry\/([^/]+)/.exec(input)?.[1] ?? []),
        ),
      ]
      const started = loadedAtStart(metafile)
      // prom-client needs the interfaces.
      expect(within(started)).toEqual(['api'])
      expect(within(Object.keys(metafile.outputs))).toContain('sdk-trace')
      expect(started.every((file) => !file.includes('tracing'))).toBe(true)
    },
  )

  it.each(services)('of %s has no fault points', async (service) => {
    const { outputFiles = [] } = await build({ ...bundling(service), write: false })
    expect(outputFiles.length).toBeGreaterThan(1)
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
