// The roots that come by TUF: from a repository of our own, kept, and through a proxy.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAttestations } from '../../../src/adapters/sigstore/attestations.ts'
import { createHttpProxy } from '../../fakes/api-server.ts'
import { aLimit } from '../../fakes/host.ts'
import { type FakeSigstore, startSigstore } from '../../fakes/sigstore.ts'
import { type FakeTuf, startTuf } from '../../fakes/tuf.ts'

const digest = `sha256:${'a'.repeat(64)}`
let folder = ''
let sigstore: FakeSigstore
let tuf: FakeTuf
let bundle = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tuf-'))
  sigstore = await startSigstore()
  tuf = await startTuf({ name: 'trusted_root.json', content: sigstore.root })
  writeFileSync(join(folder, 'root.json'), tuf.root)
  bundle = await sigstore.sign({ digest })
})
afterEach(() => {
  tuf.close()
  sigstore.close()
  rmSync(folder, { recursive: true })
})

function attestations(env: NodeJS.ProcessEnv = {}) {
  return createAttestations({
    ...{ folder: () => join(folder, 'kept'), limit: { ...aLimit, seconds: 1 }, env },
    mirror: { url: tuf.url, rootFile: join(folder, 'root.json') },
  })
}

it('are fetched once for all bundles, and kept for the next command', async () => {
  const mine = attestations()
  for (const bundles of [[bundle, bundle], [bundle]])
    expect((await mine.verify(bundles, null)).map(({ kind }) => kind)).toEqual(
      bundles.map(() => 'attestation'),
    )
  const fetched = (): number => tuf.asked.filter((path) => path.startsWith('/targets/')).length
  expect(fetched()).toBe(1)
  expect(readdirSync(join(folder, 'kept'))).toHaveLength(1)
  expect(await attestations().verify([bundle], null)).toMatchObject([{ kind: 'attestation' }])
  expect(fetched()).toBe(1)
})

it('are not fetched for nothing', async () => {
  expect(await attestations().verify([], null)).toEqual([])
  expect(tuf.asked).toEqual([])
})

async function refusal(message: RegExp): Promise<void> {
  const verifying = attestations().verify([bundle], null)
  await expect(verifying).rejects.toMatchObject({
    ...{ code: 'trusted-root-unreachable', exitCode: 2 },
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/gh attestation trusted-root > .*`trustedRoot`/),
  })
}

it('of another owner are not believed', async () => {
  const other = await startTuf({ name: 'trusted_root.json', content: sigstore.root })
  other.close()
  writeFileSync(join(folder, 'root.json'), other.root)
  await refusal(/sign/i)
})

it('that nobody renewed in time are not believed', async () => {
  tuf.close()
  const past = new Date(Date.now() - 60_000).toISOString()
  tuf = await startTuf({ name: 'trusted_root.json', content: sigstore.root }, past)
  writeFileSync(join(folder, 'root.json'), tuf.root)
  await refusal(/expired/)
})

it('that cannot be reached are named, with the way to do without', () => {
  tuf.close()
  return refusal(/^The roots of Sigstore cannot be fetched from http:\/\/127.*ECONNREFUSED/)
})

it('come through the proxy of the environment', async () => {
  const asked: string[] = []
  const proxy = createHttpProxy(Number(new URL(tuf.url).port), asked)
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const http_proxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  try {
    const mine = attestations({ http_proxy })
    expect(await mine.verify([bundle], null)).toMatchObject([{ kind: 'attestation' }])
    expect(asked).toContain(`CONNECT ${new URL(tuf.url).host}`)
  } finally {
    proxy.close()
  }
})
