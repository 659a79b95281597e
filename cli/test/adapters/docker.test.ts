import { expect, it } from 'vitest'
import { createDocker } from '../../src/adapters/docker.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import type { Finished, Shell } from '../../src/adapters/shell.ts'
import { aLimit } from '../fakes/host.ts'

const down = 'ERROR: Cannot connect to the Docker daemon at unix:///x.sock. Is it running?'
function finished(exitCode: number, stderr: string, stdout = ''): Finished {
  return { exitCode, stdout, stderr, output: `${stdout}${stderr}` }
}

function dockerAnswering(answers: Finished[]) {
  const run: Shell['run'] = async () => answers.shift() ?? finished(0, '')
  const shell: Shell = { run, check: async () => '' }
  const { signal } = new AbortController()
  const limits = { inspect: aLimit, build: aLimit, push: aLimit }
  const scratch = createScratch()
  return createDocker(shell, { program: 'docker', env: {}, root: '/', signal, limits, scratch })
}
const image = { context: 'order', labels: {} }
const digest = `sha256:${'a'.repeat(64)}`

it('an engine that is down is a refusal at the start, and later a failure', async () => {
  await expect(dockerAnswering([finished(1, down)]).build(image)).rejects.toMatchObject({
    code: 'engine-unreachable',
    exitCode: 2,
    message: expect.stringContaining('unix:///x.sock'),
    hint: expect.not.stringContaining('Dockerfile'),
  })
  const sent = `1: digest: ${digest} size: 7`
  const stopping = dockerAnswering([finished(0, '', sent), finished(1, down)])
  expect(await stopping.push('r:1')).toBe(digest)
  await expect(stopping.push('r:2')).rejects.toMatchObject({ exitCode: 1 })
})

it('a missing image is no error, and a failed build points to the Dockerfile', async () => {
  const docker = dockerAnswering([
    finished(1, 'Error: No such image: r:1'),
    finished(1, '#8 0.213 Cannot connect to the Docker daemon'),
  ])
  expect(await docker.labels('r:1')).toBeNull()
  await expect(docker.build(image)).rejects.toMatchObject({
    code: 'build-failed',
    exitCode: 1,
    hint: expect.stringContaining('order/Dockerfile'),
  })
})

it('an image that no builder loaded into the engine cannot be tagged, and the hint says why', async () => {
  const docker = dockerAnswering([finished(1, 'Error: No such image: sha256:a')])
  await expect(docker.tag('sha256:a', ['r:1'])).rejects.toMatchObject({
    code: 'build-failed',
    message: expect.stringContaining('No such image'),
    hint: expect.stringContaining('BUILDX_BUILDER'),
  })
})

it('a base image that cannot be asked has no newest digest', async () => {
  const name = 'docker.io/library/node:24'
  const lines = `#2 [internal] load metadata for ${name}\n#4 [1/1] FROM ${name}@${digest}\n`
  const docker = dockerAnswering([finished(0, lines), finished(1, 'ERROR: not found')])
  expect(await docker.newestBase(name)).toBe(digest)
  expect(await docker.newestBase(name)).toBeNull()
})

it.each([
  ['no basic auth credentials', 2],
  ['denied: requested access to the resource is denied', 2],
  ['unauthorized: authentication required', 2],
  ['received unexpected HTTP status: 500 Internal Server Error', 1],
])('a push that ends with %j has exit status %i, and after another push 1', async (words, exit) => {
  const reference = 'ghcr.io/me/shop/order:1'
  const sent = finished(0, '', `1: digest: ${digest} size: 7`)
  const hint = exit === 2 ? 'docker login ghcr.io' : 'accepts pushes'
  await expect(dockerAnswering([finished(1, words)]).push(reference)).rejects.toMatchObject({
    exitCode: exit,
    message: expect.stringContaining(words),
    hint: expect.stringContaining(hint),
  })
  const second = dockerAnswering([sent, finished(1, words)])
  await second.push(reference)
  await expect(second.push(reference)).rejects.toMatchObject({ exitCode: 1 })
})
