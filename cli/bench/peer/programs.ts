// The programs of Argo Rollouts, from its Go module: its controller, its plugin for kubectl, and its definitions.
import { join } from 'node:path'
import type { Shell } from '../../src/adapters/shell.ts'
import { type GoModule, goModuleItem } from '../../src/platform/go-program.ts'
import type { Layout } from '../../src/platform/layout.ts'
import { store } from '../../src/platform/store.ts'

const rollouts = 'github.com/argoproj/argo-rollouts'
export const rolloutsVersion = '1.10.2'

/** The controller waits for all of these kinds, and so does not start without one of them. */
const definitions = [
  'rollout-crd.yaml',
  'experiment-crd.yaml',
  'analysis-run-crd.yaml',
  'analysis-template-crd.yaml',
  'cluster-analysis-template-crd.yaml',
]

const rolloutsModule: GoModule = {
  name: 'argo-rollouts',
  folder: join(import.meta.dirname, 'argo-rollouts'),
  programs: {
    'rollouts-controller': `${rollouts}/cmd/rollouts-controller`,
    'kubectl-argo-rollouts': `${rollouts}/cmd/kubectl-argo-rollouts`,
  },
  linkerFlags: '-s -w',
  toolchain: 'auto',
  packages: 1_730,
  files: { module: rollouts, paths: definitions.map((file) => `manifests/crds/${file}`) },
}

export interface RolloutsPrograms {
  controller: string
  plugin: string
  /** Files with the definitions of its kinds. */
  definitions: string[]
}

/** Builds them the first time, for some minutes. */
export async function rolloutsPrograms(
  shell: Shell,
  layout: Layout,
  say: (detail: string) => void,
): Promise<RolloutsPrograms> {
  const folder = await store(layout, await goModuleItem(shell, layout, rolloutsModule), say)
  return {
    controller: join(folder, 'rollouts-controller'),
    plugin: join(folder, 'kubectl-argo-rollouts'),
    definitions: definitions.map((file) => join(folder, file)),
  }
}
