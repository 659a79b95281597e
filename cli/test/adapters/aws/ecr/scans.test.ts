// The scans of Amazon ECR: the real SDK against a server of our own, which answers as AWS documents it.
import { Agent } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEcr } from '../../../../src/adapters/aws/ecr/ecr.ts'
import { createScratch } from '../../../../src/adapters/scratch.ts'
import type { Scan, Scans } from '../../../../src/release/ports/images.ts'
import { type FakeEcrScans, type StoredScan, startEcrScans } from '../../../fakes/ecr-scans.ts'
import { aLimit, noMask } from '../../../fakes/host.ts'
import { createFakeScans } from '../../../fakes/images.ts'

const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
const repository = `${host}/shops/shop/order`
const digest = `sha256:${'a'.repeat(64)}`
let fake: FakeEcrScans

beforeEach(async () => {
  fake = await startEcrScans('shops/shop/order')
  for (const name of Object.keys(process.env).filter((each) => each.startsWith('AWS_')))
    vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_ENDPOINT_URL', fake.url)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's')
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
})
afterEach(() => {
  vi.unstubAllEnvs()
  fake.close()
})

function scansOf(): Scans {
  return createEcr({
    ...{ host, account: '123456789012', region: 'eu-central-1', role: null },
    ...{ limit: aLimit, env: process.env, scratch: createScratch() },
    agentOf: async () => new Agent(),
    mask: noMask,
  }).scans
}

async function read(scan: StoredScan | null): Promise<Scan> {
  fake.scans.set(digest, scan)
  return scansOf().read(repository, digest)
}

const basic = [
  {
    name: 'CVE-2026-1',
    severity: 'HIGH',
    attributes: [
      { key: 'package_version', value: '3.0.1' },
      { key: 'package_name', value: 'openssl' },
    ],
  },
  { name: 'CVE-2026-2' },
]
const found: Scan = {
  state: 'done',
  findings: [
    { id: 'CVE-2026-1', severity: 'HIGH', where: 'openssl 3.0.1' },
    { id: 'CVE-2026-2', severity: 'UNDEFINED', where: null },
  ],
}

describe('a basic scan', () => {
  it('is done when it is complete', async () => {
    expect(await read({ status: 'COMPLETE', findings: basic })).toEqual(found)
    expect(await read({ status: 'COMPLETE' })).toEqual({ state: 'done', findings: [] })
    expect(fake.asked[0]).toMatchObject({
      registryId: '123456789012',
      repositoryName: 'shops/shop/order',
    })
  })

  it('may have more findings than one answer holds', async () => {
    fake.pageSize = 2
    const findings = Array.from({ length: 5 }, (_, index) => ({ name: `CVE-${index}` }))
    const scan = await read({ status: 'COMPLETE', findings })
    expect(scan.state === 'done' && scan.findings.map(({ id }) => id)).toEqual(
      findings.map(({ name }) => name),
    )
    expect(fake.asked).toHaveLength(3)
  })
})

describe('an enhanced scan', () => {
  it('is done when it is active, without what is suppressed or closed', async () => {
    const one = (vulnerabilityId: string, status?: string) => ({
      severity: 'CRITICAL',
      ...(status && { status }),
      packageVulnerabilityDetails: {
        vulnerabilityId,
        vulnerablePackages: [{ name: 'log4j', version: '2.14' }],
      },
    })
    const enhancedFindings = [
      one('CVE-1', 'ACTIVE'),
      one('CVE-2', 'SUPPRESSED'),
      one('CVE-3', 'CLOSED'),
      one('CVE-4'),
      { title: 'A secret', severity: 'UNTRIAGED' },
    ]
    expect(await read({ status: 'ACTIVE', enhancedFindings })).toEqual({
      state: 'done',
      findings: [
        { id: 'CVE-1', severity: 'CRITICAL', where: 'log4j 2.14' },
        { id: 'CVE-4', severity: 'CRITICAL', where: 'log4j 2.14' },
        { id: 'A secret', severity: 'UNTRIAGED', where: null },
      ],
    })
  })
})

it.each<[string, StoredScan | null, RegExp]>([
  ['has not begun', null, /has no scan of it/],
  ['is under way', { status: 'IN_PROGRESS' }, /IN_PROGRESS/],
  ['waits', { status: 'PENDING' }, /PENDING/],
])('a scan that %s may come', async (_, scan, why) => {
  expect(await read(scan)).toEqual({ state: 'pending', why: expect.stringMatching(why) })
})

it.each<[string, StoredScan, RegExp]>([
  [
    'an image that cannot be scanned',
    { status: 'UNSUPPORTED_IMAGE', description: 'UnsupportedImageError: no OS.\nmore' },
    /does not support images of this kind \(UnsupportedImageError: no OS\)$/,
  ],
  ['a scan that failed', { status: 'FAILED' }, /the scan of Amazon ECR failed/],
  ['an old image', { status: 'SCAN_ELIGIBILITY_EXPIRED' }, /no longer scans/],
  ['what AWS may say one day', { status: 'NEW_STATUS', findings: basic }, /NEW_STATUS/],
])('%s has no findings to believe', async (_, scan, why) => {
  expect(await read(scan)).toEqual({ state: 'unavailable', why: expect.stringMatching(why) })
})

it('a missing repository is an error', async () => {
  fake.scans.set(digest, null)
  await expect(scansOf().read(`${host}/other`, digest)).rejects.toMatchObject({ code: 'aws-error' })
})

describe.each<[string, () => Promise<[Scans, (scan: StoredScan | null) => void]>]>([
  ['Amazon ECR', async () => [scansOf(), (scan) => fake.scans.set(digest, scan)]],
  [
    'memory',
    async () => {
      const scans = createFakeScans()
      return [
        scans,
        (scan) =>
          scans.answers.set(digest, [
            scan ? found : { state: 'pending', why: 'has no scan of it' },
          ]),
      ]
    },
  ],
])('the contract, in %s', (_, make) => {
  it('a scan that comes is found', async () => {
    const [scans, put] = await make()
    put(null)
    expect(await scans.read(repository, digest)).toMatchObject({ state: 'pending' })
    put({ status: 'COMPLETE', findings: basic })
    expect(await scans.read(repository, digest)).toEqual(found)
    expect(await scans.read(repository, digest)).toEqual(found)
  })
})
