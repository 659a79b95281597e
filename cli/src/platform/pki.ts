// Certificates and kubeconfigs. kubeadm makes them. The cluster's data depends on them, so `down` keeps them.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
/** What ends within this time is renewed, since the next `up` may be a year away. */
const marginMs = 366 * 24 * 3_600_000

/** Each file with a certificate, and its certificate authority. */
const authorities: Readonly<Record<string, string>> = {
  'ca.crt': 'ca.crt',
  'apiserver.crt': 'ca.crt',
  'apiserver-kubelet-client.crt': 'ca.crt',
  'front-proxy-ca.crt': 'front-proxy-ca.crt',
  'front-proxy-client.crt': 'front-proxy-ca.crt',
  'etcd/ca.crt': 'etcd/ca.crt',
  'etcd/server.crt': 'etcd/ca.crt',
  'etcd/peer.crt': 'etcd/ca.crt',
  'etcd/healthcheck-client.crt': 'etcd/ca.crt',
  'apiserver-etcd-client.crt': 'etcd/ca.crt',
  ...Object.fromEntries(
    [
      ...['admin', 'super-admin', 'controller-manager', 'scheduler', 'kubelet'].map(
        (name) => `${name}.conf`,
      ),
      ...Object.values(users),
    ].map((file) => [file, 'ca.crt']),
  ),
}

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
      certificateValidityPeriod: tenYears,
      caCertificateValidityPeriod: tenYears,
      controlPlaneEndpoint: `${network.host}:6443`,
      networking: { serviceSubnet: network.services, podSubnet: network.pods },
    },
  ]
    .map(json)
    .join('---\n')
}

interface Certified {
  certificate: X509Certificate
  hasItsKey: boolean
  /** The authority that the file itself trusts. */
  trusts: X509Certificate | null
}

async function read(folder: string, file: string): Promise<Certified> {
  const path = join(folder, file)
  const content = await readFile(path)
  if (file.endsWith('.crt')) {
    const certificate = new X509Certificate(content)
    const key = createPrivateKey(await readFile(keyOf(path)))
    return { certificate, hasItsKey: certificate.checkPrivateKey(key), trusts: null }
  }
  const field = (name: string): Buffer =>
    Buffer.from(new RegExp(String.raw`${name}: (\S+)`).exec(String(content))?.[1] ?? '', 'base64')
  const certificate = new X509Certificate(field('client-certificate-data'))
  return {
    certificate,
    hasItsKey: certificate.checkPrivateKey(createPrivateKey(field('client-key-data'))),
    trusts: new X509Certificate(field('certificate-authority-data')),
  }
}

function keyOf(certificate: string): string {
  return certificate.replace(/\.crt$/, '.key')
}

/** The files whose certificate is missing or damaged, not valid for another year, or of another authority. */
export async function dueCertificates(folder: string, now: number): Promise<string[]> {
  const files = Object.keys(authorities)
  const found = await Promise.all(files.map((file) => read(folder, file).catch(() => null)))
  const valid = new Map(
    found.flatMap((each, index) =>
      each && isValid(each, now) ? [[files[index] ?? '', each] as const] : [],
    ),
  )
  return files.filter((file) => {
    const [own, authority] = [valid.get(file), valid.get(authorities[file] ?? '')]
    return !own || !authority || !isOf(own, authority.certificate)
  })
}

function isValid({ certificate, hasItsKey }: Certified, now: number): boolean {
  const { validFromDate, validToDate } = certificate
  // The clock may have been set back since.
  return hasItsKey && validFromDate.getTime() <= now && validToDate.getTime() >= now + marginMs
}

function isOf({ certificate, trusts }: Certified, ca: X509Certificate): boolean {
  const isTrusted = trusts === null || trusts.fingerprint256 === ca.fingerprint256
  return isTrusted && certificate.checkIssued(ca) && certificate.verify(ca.publicKey)
}

/** Whether pods that run do not know the authority any more, after these files were made anew. */
export function endsTrust(due: readonly string[]): boolean {
  return due.includes('ca.crt')
}

/** Makes those that are due, as `dueCertificates` tells. Each file is replaced at once, so a next run can continue. */
export async function createPki(shell: Shell, machine: Machine, now: number): Promise<void> {
  const { layout, kubernetes } = machine
  await mkdir(layout.pki, { recursive: true, mode: 0o700 })
  const due = await dueCertificates(layout.pki, now)
  if (due.length === 0) return
  const folder = join(layout.temporary, 'pki')
  await rm(folder, { recursive: true, force: true })
  const without = new Set(
    due.flatMap((file) => [join(layout.pki, file), join(layout.pki, keyOf(file))]),
  )
  await cp(layout.pki, folder, { recursive: true, filter: (path) => !without.has(path) })
  const config = join(layout.temporary, 'kubeadm.yaml')
  await writeFile(config, kubeadmConfig(machine, folder))
  const kubeadm = (...args: string[]): Promise<string> =>
    shell.check({ program: kubernetes, args: ['kubeadm', ...args, `--config=${config}`] })

  await kubeadm('init', 'phase', 'certs', 'all')
  await kubeadm('init', 'phase', 'kubeconfig', 'all', `--kubeconfig-dir=${folder}`)
  for (const [user, file] of Object.entries(users)) {
    if (!due.includes(file)) continue
    const options = [`--client-name=${user}`, `--validity-period=${tenYears}`]
    await writeFile(join(folder, file), await kubeadm('kubeconfig', 'user', ...options))
  }
  for (const file of await filesBelow(folder)) {
    const [from, to] = [join(folder, file), join(layout.pki, file)]
    if (existsSync(to) && !without.has(to)) continue
    if (file.endsWith('.conf')) await chmod(from, 0o600)
    await mkdir(dirname(to), { recursive: true, mode: 0o700 })
    await rename(from, to)
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}
