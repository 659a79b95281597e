// Two programs that check workflows: actionlint, built from its Go module, and zizmor, from PyPI. Each is kept.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { cacheFolder } from '../../src/context/cache-folder.ts'
import { goItem } from '../../src/platform/debian.ts'
import { findGo } from '../../src/platform/kubernetes.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { type Item, store } from '../../src/platform/store.ts'
import { pythonWith } from '../real/aws-fakes.ts'
import { offered, ours, root } from './files.ts'

const shell = createShell()
const layout = layoutOf(cacheFolder())
const source = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'

const actionlintItem: Item = {
  name: 'actionlint',
  inputs: [source],
  async build(folder, say) {
    const found = await findGo(shell)
    const go = found ?? join(await store(layout, goItem(shell), say), 'usr/lib/go-1.24/bin/go')
    const modules = join(layout.cache, 'go')
    // It needs Go 1.25: an older one fetches that as a module.
    const env = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOTOOLCHAIN: 'auto' }
    const folders = { GOBIN: folder, GOPATH: modules, GOCACHE: join(modules, 'build') }
    await shell.check({ program: go, args: ['install', source], env: { ...env, ...folders } })
  },
}

/** All workflows: ours, and those in templates/. */
const workflows = [ours, offered].flatMap((folder) =>
  readdirSync(folder).map((file) => join(folder, file)),
)

/** Finds nothing: exit code 0. Without shellcheck, which it would call only where that is installed. */
export async function actionlint(files: readonly string[] = workflows): Promise<Finished> {
  const program = join(await store(layout, actionlintItem, () => {}), 'actionlint')
  const args = ['-shellcheck=', '-pyflakes=', `-config-file=${root}/.github/actionlint.yaml`]
  return shell.run({ program, args: [...args, ...files], cwd: root })
}

/** The same, with the eyes of an auditor. */
export async function zizmor(files: readonly string[] = workflows): Promise<Finished> {
  const program = join(await pythonWith(['zizmor==1.32.0']), 'zizmor')
  const args = ['--offline', '--quiet', '--persona=auditor', `--config=${root}/.github/zizmor.yml`]
  return shell.run({ program, args: [...args, ...files], cwd: root })
}
