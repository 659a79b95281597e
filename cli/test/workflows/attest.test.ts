// How the workflow of a release attests its images, read as data.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'

interface Job {
  strategy: { matrix: object }
  outputs?: object
  steps: { name: string; with?: object }[]
}

const file = join(import.meta.dirname, '../../../.github/workflows/shopctl.yml')
const { images, attest } = (parse(readFileSync(file, 'utf8')) as { jobs: Record<string, Job> })
  .jobs as { images: Job; attest: Job }

it('each image gets an attestation of its own in the registry, which takes only one at a time', () => {
  expect(images.outputs).toMatchObject({ images: `\${{ steps.push.outputs.images }}` })
  expect(attest.strategy.matrix).toEqual({
    image: `\${{ fromJSON(inputs.digests == '' && needs.images.outputs.images || '[]') }}`,
  })
  expect(attest.steps.at(-1)?.with).toEqual({
    'subject-name': `\${{ matrix.image.name }}`,
    'subject-digest': `\${{ matrix.image.digest }}`,
    'push-to-registry': true,
    'create-storage-record': false,
  })
})
