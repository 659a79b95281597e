// The contract of a registry: in memory, over HTTP, and the platform's.
import { expect, it } from 'vitest'
import type { Registry } from '../../src/release/ports/project.ts'

export interface RegistryUnderTest {
  registry: Registry
  /** A repository with one image, tagged `there`. */
  repository: string
}

export function registryContract(make: () => Promise<RegistryUnderTest>): void {
  it('returns the digest of a tag, and null for a missing one', async () => {
    const { registry, repository } = await make()
    expect(await registry.digest(repository, 'there')).toMatch(/^sha256:/)
    expect(await registry.digest(repository, 'not-there')).toBeNull()
    expect(await registry.digest(`${repository}-not-there`, 'there')).toBeNull()
  })

  it('returns a digest that it has, and null for another', async () => {
    const { registry, repository } = await make()
    const digest = (await registry.digest(repository, 'there')) ?? ''
    expect(await registry.digest(repository, digest)).toBe(digest)
    expect(await registry.digest(repository, `sha256:${'0'.repeat(64)}`)).toBeNull()
  })

  it('reads the labels of an image', async () => {
    const { registry, repository } = await make()
    const digest = (await registry.digest(repository, 'there')) ?? ''
    expect(await registry.labels(repository, digest)).toEqual({ 'dev.shopctl.inputs': 'there' })
  })

  it('knows nothing that refers to the image', async () => {
    const { registry, repository } = await make()
    const digest = (await registry.digest(repository, 'there')) ?? ''
    expect(await registry.referrers(repository, digest, 'application/x')).toEqual([])
  })

  it('gives an image another tag with the same digest', async () => {
    const { registry, repository } = await make()
    const digest = await registry.digest(repository, 'there')
    await registry.tag(repository, digest ?? '', 'again')
    expect(await registry.digest(repository, 'again')).toBe(digest)
  })

  it('does not tag an image that it does not have', async () => {
    const { registry, repository } = await make()
    const tagging = registry.tag(repository, `sha256:${'0'.repeat(64)}`, 'never')
    await expect(tagging).rejects.toMatchObject({ code: 'registry-error' })
    expect(await registry.digest(repository, 'never')).toBeNull()
  })
}
