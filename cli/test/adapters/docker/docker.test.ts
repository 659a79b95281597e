import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createDocker, type DockerOptions } from '../../../src/adapters/docker/docker.ts'
import { createScratch } from '../../../src/adapters/scratch.ts'
import type { Finished, Shell } from '../../../src/adapters/shell.ts'
import { refused } from '../../../src/errors.ts'
import { aLimit } from '../../fakes/host.ts'

const down = 'ERROR: Cannot connect to the Docker daemon at unix:///x.sock. Is it running?'
function finished(exitCode: number, stderr: string, stdout = ''): Finished {
  return { exitCode, stdout, stderr, output: `${stdout}${stderr}` }
}

/** The commands are added to `ran`. */
function dockerAnswering(
  answers: Finished[],
  { ran = [], ...more }: { ran?: string[] } & Partial<DockerOptions> = {},
) {
  const run: Shell['run'] = async ({ args, env }) => {
    ran.push([env?.DOCKER_CONFIG ?? '', ...args].join(' ').trim())
    const file = args[args.indexOf('--metadata-file') + 1]
    if (args.includes('--metadata-file') && file) writeFileSync(file, JSON.stringify(metadata))
    return answers.shift() ?? finished(0, '')
  }
  const shell: Shell = { run, check: async () => '' }
  const { signal } = new AbortController()
  const limits = { inspect: aLimit, build: aLimit, push: aLimit }
  const scratch = createScratch()
  return createDocker(shell, {
    program: 'docker',
    env: {},
    root: '/',
    signal,
    limits,
    scratch,
    ...more,
  })
}
const image = { context: 'order', labels: {}, cacheFrom: null }
const metadata = {
  'containerimage.config.digest': 'sha256:configuration',
  'containerimage.digest': 'sha256:manifest',
}
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

describe('the image of a build', () => {
  const missing = finished(1, 'Error: No such image')

  it.each([
    ['its configuration', [finished(0, '')], 'sha256:configuration'],
    ['its manifest, in the store of containerd', [missing], 'sha256:manifest'],
  ])('is known to the engine by %s', async (_, looked, id) => {
    expect(await dockerAnswering([finished(0, ''), ...looked]).build(image)).toMatchObject({ id })
  })

  it('that no builder loaded into the engine is an error, and the hint says why', async () => {
    const building = dockerAnswering([finished(0, ''), missing, missing]).build(image)
    await expect(building).rejects.toMatchObject({
      code: 'build-failed',
      hint: expect.stringContaining('BUILDX_BUILDER'),
    })
  })
})

describe('the cache in the registry', () => {
  const cache = { from: 'r/order:cache', to: 'r/order:cache' }
  const solving = { context: 'order', fresh: false, cache }
  const imports = '#4 importing cache manifest from r/order:cache'
  const exports = '#9 exporting cache to registry'

  it.each([
    ['is used', `${imports}\n#4 DONE 0.1s\n${exports}\n#9 DONE 1s`, []],
    ['is not there yet', `${imports}\n#4 ERROR: r/order:cache: not found`, []],
    ['cannot be read', `${imports}\n#4 ERROR: 401`, ['could not be read: 401']],
    ['cannot be written', `${exports}\n#9 ERROR: 403`, ['could not be written: 403']],
    [
      'is at an address that is signed',
      `${imports}\n#4 ERROR: GET https://s3/a?X=1: 403`,
      ['could not be read: GET https://s3/a: 403'],
    ],
    ['is named by a step', `#7 0.2 ${imports}\n#7 ERROR: x`, []],
  ])('%s', async (_, output, cacheProblems) => {
    const solved = await dockerAnswering([finished(0, output)]).solve(solving)
    expect(solved).toEqual({ bases: [], cacheProblems })
  })

  it('is left out when a build fails with it', async () => {
    const ran: string[] = []
    const gone = finished(1, 'ERROR: failed to solve: failed to copy: not found')
    const docker = dockerAnswering([gone], { ran })
    expect((await docker.solve(solving)).cacheProblems).toEqual([
      'could not be used: ERROR: failed to solve: failed to copy: not found',
    ])
    expect(ran.map((line) => line.includes('r/order:cache'))).toEqual([true, false])
  })

  it('is not to blame for a step that fails', async () => {
    const ran: string[] = []
    const line = 'ERROR: failed to solve: process "x" did not complete successfully: exit code: 1'
    const solved = dockerAnswering([finished(1, line)], { ran }).solve(solving)
    await expect(solved).rejects.toMatchObject({ code: 'build-failed' })
    expect(ran).toHaveLength(1)
  })

  it.each([
    ['docker-container', '', true],
    ['remote', '', true],
    ['docker', '[["Backing Filesystem","extfs"]]', false],
    ['docker', '[["driver-type","io.containerd.snapshotter.v1"]]', true],
  ])('can the driver %s with the store %j write it: %j', async (driver, store, writes) => {
    const docker = dockerAnswering([
      finished(0, '', `Name:   mine\nDriver: ${driver}\n\nNodes:\n`),
      finished(0, '', store),
    ])
    expect(await docker.writesCache()).toBe(writes)
  })

  it('is read and written with the login of the registry, which a push has too', async () => {
    const ran: string[] = []
    const withLogin: DockerOptions['withLogin'] = (use) => use({ DOCKER_CONFIG: '/lent' })
    const sent = finished(0, '', `1: digest: ${digest} size: 7`)
    const docker = dockerAnswering([finished(0, ''), finished(0, ''), finished(0, ''), sent], {
      ...{ ran, withLogin },
    })
    await docker.solve(solving)
    await docker.build(image)
    await docker.push('r:1')
    const lent = ran.filter((line) => line.startsWith('/lent')).map((line) => line.split(' ')[1])
    expect(lent).toEqual(['buildx', 'buildx', 'push'])
  })
})

