// How the workflow of a release attests its images, read as data.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'

interface Job {
  strategy: { matrix: object }
  steps: { name: string; run?: string; with?: object }[]
}

const file = join(import.meta.dirname, '../../../.github/workflows/shopctl.yml')
const { images, attest } = (parse(readFileSync(file, 'utf8')) as { jobs: Record<string, Job> })
  .jobs as { images: Job; attest: Job }

it('each image gets an attestation of its own in the registry, which takes only one at a time', () => {
  expect(attest.strategy.matrix).toEqual({
    image: `\${{ fromJSON(needs.images.outputs.images) }}`,
  })
  expect(attest.steps.at(-1)?.with).toEqual({
    'subject-name': `\${{ matrix.image.name }}`,
    'subject-digest': `\${{ matrix.image.digest }}`,
    'push-to-registry': true,
    'create-storage-record': false,
  })
})

// A runner of GitHub has jq; a machine for the tests may not.
const hasJq = spawnSync('jq', ['--version']).status === 0
it.skipIf(!hasJq)('the list of images is what shopctl pushed', () => {
  const step = images.steps.find(({ name }) => name === 'List the images')
  const folder = mkdtempSync(join(tmpdir(), 'images-'))
  const reference = `r.test:5000/shops/shop/order@sha256:${'a'.repeat(64)}`
  writeFileSync(join(folder, 'pushed.json'), JSON.stringify({ images: [{ reference }] }))
  const output = join(folder, 'output')
  execFileSync('bash', ['-ec', step?.run ?? 'false'], {
    env: { ...process.env, RUNNER_TEMP: folder, GITHUB_OUTPUT: output },
  })
  const [, listed = ''] = /^images=(.*)\n$/.exec(readFileSync(output, 'utf8')) ?? []
  rmSync(folder, { recursive: true })
  expect(JSON.parse(listed)).toEqual([
    {
      name: 'r.test:5000/shops/shop/order',
      digest: `sha256:${'a'.repeat(64)}`,
      registry: 'r.test:5000',
    },
  ])
})
