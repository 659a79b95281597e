// The argument vectors of docker, git and node.
import { describe, expect, it } from 'vitest'
import {
  buildCommand,
  inspectCommand,
  pushCommand,
  solveCommand,
  tagCommand,
} from '../../src/adapters/docker/commands.ts'
import { basesIn, failingStep } from '../../src/adapters/docker/output.ts'
import { changedCommand, deletedCommand, filesCommand } from '../../src/adapters/git.ts'
import { scriptCommand } from '../../src/adapters/programs.ts'

describe('docker', () => {
  it('builds with labels, into the engine whichever the builder, and without a provenance manifest', () => {
    const image = { context: 'services/order', labels: { a: 'b' } }
    expect(buildCommand({ ...image, cacheFrom: null }, '/tmp/metadata').join(' ')).toBe(
      'buildx build --progress plain --provenance false --load --metadata-file /tmp/metadata --label a=b services/order',
    )
    expect(buildCommand({ ...image, cacheFrom: 'r/o:cache' }, '/tmp/metadata').join(' ')).toContain(
      '--label a=b --cache-from type=registry,ref=r/o:cache services/order',
    )
  })

  it('solves into the cache, on request without what is in it', () => {
    const cache = { from: null, to: null }
    const args = (fresh: boolean) => solveCommand({ context: 'order', fresh, cache }).join(' ')
    expect(args(false)).toBe('buildx build --progress plain --output type=cacheonly order')
    expect(args(true)).toBe(
      'buildx build --progress plain --no-cache --pull --output type=cacheonly order',
    )
  })

  it('reads and writes a cache in the registry, of all stages and in the form that ECR takes', () => {
    const cache = { from: 'r/o:cache', to: 'r/o:cache' }
    expect(solveCommand({ context: 'order', fresh: false, cache }).join(' ')).toBe(
      'buildx build --progress plain --cache-from type=registry,ref=r/o:cache ' +
        '--cache-to type=registry,ref=r/o:cache,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true ' +
        '--output type=cacheonly order',
    )
  })

  it('inspects, tags and pushes', () => {
    expect(inspectCommand('r:1')).toEqual([
      'image',
      'inspect',
      '--format',
      '{{ json .Config.Labels }}',
      'r:1',
    ])
    expect(tagCommand('sha256:a', 'r:1')).toEqual(['image', 'tag', 'sha256:a', 'r:1'])
    expect(pushCommand('r:1')).toEqual(['push', 'r:1'])
  })

  it('reads the base images from the output of BuildKit, without those named by digest', () => {
    const digest = (letter: string) => `sha256:${letter.repeat(64)}`
    const log = [
      '#2 [internal] load metadata for docker.io/library/node:24',
      '#3 [internal] load metadata for docker.io/library/golang:1.26',
      `#4 [internal] load metadata for docker.io/library/busybox:1@${digest('c')}`,
      '#5 [internal] load metadata for docker.io/library/unused:1',
      `#6 [build 1/3] FROM docker.io/library/golang:1.26@${digest('b')}`,
      `#7 [stage-1 1/2] FROM docker.io/library/node:24@${digest('a')}`,
      `#7 resolve docker.io/library/node:24@${digest('a')} 0.0s done`,
      `#8 [tools 1/1] FROM docker.io/library/busybox:1@${digest('c')}`,
      `#9 [stage-1 2/2] RUN echo FROM docker.io/library/unused:1@${digest('d')}`,
    ].join('\n')
    expect(basesIn(log)).toEqual([
      { name: 'docker.io/library/golang:1.26', digest: digest('b') },
      { name: 'docker.io/library/node:24', digest: digest('a') },
    ])
    expect(basesIn('#1 [internal] load build definition')).toEqual([])
  })

  it('shows the failed step from the output of BuildKit', () => {
    const log = [
      ...Array.from({ length: 300 }, (_, line) => `#5 0.1 line ${line}`),
      '------',
      ' > [3/3] RUN npm test:',
      '0.213 1 test failed',
      '------',
      'Dockerfile:9',
      '--------------------',
      '   9 | >>> RUN npm test',
      '--------------------',
      'ERROR: failed to solve: process "/bin/sh -c npm test" did not complete successfully: exit code: 41',
    ].join('\n')
    expect(failingStep(log).split('\n')).toEqual([
      ' > [3/3] RUN npm test:',
      '0.213 1 test failed',
      'Dockerfile:9',
      '   9 | >>> RUN npm test',
      'ERROR: failed to solve: process "/bin/sh -c npm test" did not complete successfully: exit code: 41',
    ])
    expect(failingStep('Cannot connect to the Docker daemon')).toBe(
      'Cannot connect to the Docker daemon',
    )
  })
})

it('git lists tracked and new files, without ignored ones', () => {
  expect(filesCommand(['a', 'b']).join(' ')).toBe(
    'ls-files -z --cached --others --exclude-standard --deduplicate -- a b',
  )
  expect(deletedCommand(['a']).join(' ')).toBe('ls-files -z --deleted -- a')
  expect(changedCommand(['a']).join(' ')).toBe(
    'status --porcelain=v1 -z --no-renames --untracked-files=all -- a',
  )
})

it('scripts get the globals of zx', () => {
  expect(scriptCommand('order/smoke.ts')).toEqual([
    '--import',
    expect.stringMatching(/zx\/build\/globals/),
    'order/smoke.ts',
  ])
})