it.each([
  ['ERROR: no builder "mine" found', 'builder-unreachable', 'no builder "mine" found'],
  [
    '#1 [internal] waiting for connection\n#1 ERROR: context deadline exceeded',
    ...['builder-unreachable', 'context deadline exceeded'],
  ],
  ['#1 [internal] booting buildkit\n#1 ERROR: no image', 'builder-unreachable', 'no image'],
  ["docker: 'buildx' is not a docker command.", 'program-missing', 'buildx'],
  ['docker: unknown command: docker buildx', 'program-missing', 'buildx'],
])(
  'a builder that ends with %j is a refusal before anything was built',
  async (said, code, message) => {
    const docker = dockerAnswering([finished(1, 'No such image'), finished(1, said)])
    await docker.labels('r:1')
    await expect(docker.build(image)).rejects.toMatchObject({
      ...{ code, exitCode: 2 },
      message: expect.stringContaining(message),
    })
  },
)

it('an address that a registry has signed is told without its signature', async () => {
  const signed = 'https://layers.s3.amazonaws.com/a?X-Amz-Security-Token=secret&X-Amz-Signature=b'
  const words = `ERROR: failed to solve: unexpected status from GET request to ${signed}: 403 Forbidden`
  const told = { message: expect.not.stringContaining('secret') }
  const shown = {
    message: expect.stringContaining('to https://layers.s3.amazonaws.com/a: 403 Forbidden'),
  }
  for (const expected of [told, shown]) {
    await expect(dockerAnswering([finished(1, words)]).build(image)).rejects.toMatchObject(expected)
    await expect(dockerAnswering([finished(1, words)]).push('r:1')).rejects.toMatchObject(expected)
  }
})

it('a base image that cannot be asked has no newest digest', async () => {
  const name = 'docker.io/library/node:24'
  const lines = `#2 [internal] load metadata for ${name}\n#4 [1/1] FROM ${name}@${digest}\n`
  const docker = dockerAnswering([finished(0, lines), finished(1, 'ERROR: not found')])
  expect(await docker.newestBase(name)).toBe(digest)
  expect(await docker.newestBase(name)).toBeNull()
})

it('a login that cannot be lent is a refusal, and after another push a failure', async () => {
  const sent = finished(0, '', `1: digest: ${digest} size: 7`)
  let isFull = true
  const withLogin: DockerOptions['withLogin'] = async (use) => {
    if (isFull) throw refused({ code: 'no-temporary-folder', message: 'Its disk is full.' })
    return use({})
  }
  const docker = dockerAnswering([sent], { withLogin })
  await expect(docker.push('r:1')).rejects.toMatchObject({ exitCode: 2 })
  isFull = false
  await docker.push('r:1')
  isFull = true
  await expect(docker.push('r:2')).rejects.toMatchObject({
    code: 'no-temporary-folder',
    exitCode: 1,
  })
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
