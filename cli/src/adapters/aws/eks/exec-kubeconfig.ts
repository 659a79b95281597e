// A kubeconfig for helm, whose credentials come from `shopctl eks-token`. It has no secrets.
import type { EksAddress } from './cluster.ts'

export interface EksName {
  name: string
  region: string
  /** ARN. null: none. */
  role: string | null
}

/** `shopctl` is the argument vector of this program. JSON, which is YAML too. */
export function execKubeconfig(
  { server, ca }: EksAddress,
  { name, region, role }: EksName,
  shopctl: readonly string[],
): string {
  const [command, ...first] = shopctl
  const args = [...first, 'eks-token', '--cluster', name, '--region', region]
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command,
    args: [...args, ...(role === null ? [] : ['--role', role])],
    interactiveMode: 'Never',
    // The token is for helm: it is no step of a workflow, whose summary and annotations are those of the command.
    env: [{ name: 'GITHUB_ACTIONS', value: 'false' }],
  }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'eks',
    clusters: [{ name: 'eks', cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'eks', user: { exec } }],
    contexts: [{ name: 'eks', context: { cluster: 'eks', user: 'eks' } }],
  })
}
