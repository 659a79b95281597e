// Renders a folder of the config repo as Argo CD does.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ConfigRepo } from '../../release/ports/config-repo.ts'
import type { Charts, Manifest } from '../../release/ports/driver.ts'

interface RenderPorts {
  repo: Pick<ConfigRepo, 'list' | 'read'>
  charts: Charts
}

/** `name` is that of the slot. */
export async function renderFolder(
  { repo, charts }: RenderPorts,
  { commit, folder, name }: { commit: string; folder: string; name: string },
  signal: AbortSignal,
): Promise<Manifest[]> {
  const paths = await repo.list(commit, [folder])
  const texts = await repo.read(commit, paths, signal)
  const root = await mkdtemp(join(tmpdir(), 'shopctl-'))
  try {
    for (const [path, text] of texts) {
      const file = join(root, path)
      // A server may not check what is pushed to it.
      if (!file.startsWith(`${root}/`)) continue
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
    }
    const chart = join(root, folder)
    return await charts.render({ name, chart, valuesFiles: [], values: {} })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
