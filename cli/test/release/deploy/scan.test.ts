// An environment that minds the findings of scans: which are refused, which are allowed, and how long a deploy waits.
import { describe, expect, it } from 'vitest'
import type { Severity } from '../../../src/config/gates.ts'
import { failed } from '../../../src/errors.ts'
import { judgeScan } from '../../../src/release/deploy/scan.ts'
import type { Finding, Scan } from '../../../src/release/ports/images.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

const image = { service: 'order', repository: 'r/shop/order', digest: `sha256:${'a'.repeat(64)}` }
const allowance = { id: 'CVE-2026-1', reason: 'not reachable', expires: '2026-01-31' }

function finding(severity: string, id = 'CVE-2026-1'): Finding {
  return { id, severity, where: 'openssl 3.0.1' }
}

function judge(findings: Finding[], severity: Severity = 'HIGH', allow = [allowance].slice(1)) {
  return judgeScan({ severity, allow }, image, { state: 'done', findings }, 60)
}

describe('a finding', () => {
  it.each<[string, Severity, boolean]>([
    ['CRITICAL', 'HIGH', true],
    ['HIGH', 'HIGH', true],
    ['MEDIUM', 'HIGH', false],
    ['LOW', 'HIGH', false],
    ['UNDEFINED', 'HIGH', false],
    ['UNTRIAGED', 'LOW', false],
    ['HIGH', 'CRITICAL', false],
    ['INFORMATIONAL', 'INFORMATIONAL', true],
    ['UNDEFINED', 'INFORMATIONAL', true],
  ])('of severity %s, with %s: refused %s', (found, severity, isRefused) => {
    expect(judge([finding(found)], severity) !== null).toBe(isRefused)
  })

  it('that is allowed does not hide another', () => {
    expect(judge([finding('HIGH')], 'HIGH', [allowance])).toBeNull()
    const both = [finding('HIGH'), finding('CRITICAL', 'CVE-2026-2')]
    expect(judge(both, 'HIGH', [allowance])).toMatchObject({
      code: 'scan-findings',
      message:
        'order (sha256:aaaaaaaaaaaa…) has 1 finding of severity HIGH or above: CVE-2026-2 (CRITICAL, openssl 3.0.1).',
      hint: expect.stringContaining('scan.allow'),
    })
  })

  it('of many is shown with the worst ones', () => {
    const many = Array.from({ length: 7 }, (_, index) => finding('HIGH', `CVE-${index}`))
    const message = judge([...many, finding('CRITICAL', 'CVE-9')])?.message
    expect(message).toMatch(/has 8 findings .*: CVE-9 \(.*\), CVE-0 .*CVE-3 \(.*\) and 3 more\.$/)
  })
})

const ecr = '{ context: a, registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/shops }'

function shopThatScans(allow = '[]'): Shop {
  const config = aFullConfig((text) =>
    text
      .replace('cluster: embedded', `cluster: ${ecr}`)
      .replace(
        'namespace: shop\n',
        `namespace: shop\n    scan: { severity: HIGH, allow: ${allow} }\n`,
      ),
  )
  return createShop({ config })
}

async function pushedDigests(shop: Shop): Promise<string[]> {
  await shop.deploy({}, { scans: null })
  await shop.cleanup()
  shop.world.log.length = 0
  return [...new Set(shop.world.engine.tags.values())]
}

const pending: Scan = { state: 'pending', why: 'its scan is PENDING' }
const clean: Scan = { state: 'done', findings: [] }

