// What refers to an image: listed by the registry's API, by a tag, or by both.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readReferrers } from '../../../src/adapters/registry/referrers.ts'

const type = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const image = `sha256:${'a'.repeat(64)}`
const api = `referrers/${image}?artifactType=application%2Fvnd.dev.sigstore.bundle.v0.3%2Bjson`
const tag = `manifests/sha256-${'a'.repeat(64)}`

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

interface Stored {
  paths: Record<string, string>
  digest: string
}

function artifact(content: string, size = content.length): Stored {
  const manifest = JSON.stringify({ layers: [{ digest: digestOf(content), size }] })
  const digest = digestOf(manifest)
  return {
    digest,
    paths: { [`manifests/${digest}`]: manifest, [`blobs/${digestOf(content)}`]: content },
  }
}

function index(...found: (Stored & { artifactType?: string })[]): string {
  return JSON.stringify({
    manifests: found.map(({ digest, artifactType = type }) => ({ digest, artifactType })),
  })
}

const [one, other] = [artifact('one'), artifact('other')]

async function read(paths: Record<string, string>): Promise<string[]> {
  const answer = async (path: string) => (path in paths ? Buffer.from(paths[path] ?? '') : null)
  const check = (digest: string, content: Buffer): Buffer => {
    if (digestOf(content.toString()) !== digest) throw new Error('other content')
    return content
  }
  return readReferrers(answer, { digest: image, check }, type)
}

describe('what refers to an image', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['nothing', {}, []],
    ['by the API', { [api]: index(one) }, ['one']],
    ['by the tag', { [tag]: index(one, other) }, ['one', 'other']],
    // actions/attest writes the tag in Amazon ECR.
    ['by the tag where the API knows nothing', { [api]: index(), [tag]: index(one) }, ['one']],
    ['by both, once', { [api]: index(one), [tag]: index(other, one) }, ['one', 'other']],
    [
      'of another type',
      { [tag]: index({ ...one, artifactType: 'application/x' }, other) },
      ['other'],
    ],
    ['by an index that is none', { [api]: '<html>', [tag]: '{"manifests":7}' }, []],
    ['that is gone', { [tag]: index({ paths: {}, digest: digestOf('gone') }, one) }, ['one']],
  ])('%s', async (_, lists, expected) => {
    expect(await read({ ...one.paths, ...other.paths, ...lists })).toEqual(expected)
  })

  it('with other content than its digest says is refused', async () => {
    for (const path of Object.keys(one.paths)) {
      const changed = { ...one.paths, [path]: '{"layers":[]}', [tag]: index(one) }
      await expect(read(changed)).rejects.toThrow('other content')
    }
  })

  it('by a digest that cannot be checked is left out, and does no harm to others', async () => {
    const named = (digest: string): Stored => {
      const manifest = JSON.stringify({ layers: [{ digest, size: 3 }] })
      const [at, path] = [digestOf(manifest), `blobs/${digest}`]
      return { digest: at, paths: { [`manifests/${at}`]: manifest, [path]: 'one' } }
    }
    const foreign = [`sha512:${'a'.repeat(128)}`, '../../../other/manifests/1'].map(named)
    const odd = { digest: `sha512:${'b'.repeat(128)}`, paths: {} }
    const paths = Object.assign({}, ...[...foreign, one].map((each) => each.paths))
    paths[`manifests/${odd.digest}`] = '{"layers":[]}'
    expect(await read({ ...paths, [tag]: index(...foreign, odd, one) })).toEqual(['one'])
  })

  it('that is too large, or has no content, is left out', async () => {
    const large = artifact('large', 2 ** 23)
    const empty = { digest: digestOf('{"layers":[]}') }
    const paths = { ...large.paths, [`manifests/${empty.digest}`]: '{"layers":[]}', ...one.paths }
    const found = [large, { ...empty, paths: {} }, one]
    expect(await read({ ...paths, [tag]: index(...found) })).toEqual(['one'])
  })

  it('is read up to a limit, the newest first', async () => {
    const many = Array.from({ length: 60 }, (_, number) => artifact(`artifact ${number}`))
    const paths = Object.assign({}, ...many.map((each) => each.paths))
    const found = await read({ ...paths, [tag]: index(...many) })
    expect(found).toHaveLength(50)
    expect(found.at(-1)).toBe('artifact 59')
  })
})
