import { expect, it } from 'vitest'
import { createDocker } from '../../src/adapters/docker.ts'
import type { Finished, Shell } from '../../src/adapters/shell.ts'
import { aLimit } from '../fakes/host.ts'

const down = 'ERROR: Cannot connect to the Docker daemon at unix:///x.sock. Is it running?'
function finished(exitCode: number, stderr: string): Finished {
  return {
    exitCode,
    stdout: '',
    stderr,
    output: stderr,
  }
}

function dockerAnswering(answers: Finished[]) {
  const run: Shell['run'] = async () => answers.shift() ?? finished(0, '')
  const shell: Shell = { run, check: async () => '' }
  const { signal } = new AbortController()
  const limits = { inspect: aLimit, build: aLimit, push: aLimit }
  return createDocker(shell, { program: 'docker', env: {}, root: '/', signal, limits })
}
const image = { context: 'order', tags: [], labels: {} }

it('an engine that is down is a refusal at the start, and later a failure', async () => {
  await expect(dockerAnswering([finished(1, down)]).build(image)).rejects.toMatchObject({
    code: 'engine-unreachable',
    exitCode: 2,
    message: expect.stringContaining('unix:///x.sock'),
    hint: expect.not.stringContaining('Dockerfile'),
  })
  const stopping = dockerAnswering([finished(0, ''), finished(1, down)])
  await stopping.push('r:1')
  await expect(stopping.push('r:2')).rejects.toMatchObject({ exitCode: 1 })
})

it('a missing image is no error, and a failed build points to the Dockerfile', async () => {
  const docker = dockerAnswering([
    finished(1, 'Error: No such image: r:1'),
    finished(1, '#8 0.213 Cannot connect to the Docker daemon'),
  ])
  expect(await docker.inputsOf('r:1')).toBeNull()
  await expect(docker.build(image)).rejects.toMatchObject({
    code: 'build-failed',
    exitCode: 1,
    hint: expect.stringContaining('order/Dockerfile'),
  })
})
