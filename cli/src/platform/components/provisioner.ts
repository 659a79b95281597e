// Creates the persistent volumes for claims.
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
    // It has no port to ask.
    ready: async () => true,
  }
}
