// The certificates of a platform, made and renewed by the real kubeadm in a folder of the test's own.
import { X509Certificate } from 'node:crypto'
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import type { Machine } from '../../src/platform/component.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { itemsOf, machineOf } from '../../src/platform/parts.ts'
import { createPki, dueCertificates } from '../../src/platform/pki.ts'

const shell = createShell()
const year = 365 * 24 * 3_600_000
let machine: Machine
let pki: string
let first: string

beforeAll(async () => {
  const cache = await mkdtemp(join(tmpdir(), 'certificates-'))
  const installed = layoutOf(
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl'),
  )
  const layout = layoutOf(cache)
  machine = { ...machineOf(installed, await itemsOf(shell, installed)), layout }
  pki = layout.pki
  first = join(cache, 'first')
  await createPki(shell, machine, Date.now())
  await cp(pki, first, { recursive: true })
}, 120_000)
beforeEach(async () => {
  await rm(pki, { recursive: true })
  await cp(first, pki, { recursive: true })
})
afterAll(() => rm(machine.layout.cache, { recursive: true }))

async function certificates(): Promise<Record<string, X509Certificate>> {
  const entries = await readdir(pki, { recursive: true })
  const found = await Promise.all(
    entries
      .filter((file) => /\.(crt|conf)$/.test(file))
      .map(async (file) => {
        const text = await readFile(join(pki, file), 'utf8')
        const [, data] = /client-certificate-data: (\S+)/.exec(text) ?? []
        return [file, new X509Certificate(data ? Buffer.from(data, 'base64') : text)] as const
      }),
  )
  return Object.fromEntries(found)
}

async function prints(): Promise<Record<string, string>> {
  const found = await certificates()
  return Object.fromEntries(
    Object.entries(found).map(([file, { fingerprint256 }]) => [file, fingerprint256]),
  )
}

/** Runs `createPki` and names the files that it made anew. */
async function renewed(): Promise<string[]> {
  const before = await prints()
  await createPki(shell, machine, Date.now())
  expect(await dueCertificates(pki, Date.now())).toEqual([])
  const after = await prints()
  return Object.keys(after)
    .filter((file) => after[file] !== before[file])
    .sort()
}

it('all of them are valid for ten years, and only root can read the keys', async () => {
  const found = await certificates()
  expect(Object.keys(found)).toHaveLength(18)
  for (const [file, { validToDate }] of Object.entries(found))
    expect([file, Math.round((validToDate.getTime() - Date.now()) / year)]).toEqual([file, 10])
  const entries = await readdir(pki, { recursive: true })
  for (const file of entries.filter((name) => /\.(key|conf)$/.test(name)))
    expect([file, (await stat(join(pki, file))).mode & 0o777]).toEqual([file, 0o600])
  expect(await renewed()).toEqual([])
})

/** Signs the certificate of the key again, for less time. */
async function shorten(file: string, days: number): Promise<void> {
  const [certificate, key] = [join(pki, file), join(pki, file.replace('.crt', '.key'))]
  const ca = ['-CA', join(pki, 'ca.crt'), '-CAkey', join(pki, 'ca.key')]
  const request = ['req', '-x509', '-new', '-key', key, '-subj', '/CN=soon', '-days', `${days}`]
  await shell.check({ program: 'openssl', args: [...request, ...ca, '-out', certificate] })
}

describe('are renewed', () => {
  it('when one ends soon, and the others stay', async () => {
    await shorten('apiserver.crt', 30)
    expect(await renewed()).toEqual(['apiserver.crt'])
  })

  it('when a kubeconfig is missing or damaged', async () => {
    await rm(join(pki, 'kube-proxy.conf'))
    await writeFile(join(pki, 'kubelet.conf'), 'nonsense')
    await createPki(shell, machine, Date.now())
    expect(await dueCertificates(pki, Date.now())).toEqual([])
  })

  it('with their authority, but not the key of the tokens that pods have', async () => {
    const tokens = await readFile(join(pki, 'sa.key'), 'utf8')
    await rm(join(pki, 'ca.crt'))
    const made = await renewed()
    expect(made).toContain('ca.crt')
    expect(made).toHaveLength(11)
    expect(made.filter((file) => /etcd|front-proxy/.test(file))).toEqual([])
    expect(await readFile(join(pki, 'sa.key'), 'utf8')).toBe(tokens)
  })

  it('by the next run, where one was killed half-way', async () => {
    const other = await mkdtemp(join(tmpdir(), 'half-'))
    await cp(pki, other, { recursive: true })
    await rm(join(pki, 'ca.crt'))
    await createPki(shell, machine, Date.now())
    // The new certificate is there, its key and all others are still the old ones.
    await cp(join(pki, 'ca.crt'), join(other, 'ca.crt'))
    await rm(pki, { recursive: true })
    await cp(other, pki, { recursive: true })
    await rm(other, { recursive: true })
    expect(await renewed()).toHaveLength(11)
  })

  it('when the clock was set back to before they were made', async () => {
    const before = Date.now() - 20 * year
    expect(await dueCertificates(pki, before)).toHaveLength(18)
  })
})
