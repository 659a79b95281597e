// Files of a config repo, as tests put them together.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readChart } from '../../../src/drivers/chart-folder.ts'
import type { SlotInput } from '../../../src/drivers/gitops/changes.ts'
import { type Vendored, vendor } from '../../../src/drivers/gitops/chart.ts'
import { filesToRead, type Tree } from '../../../src/drivers/gitops/read.ts'
import type { Color } from '../../../src/release/slot.ts'
import type { Files } from '../../fakes/config-repo.ts'

export const charts = resolve(import.meta.dirname, '../../../../charts')

export async function vendored(folder: string): Promise<Vendored> {
  return vendor(await readChart(folder, folder), folder)
}

export function treeOf(files: Files, env = 'local'): Tree {
  const paths = [...files.keys()].sort()
  const texts = filesToRead(env, paths).map((path): [string, string] => [
    path,
    String(files.get(path)),
  ])
  return { env, paths, texts: new Map(texts) }
}

export async function unpack(files: Files, root: string): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
}

/** A small chart, without a file. */
export const aChart: Vendored = vendor(
  [{ path: 'Chart.yaml', content: Buffer.from('name: shop-slot\nversion: 1.0.0\n') }],
  'charts/shop-slot',
)

export const sharedChart: Vendored = vendor(
  [{ path: 'Chart.yaml', content: Buffer.from('name: shop-service\nversion: 2.0.0\n') }],
  'charts/shop-service',
)

/** What a deploy writes for a slot. */
export function aSlot(
  service: string,
  color: Color,
  { version = '1.2.3', revision = '5f2a9c01aa', shared = true, chart = aChart } = {},
): SlotInput {
  const image = `registry.example/shop/${service}@sha256:${revision.padEnd(64, '0')}`
  return {
    write: {
      service,
      color,
      values: {
        shopctl: { system: 'shop', service, color, image, version, revision, secrets: {} },
      },
      marks: { revision, checked: 'c0ffee', shared: '12345678' },
      shared: shared
        ? {
            values: {
              shopctl: { system: 'shop', service, ports: { stable: 'http', preview: 8081 } },
            },
            marks: { rendered: '12345678' },
          }
        : null,
    },
    chart,
    values: [{ replicas: 2, config: { LEVEL: 'info' } }],
  }
}

/** Lines that a diff shows, both removed and added ones. */
export function changedLines(before: string, after: string): string[] {
  const lines = (text: string) => text.split('\n')
  const gone = lines(before).filter((line) => !lines(after).includes(line))
  const added = lines(after).filter((line) => !lines(before).includes(line))
  return [...gone.map((line) => `-${line}`), ...added.map((line) => `+${line}`)]
}
