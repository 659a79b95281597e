// Signatures of an instance of Sigstore of our own: which are believed, and what is said of the others.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAttestations } from '../../../src/adapters/sigstore/attestations.ts'
import { aLimit } from '../../fakes/host.ts'
import { aSigning, type FakeSigstore, githubIssuer, startSigstore } from '../../fakes/sigstore.ts'

const digest = `sha256:${'a'.repeat(64)}`
const attestations = createAttestations({ folder: () => '/none', limit: aLimit, env: {} })
const instances = new Map<string, FakeSigstore>()

beforeAll(async () => {
  for (const kind of ['public', 'private'] as const) instances.set(kind, await startSigstore(kind))
  instances.set('other', await startSigstore())
})
afterAll(() => {
  for (const each of instances.values()) each.close()
})

function instance(kind: string): FakeSigstore {
  return instances.get(kind) as FakeSigstore
}

function roots(...kinds: string[]) {
  return { file: 'roots.jsonl', text: kinds.map((kind) => `${instance(kind).root}\n`).join('') }
}

describe.each(['public', 'private'])('an attestation of the %s instance', (kind) => {
  const expected = {
    kind: 'attestation',
    signer: `https://github.com/${aSigning.workflow}`,
    issuer: githubIssuer,
    repository: 'https://github.com/shop/shop',
    predicateType: 'https://slsa.dev/provenance/v1',
    subjects: [digest],
  }
  it('says who signed what', async () => {
    const bundle = await instance(kind).sign({ digest })
    expect(await attestations.verify([bundle], roots(kind))).toEqual([expected])
  })

  it('is checked against each of several roots', async () => {
    const bundle = await instance(kind).sign({ digest })
    expect(await attestations.verify([bundle], roots('other', 'private', 'public'))).toEqual([
      expected,
    ])
  })

  it('of nobody who is trusted is not believed', async () => {
    const bundle = await instance(kind).sign({ digest })
    expect(await attestations.verify([bundle], roots('other'))).toEqual([
      { kind: 'untrusted', why: expect.stringMatching(/./) },
    ])
  })

  it('with another content is not believed', async () => {
    const bundle = JSON.parse(await instance(kind).sign({ digest }))
    const statement = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()
    const other = statement.replace(/a{64}/, 'b'.repeat(64))
    bundle.dsseEnvelope.payload = Buffer.from(other).toString('base64')
    const [result] = await attestations.verify([JSON.stringify(bundle)], roots(kind))
    expect(result).toMatchObject({ kind: 'untrusted' })
  })

  it('without its time is not believed', async () => {
    const bundle = JSON.parse(await instance(kind).sign({ digest }))
    bundle.verificationMaterial.tlogEntries = []
    bundle.verificationMaterial.timestampVerificationData = undefined
    const [result] = await attestations.verify([JSON.stringify(bundle)], roots(kind))
    expect(result).toMatchObject({ kind: 'untrusted' })
  })
})

it('a signature that is not in the log of the public instance is not believed', async () => {
  const bundle = await instance('public').sign({ digest, isLogged: false })
  expect(await attestations.verify([bundle], roots('public'))).toEqual([
    { kind: 'untrusted', why: expect.stringMatching(/tlog entries/) },
  ])
})

it('several are checked at once', async () => {
  const good = await instance('public').sign({ digest })
  const results = await attestations.verify([good, '{}', 'x', good], roots('public'))
  expect(results.map(({ kind }) => kind)).toEqual([
    'attestation',
    'untrusted',
    'untrusted',
    'attestation',
  ])
})

it.each([
  ['text/plain', /type text\/plain/],
  ['application/vnd.in-toto+json; x', /type application/],
])('a signed %s is no statement', async (payloadType, why) => {
  const bundle = await instance('public').sign({ digest, payloadType })
  expect(await attestations.verify([bundle], roots('public'))).toEqual([
    { kind: 'untrusted', why: expect.stringMatching(why) },
  ])
})

it.each(['', '{}', 'no json', '[]', 'null', '{"certificateAuthorities":7}'])(
  'the file %j has no roots',
  async (text) => {
    await expect(attestations.verify(['{}'], { file: 'roots.jsonl', text })).rejects.toMatchObject({
      code: 'bad-trusted-root',
      exitCode: 2,
      message: expect.stringContaining('roots.jsonl'),
      hint: expect.stringContaining('gh attestation trusted-root'),
    })
  },
)

it('a file with one root that cannot be read is refused', async () => {
  const text = `${roots('public').text}{}\n`
  await expect(attestations.verify(['{}'], { file: 'f', text })).rejects.toMatchObject({
    code: 'bad-trusted-root',
  })
})
