// The argument vectors of docker, git and node.
import { describe, expect, it } from 'vitest'
import {
  buildCommand,
  failingStep,
  inspectCommand,
  pushCommand,
} from '../../src/adapters/docker.ts'
import { changedCommand, deletedCommand, filesCommand } from '../../src/adapters/git.ts'
import { scriptCommand } from '../../src/adapters/programs.ts'

describe('docker', () => {
  it('builds with tags and labels, and without a provenance manifest', () => {
    const args = buildCommand({
      context: 'services/order',
      tags: ['r/shop/order:1', 'r/shop/order:inputs-2'],
      labels: { a: 'b' },
    })
    expect(args.join(' ')).toBe(
      'build --progress plain --provenance false --tag r/shop/order:1 --tag r/shop/order:inputs-2 --label a=b services/order',
    )
  })

  it('inspects and pushes', () => {
    expect(inspectCommand('r:1')).toEqual([
      'image',
      'inspect',
      '--format',
      '{{ index .Config.Labels "dev.shopctl.inputs" }}',
      'r:1',
    ])
    expect(pushCommand('r:1')).toEqual(['push', '--quiet', 'r:1'])
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
