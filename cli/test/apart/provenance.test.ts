// The provenance of images in the real registry program, pushed there by the library of actions/attest. No cluster.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDockerLogins } from '../../src/adapters/registry/docker-logins.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { createAttestations } from '../../src/adapters/sigstore/attestations.ts'
import type { ImageOf } from '../../src/release/deploy/images.ts'
import { requireProvenance } from '../../src/release/deploy/provenance.ts'
import { aFullConfig, createTree } from '../fakes/config.ts'
import { aLimit, noMask } from '../fakes/host.ts'
import {
  aSigning,
  attestImage,
  type FakeSigstore,
  type Signing,
  startSigstore,
} from '../fakes/sigstore.ts'
import { pushImage, type RegistryServer, startRegistry } from './registry-server.ts'

const credentials = { username: 'ada', password: 'pa:ss word' }
/** Its bcrypt hash. */
const hash = '$2y$05$abcdefghijklmnopqrstuuDvFYunEEkRAUw6hKd4mLN/wdxTQz.ki'
const names = ['good', 'bare', 'twice', 'evil', 'branch', 'fork', 'swapped', 'unknown', 'spdx']

let folder = ''
let server: RegistryServer
let sigstore: FakeSigstore
let stranger: FakeSigstore
const images: Record<string, ImageOf> = {}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provenance-'))
  ;[sigstore, stranger] = await Promise.all([startSigstore(), startSigstore()])
  const open = await startRegistry(folder)
  for (const name of names) await pushImage(open.address, `shop/${name}`, name)
  await open.stop()
  const path = join(folder, 'htpasswd')
  writeFileSync(path, `${credentials.username}:${hash}\n`)
  server = await startRegistry(folder, { auth: { htpasswd: { realm: 'shop', path } } })
  for (const service of names) {
    const repository = `${server.address}/shop/${service}`
    const digest = (await registry().digest(repository, service)) ?? ''
    images[service] = { service, repository, digest }
  }
  const { digest } = image('good')
  const evil = { workflow: aSigning.workflow.replace('shopctl.yml', 'evil.yml') }
  await attest('good')
  await attest('twice', evil)
  await attest('twice')
  await attest('evil', evil)
  await attest('branch', { workflow: aSigning.workflow.replace('main', 'evil') })
  await attest('fork', { repository: 'evil/shop' })
  await attest('swapped', { digest })
  await attest('unknown', {}, stranger)
  await attest('spdx', { predicateType: 'https://spdx.dev/Document' })
})
afterAll(async () => {
  await server.stop()
  sigstore.close()
  stranger.close()
  rmSync(folder, { recursive: true })
})

function image(service: string): ImageOf {
  return images[service] as ImageOf
}

async function attest(service: string, over: Partial<Signing> = {}, by = sigstore): Promise<void> {
  const { repository: name, digest } = image(service)
  await attestImage(by, { name, digest, credentials }, over)
}

function registry() {
  const { username, password } = credentials
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ auths: { [server.address]: { auth } } }),
  )
  const env = { DOCKER_CONFIG: folder }
  return createRegistry({
    limit: aLimit,
    logins: createDockerLogins(createShell(), { env, limit: aLimit, mask: noMask }),
  })
}

async function verify(...services: string[]): Promise<void> {
  const { repository, workflow } = aSigning
  const settings = `{ repository: ${repository}, workflow: ${workflow}, trustedRoot: roots.jsonl }`
  const config = aFullConfig((text) =>
    text.replace('namespace: shop\n', `namespace: shop\n    provenance: ${settings}\n`),
  )
  const environment = config.environments.local
  if (!environment) throw new Error('no environment')
  const source = createTree()
  source.contents['roots.jsonl'] = `${sigstore.root}\n`
  const attestations = createAttestations({ folder: () => folder, limit: aLimit, env: {} })
  const ports = { registry: registry(), attestations, source }
  await requireProvenance(ports, { config, env: 'local', environment }, services.map(image))
}

it('a provenance of the workflow is accepted, among others too', async () => {
  await verify('good')
  await verify('twice')
  await verify('good', 'twice')
})

it.each([
  [
    'bare',
    'no-provenance',
    /^bare \(sha256:.*…\) has no provenance in 127\.0\.0\.1:\d+\/shop\/bare\.$/,
  ],
  ['evil', 'provenance-differs', /signed by shop\/releases\/\.github\/workflows\/evil\.yml@/],
  ['branch', 'provenance-differs', /signed by .*shopctl\.yml@refs\/heads\/evil, not by/],
  ['fork', 'provenance-differs', /names the source evil\/shop, not shop\/shop/],
  ['swapped', 'provenance-differs', /is for another image/],
  ['unknown', 'provenance-untrusted', /cannot be trusted: \S+/],
  ['spdx', 'provenance-differs', /is of another type, https:\/\/spdx\.dev\/Document/],
])('%s is refused: %s', async (name, code, message) => {
  await expect(verify(name)).rejects.toMatchObject({
    ...{ code, exitCode: 2 },
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  })
})

it('all images are judged at once', async () => {
  await expect(verify('good', 'evil', 'bare')).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/^The provenance of evil .*\n {2}bare .* has no provenance/),
  })
})

it('a registry that is away is named', async () => {
  const { digest } = image('good')
  images.away = { service: 'away', repository: '127.0.0.1:1/shop/away', digest }
  await expect(verify('away')).rejects.toMatchObject({ code: 'registry-unreachable', exitCode: 2 })
})
