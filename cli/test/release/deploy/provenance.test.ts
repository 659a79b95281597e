// An environment that asks for provenance gets no image without it, and nothing is written before that is known.
import { describe, expect, it } from 'vitest'
import { judgeProvenance } from '../../../src/release/deploy/provenance.ts'
import type { Attestation, Untrusted } from '../../../src/release/ports/images.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

const digest = `sha256:${'a'.repeat(64)}`
const image = { service: 'order', repository: 'r/shop/order', digest }
const repository = 'shop/shop'
const workflow = 'shop/releases/.github/workflows/shopctl.yml@refs/heads/main'
const good: Attestation = {
  kind: 'attestation',
  signer: `https://github.com/${workflow}`,
  issuer: 'https://token.actions.githubusercontent.com',
  repository: `https://github.com/${repository}`,
  predicateType: 'https://slsa.dev/provenance/v1',
  subjects: [`sha256:${'c'.repeat(64)}`, digest],
}
const untrusted: Untrusted = { kind: 'untrusted', why: 'no certificate' }

function judge(...found: (Attestation | Untrusted)[]) {
  return judgeProvenance({ repository, workflow }, image, found)
}

describe('a provenance', () => {
  it('is good, whatever others were added', () => {
    expect(judge(good)).toBeNull()
    expect(judge(untrusted, { ...good, subjects: [] }, good)).toBeNull()
  })

  it.each<[string, Partial<Attestation>, RegExp]>([
    ['for another image', { subjects: [`sha256:${'b'.repeat(64)}`] }, /is for another image/],
    ['for no image', { subjects: [] }, /is for another image/],
    [
      'of another workflow',
      { signer: 'https://github.com/shop/shop/.github/workflows/evil.yml@refs/heads/main' },
      /signed by shop\/shop\/\.github\/workflows\/evil\.yml@refs\/heads\/main, not by shop\/rel/,
    ],
    [
      'of the workflow as another branch has it',
      { signer: `${good.signer.replace('main', 'evil')}` },
      /signed by .*@refs\/heads\/evil, not by/,
    ],
    [
      'of a workflow whose name begins like it',
      { signer: `${good.signer}.evil` },
      /signed by .*main\.evil, not by/,
    ],
    [
      'of the same workflow on another host',
      { signer: good.signer.replace('github.com', 'github.com.evil.test') },
      /signed by https:\/\/github\.com\.evil\.test/,
    ],
    ['of nobody', { signer: '' }, /not by shop/],
    [
      'from another repository',
      { repository: 'https://github.com/shop/fork' },
      /names the source shop\/fork, not shop\/shop/,
    ],
    ['from an unknown repository', { repository: null }, /names the source none/],
    [
      'of a person',
      { issuer: 'https://accounts.google.com' },
      /signed by a user of https:\/\/accounts\.google\.com, not by GitHub Actions/,
    ],
    ['of another type', { predicateType: 'https://spdx.dev/Document' }, /of another type/],
  ])('%s is refused', (_, part, message) => {
    expect(judge({ ...good, ...part })).toMatchObject({
      code: 'provenance-differs',
      message: expect.stringMatching(message),
      hint: expect.stringContaining(workflow),
    })
  })

  it('that nobody vouches for is refused', () => {
    expect(judge(untrusted)).toMatchObject({
      code: 'provenance-untrusted',
      message: expect.stringContaining('no certificate'),
      hint: expect.stringContaining('gh attestation trusted-root'),
    })
  })

  it('that is missing is refused', () => {
    expect(judge()).toMatchObject({
      code: 'no-provenance',
      message: `order (sha256:aaaaaaaaaaaa…) has no provenance in r/shop/order.`,
      hint: expect.stringContaining('push-to-registry: true'),
    })
  })

  it('of which several are wrong is explained by the one that lacks least', () => {
    const other = { ...good, repository: null }
    for (const found of [
      [untrusted, other],
      [other, untrusted],
    ])
      expect(judge(...found)?.message).toContain('names the source none')
  })
})

const settings = `provenance: { repository: ${repository}, workflow: ${workflow} }`

function shopThatAsks(more = settings): Shop {
  const config = aFullConfig((text) =>
    text.replace('namespace: shop\n', `namespace: shop\n    ${more}\n`),
  )
  return createShop({ config })
}

/** Attests what was pushed last. */
function attest({ world }: Shop, services: readonly string[]): void {
  for (const [reference, each] of world.engine.tags) {
    if (!services.some((name) => reference.includes(`/${name}:`))) continue
    const content = JSON.stringify({ ...good, subjects: [each] })
    const type = 'application/vnd.dev.sigstore.bundle.v0.3+json'
    world.engine.attached.set(each, [{ type, content }])
  }
}

describe('a deploy', () => {
  it('names all images without provenance, and writes nothing', async () => {
    const shop = shopThatAsks()
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'no-provenance',
      exitCode: 2,
      message: expect.stringMatching(/^order .*\n {2}payment .*/),
    })
    expect(shop.world.log).toEqual([])
    expect(shop.world.state.journal.closed).toEqual([])
    attest(shop, ['order'])
    await expect(shop.deploy()).rejects.toMatchObject({
      message: expect.stringMatching(/^payment/),
    })
    expect(shop.world.log).toEqual([])
    attest(shop, ['payment'])
    expect(await shop.deploy()).toHaveLength(2)
  })

  it('does not ask for what is live already', async () => {
    const shop = shopThatAsks()
    await shop.deploy().catch(() => {})
    attest(shop, ['order', 'payment'])
    await shop.release()
    shop.world.engine.attached.clear()
    shop.commit('b', ['payment'])
    await expect(shop.deploy()).rejects.toMatchObject({
      message: expect.stringMatching(/^payment[^\n]*$/),
    })
  })

  it('that goes back is not held up', async () => {
    const shop = shopThatAsks()
    await shop.deploy().catch(() => {})
    attest(shop, ['order', 'payment'])
    await shop.release()
    shop.commit('b')
    await shop.deploy().catch(() => {})
    attest(shop, ['order', 'payment'])
    await shop.release()
    await shop.cleanup()
    shop.world.engine.attached.clear()
    const moved = await shop.rollback({ to: 'r-1' })
    expect(moved.services).toHaveLength(2)
  })

  it('needs the file of the roots', async () => {
    const shop = shopThatAsks(settings.replace(' }', ', trustedRoot: roots.jsonl }'))
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'no-trusted-root',
      exitCode: 2,
      message: expect.stringMatching(
        /^shopctl\.yaml:\d+:\d+: environments\.local\.provenance\.trustedRoot: there is no trusted root roots\.jsonl\.$/,
      ),
    })
  })
})
