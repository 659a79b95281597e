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

/** `next`: the path of the page after a path. */
async function read(
  paths: Record<string, string> | ((path: string) => string | undefined),
  next: (path: string) => string | null = () => null,
): Promise<string[]> {
  const textOf = typeof paths === 'function' ? paths : (path: string) => paths[path]
  const answer = async (path: string) => {
    const text = textOf(path)
    return text === undefined ? null : { content: Buffer.from(text), next: next(path) }
  }
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

  it('by pages of the API, and by the tag', async () => {
    const third = artifact('third')
    const [second, last] = [`${api}&last=1`, `${api}&last=2`]
    const lists = {
      [api]: index(one),
      [second]: index(),
      [last]: index(other),
      [tag]: index(third),
    }
    const paths = { ...one.paths, ...other.paths, ...third.paths, ...lists }
    const next = (path: string) => ({ [api]: second, [second]: last })[path] ?? null
    expect(await read(paths, next)).toEqual(['one', 'other', 'third'])
    // A page that is gone, or is none, ends the list.
    delete (paths as Record<string, string>)[last]
    expect(await read({ ...paths, [second]: '<html>' }, next)).toEqual(['one', 'third'])
  })

  it.each([
    ['by pages without end, up to a number of them', 0, 20],
    ['by long pages, up to a size of all of them', 2 ** 21, 2],
  ])('%s', async (_, bytes, expected) => {
    let asked = 0
    const textOf = (path: string): string | undefined => {
      if (!path.startsWith('referrers/')) return { ...one.paths, [tag]: index(one) }[path]
      asked += 1
      return ' '.repeat(bytes) + index(other)
    }
    expect(await read(textOf, (path) => `${path}&`)).toEqual(['one'])
    expect(asked).toBe(expected)
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
