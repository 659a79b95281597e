// Two programs that check workflows: actionlint, built from its Go module, and zizmor, from PyPI. Each is kept.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { cacheFolder } from '../../src/context/cache-folder.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { type Item, store } from '../../src/platform/store.ts'
import { pythonWith } from '../apart/aws-fakes.ts'
import { runGo } from '../apart/go.ts'
import { forConfigRepo, offered, ours, root } from './files.ts'

const shell = createShell()
const layout = layoutOf(cacheFolder())
const source = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'

const actionlintItem: Item = {
  name: 'actionlint',
  inputs: [source],
  // It needs Go 1.25.
  build: (folder) => runGo(layout, ['install', source], { env: { GOBIN: folder } }),
}

/** All workflows: ours, and those in templates/. */
const workflows = [ours, offered, forConfigRepo].flatMap((folder) =>
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
