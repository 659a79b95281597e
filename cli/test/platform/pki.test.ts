// Which certificates of the platform are renewed, with real certificates.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import type { Shell } from '../../src/adapters/shell.ts'
import type { Machine } from '../../src/platform/component.ts'
import { createPki, dueCertificates, endsTrust } from '../../src/platform/pki.ts'

const leaves = {
  'ca.crt': ['apiserver.crt', 'apiserver-kubelet-client.crt'],
  'front-proxy-ca.crt': ['front-proxy-client.crt'],
  'etcd/ca.crt': [
    ...['etcd/server.crt', 'etcd/peer.crt', 'etcd/healthcheck-client.crt'],
    'apiserver-etcd-client.crt',
  ],
}
const kubeconfigs = [
  ...['admin', 'super-admin', 'controller-manager', 'scheduler', 'kubelet'],
  ...['kube-proxy', 'coredns', 'provisioner'],
].map((name) => `${name}.conf`)
const day = 24 * 3_600_000
let folder: string

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}

function keyOf(certificate: string): string {
  return certificate.replace('.crt', '.key')
}

function makeCertificate(file: string, ca: string | null, days = 3650): void {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'.split(' ')
  const signed = ca ? ['-CA', join(folder, ca), '-CAkey', join(folder, keyOf(ca))] : []
  openssl(
    ...[...words, '-days', `${days}`, '-subj', `/CN=${file.replace('/', ' ')}`],
    ...['-keyout', keyOf(path), '-out', path, ...signed],
  )
}

/** As kubeadm writes it, in the parts that matter here. */
function makeKubeconfig(file: string, days = 3650): void {
  makeCertificate('user.crt', 'ca.crt', days)
  const data = (name: string) => readFileSync(join(folder, name)).toString('base64')
  writeFileSync(
    join(folder, file),
    `clusters:
- cluster:
    certificate-authority-data: ${data('ca.crt')}
    server: https://10.245.0.1:6443
users:
- name: somebody
  user:
    client-certificate-data: ${data('user.crt')}
    client-key-data: ${data('user.key')}
`,
  )
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pki-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [ca, files] of Object.entries(leaves)) {
    makeCertificate(ca, null)
    for (const file of files) makeCertificate(file, ca)
  }
  for (const file of kubeconfigs) makeKubeconfig(file)
})

const all = [...Object.keys(leaves), ...Object.values(leaves).flat(), ...kubeconfigs].sort()
const ofCa = ['ca.crt', ...leaves['ca.crt'], ...kubeconfigs].sort()

async function due(now = Date.now() + 60_000): Promise<string[]> {
  return (await dueCertificates(folder, now)).sort()
}

it('none is, while all are valid for years', async () => {
  expect(await due()).toEqual([])
  expect(await due(Date.now() + 3650 * day - 367 * day)).toEqual([])
})

it('all are when they end within a year, or when the clock was set back to before them', async () => {
  expect(await due(Date.now() + 3650 * day - 365 * day)).toEqual(all)
  expect(await due(Date.now() + 4000 * day)).toEqual(all)
  expect(await due(Date.now() - day)).toEqual(all)
})

it.each<[string, () => void, string[]]>([
  ['that ends soon', () => makeCertificate('apiserver.crt', 'ca.crt', 300), ['apiserver.crt']],
  ['of a user that ends soon', () => makeKubeconfig('kube-proxy.conf', 300), ['kube-proxy.conf']],
  [
    'that is missing',
    () => {
      for (const file of ['coredns.conf', 'etcd/peer.crt']) rmSync(join(folder, file))
    },
    ['coredns.conf', 'etcd/peer.crt'],
  ],
  ['without its key', () => rmSync(join(folder, 'apiserver.key')), ['apiserver.crt']],
  [
    'with the key of another',
    () =>
      writeFileSync(join(folder, 'etcd/peer.key'), readFileSync(join(folder, 'etcd/server.key'))),
    ['etcd/peer.crt'],
  ],
  ['that is damaged', () => writeFileSync(join(folder, 'admin.conf'), '{}'), ['admin.conf']],
  [
    'of another authority',
    () => makeCertificate('apiserver.crt', 'front-proxy-ca.crt'),
    ['apiserver.crt'],
  ],
  [
    'and all of an authority that was replaced',
    () => makeCertificate('ca.crt', null),
    ofCa.filter((file) => file !== 'ca.crt'),
  ],
  ['and all of an authority that ends soon', () => makeCertificate('ca.crt', null, 300), ofCa],
])('one is %s', async (_, change, expected) => {
  change()
  expect(await due()).toEqual(expected)
})

it('pods that run lose their trust only with the authority of the API server', () => {
  expect(endsTrust(['ca.crt', 'apiserver.crt'])).toBe(true)
  expect(endsTrust(['etcd/ca.crt', 'front-proxy-ca.crt', 'apiserver.crt'])).toBe(false)
})

it('all are made for ten years, and users only when they are due', async () => {
  const asked: string[] = []
  const check = async ({ args }: { args: readonly string[] }): Promise<string> => {
    const config = args.find((each) => each.startsWith('--config='))?.slice('--config='.length)
    const lines = readFileSync(config ?? '', 'utf8').match(/.*ValidityPeriod.*/gi) ?? []
    asked.push([...args.slice(1, -1), ...lines.map((line) => line.trim())].join(' '))
    return '{}'
  }
  const layout = { pki: folder, temporary: mkdtempSync(join(tmpdir(), 'pki-made-')) }
  onTestFinished(() => rmSync(layout.temporary, { recursive: true }))
  const make = () =>
    createPki({ check } as unknown as Shell, { layout } as unknown as Machine, Date.now() + 60_000)
  await make()
  expect(asked).toEqual([])
  rmSync(join(folder, 'coredns.conf'))
  await make()
  const years = '"certificateValidityPeriod": "87600h", "caCertificateValidityPeriod": "87600h",'
  expect(asked).toEqual([
    expect.stringMatching(/^init phase certs all /),
    expect.stringMatching(/^init phase kubeconfig all /),
    expect.stringMatching(
      /^kubeconfig user --client-name=shopctl:coredns --validity-period=87600h /,
    ),
  ])
  for (const each of asked) expect(each).toContain(years)
  expect(readFileSync(join(folder, 'coredns.conf'), 'utf8')).toBe('{}')
})
