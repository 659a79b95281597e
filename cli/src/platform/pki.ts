// Certificates and kubeconfigs. kubeadm makes them once. The cluster's data depends on them, so `down` keeps them.
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { json, type Machine } from './component.ts'
import { kubernetesVersion, network, node } from './layout.ts'

// Users without a phase of kubeadm: name in the certificate → kubeconfig file.
const users = {
  'system:kube-proxy': 'kube-proxy.conf',
  'shopctl:coredns': 'coredns.conf',
  'shopctl:provisioner': 'provisioner.conf',
} as const

const tenYears = '87600h'

function kubeadmConfig(machine: Machine, folder: string): string {
  return [
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: network.host, bindPort: 6443 },
      nodeRegistration: { name: node, criSocket: `unix://${machine.layout.containerdSocket}` },
    },
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      kubernetesVersion,
      clusterName: 'shopctl',
      certificatesDir: folder,
      // Nothing renews them. By default they would expire after a year.
      certificateValidityPeriod: tenYears,
      caCertificateValidityPeriod: tenYears,
      controlPlaneEndpoint: `${network.host}:6443`,
      networking: { serviceSubnet: network.services, podSubnet: network.pods },
    },
  ]
    .map(json)
    .join('---\n')
}

/** Makes them unless they exist. The folder is renamed when complete, so an interrupted run leaves nothing. */
export async function createPki(shell: Shell, machine: Machine): Promise<void> {
  const { layout, kubernetes } = machine
  if ((await readdir(layout.pki).catch(() => [])).length > 0) return
  const folder = join(layout.temporary, 'pki')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const config = join(layout.temporary, 'kubeadm.yaml')
  await writeFile(config, kubeadmConfig(machine, folder))
  const kubeadm = (...args: string[]): Promise<string> =>
    shell.check({ program: kubernetes, args: ['kubeadm', ...args, `--config=${config}`] })

  await kubeadm('init', 'phase', 'certs', 'all')
  await kubeadm('init', 'phase', 'kubeconfig', 'all', `--kubeconfig-dir=${folder}`)
  for (const [user, file] of Object.entries(users)) {
    const kubeconfig = await kubeadm('kubeconfig', 'user', `--client-name=${user}`)
    await writeFile(join(folder, file), kubeconfig)
  }
  for (const file of await readdir(folder))
    if (file.endsWith('.conf')) await chmod(join(folder, file), 0o600)
  await rename(folder, layout.pki)
}