describe('a deploy', () => {
  it('names all images with findings, and writes nothing', async () => {
    const shop = shopThatScans()
    const { scans, log } = shop.world
    for (const digest of await pushedDigests(shop))
      scans.answers.set(digest, [{ state: 'done', findings: [finding('HIGH')] }])
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'scan-findings',
      exitCode: 2,
      message: expect.stringMatching(/^order .*CVE-2026-1.*\n {2}payment .*CVE-2026-1/),
    })
    expect(log).toEqual([])
  })

  it('says what it allows, and why', async () => {
    const shop = shopThatScans('[{ id: CVE-2026-1, reason: not reachable, expires: 2026-01-01 }]')
    const { scans, progress } = shop.world
    const [digest = ''] = await pushedDigests(shop)
    scans.answers.set(digest, [{ state: 'done', findings: [finding('HIGH')] }])
    expect(await shop.deploy()).toHaveLength(2)
    expect(progress.lines).toContain('order: CVE-2026-1 is allowed until 2026-01-01: not reachable')
  })

  it('waits for a scan that is under way', async () => {
    const shop = shopThatScans()
    const { scans, progress } = shop.world
    const [digest = ''] = await pushedDigests(shop)
    scans.answers.set(digest, [pending, pending, clean])
    expect(await shop.deploy()).toHaveLength(2)
    expect(progress.lines).toContain('wait for the scan of order')
  })

  it('does not wait longer than the limit', async () => {
    const shop = shopThatScans()
    const { scans, clock, log } = shop.world
    const [digest = ''] = await pushedDigests(shop)
    scans.answers.set(digest, [pending])
    const from = clock.monotonic()
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'scan-late',
      exitCode: 2,
      message: expect.stringMatching(
        /^order .* was not scanned within 60 s: its scan is PENDING\.$/,
      ),
      hint: expect.stringContaining('timeouts.scan'),
    })
    expect(clock.monotonic() - from).toBe(60_000)
    expect(log).toEqual([])
  })

  it('believes no image that cannot be scanned', async () => {
    const shop = shopThatScans()
    const { scans, log } = shop.world
    const [digest = ''] = await pushedDigests(shop)
    scans.answers.set(digest, [{ state: 'unavailable', why: 'it is odd' }])
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'scan-unavailable',
      exitCode: 2,
      message: expect.stringContaining('it is odd'),
    })
    expect(log).toEqual([])
  })

  it('that AWS does not answer is refused: nothing was changed', async () => {
    const shop = shopThatScans()
    const problem = { code: 'aws-error', message: 'Could not use Amazon ECR.', hint: 'Later.' }
    const scans = { read: () => Promise.reject(failed(problem)) }
    await expect(shop.deploy({}, { scans })).rejects.toMatchObject({ ...problem, exitCode: 2 })
    expect(shop.world.log).toEqual([])
  })

  it('does not ask about what is live', async () => {
    const shop = shopThatScans()
    await shop.release()
    shop.world.scans.asked.length = 0
    shop.commit('b', ['payment'])
    await shop.deploy()
    expect(shop.world.scans.asked).toHaveLength(1)
  })
})

describe('an allowance that is over', () => {
  const over = '[{ id: CVE-2026-1, reason: r, expires: 2025-12-31 }]'
  const refusal = {
    code: 'bad-config',
    exitCode: 2,
    message: expect.stringMatching(
      /^shopctl\.yaml:\d+:\d+: environments\.local\.scan\.allow\.0\.expires: expected a day that is not over: CVE-2026-1 was allowed until 2025-12-31$/,
    ),
  }

  it('is refused by a deploy, and by a release before it builds', async () => {
    const shop = shopThatScans(over)
    await expect(shop.deploy()).rejects.toMatchObject(refusal)
    shop.world.engine.built.length = 0
    shop.commit('b')
    await expect(shop.release()).rejects.toMatchObject(refusal)
    expect(shop.world.engine.built).toEqual([])
    expect(shop.world.log).toEqual([])
  })

  it('holds up no way back', async () => {
    const shop = shopThatScans('[{ id: CVE-2026-1, reason: r, expires: 2026-01-01 }]')
    await shop.release()
    shop.commit('b')
    await shop.release()
    await shop.cleanup()
    // A day later.
    await shop.world.clock.sleep(86_400_000)
    await expect(shop.deploy()).rejects.toMatchObject({ code: 'bad-config' })
    expect((await shop.rollback({ to: 'r-1' })).services).toHaveLength(2)
  })
})
