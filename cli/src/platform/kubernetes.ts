// The cluster's program and the pause program.
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { goModuleItem } from './go-program.ts'
import { kubernetesVersion, type Layout } from './layout.ts'
import type { Item } from './store.ts'

export function linkerFlags(): string {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? []
  const values = {
    'k8s.io/component-base/version.gitVersion': kubernetesVersion,
    'k8s.io/component-base/version.gitMajor': major,
    'k8s.io/component-base/version.gitMinor': minor,
    'k8s.io/component-base/version.gitTreeState': 'clean',
    'k8s.io/client-go/pkg/version.gitVersion': kubernetesVersion,
  }
  return ['-s', '-w', ...Object.entries(values).map(([name, value]) => `-X ${name}=${value}`)].join(
    ' ',
  )
}

export function kubernetesItem(shell: Shell, layout: Layout): Promise<Item> {
  return goModuleItem(shell, layout, {
    name: 'kubernetes',
    folder: 'kubernetes',
    programs: { pause: './pause', kubernetes: '.' },
    linkerFlags: linkerFlags(),
    toolchain: 'local',
    packages: 2_800,
  })
}

/** The cluster's program in the item's folder. Its first argument names the part. */
export function kubernetesProgram(folder: string): string {
  return join(folder, 'kubernetes')
}

export function pauseProgram(folder: string): string {
  return join(folder, 'pause')
}
