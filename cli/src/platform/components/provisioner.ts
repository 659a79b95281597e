// Makes the persistent volumes that claims ask for.
import { join } from 'node:path'
import type { Component, Machine } from '../component.ts'
import { node } from '../layout.ts'

export function provisioner({ layout, kubernetes }: Machine): Component {
  return {
    name: 'provisioner',
    program: kubernetes,
    args: [
      'provisioner',
      `--kubeconfig=${join(layout.pki, 'provisioner.conf')}`,
      `--root=${join(layout.home, 'volumes')}`,
      `--node=${node}`,
    ],
    // It serves nothing; its process is its sign of life.
    ready: async () => true,
  }
}
