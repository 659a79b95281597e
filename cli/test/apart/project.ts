// A project of one service, in a git repository, whose images go to a registry that the test chooses.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'

const shell = createShell()

const files = { Dockerfile: 'FROM scratch\nCOPY main.js /\n', 'main.js': 'one' }

const configOf = (registry: string): string => `name: shop
services:
  order:
    chart: chart
    build: { context: ., inputs: [main.js] }
environments:
  prod:
    namespace: shop
    cluster: { context: far, registry: '${registry}' }
`

/** The folder may have other files: they are not committed. */
export async function createProject(folder: string, registry: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await useRegistry(folder, registry)
  await commit(folder, [...Object.keys(files), 'shopctl.yaml'])
}

/** `registry`: for shopctl.yaml, with the path that images are below. */
export async function useRegistry(folder: string, registry: string): Promise<void> {
  await writeFile(join(folder, 'shopctl.yaml'), configOf(registry))
}

/** Makes a git repository of a folder. */
export async function commit(folder: string, paths: string[] = ['.']): Promise<void> {
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@b']
  for (const args of [
    ['init', '--quiet'],
    ['add', ...paths],
    [...author, 'commit', '--quiet', '--message=One'],
  ])
    await shell.check({ program: 'git', args, cwd: folder })
}
