// Who runs a command.
import { hostname, userInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { currentOperator } from '../../src/context/operator.ts'

function noEntry(): never {
  throw new Error('uv_os_get_passwd returned ENOENT')
}

it('is the user and the host', () => {
  expect(currentOperator({})).toEqual({ by: `${userInfo().username}@${hostname()}`, run: null })
})

it('is $USER, then the uid, where the uid has no entry in /etc/passwd', () => {
  expect(currentOperator({ USER: 'ci' }, noEntry).by).toBe(`ci@${hostname()}`)
  expect(currentOperator({}, noEntry).by).toBe(`uid ${process.getuid?.()}@${hostname()}`)
})

describe('in GitHub Actions', () => {
  const env = {
    ...{ GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'octocat', GITHUB_RUN_ATTEMPT: '1' },
    ...{ GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'acme/shop' },
    GITHUB_RUN_ID: '7',
  }
  const run = 'https://github.com/acme/shop/actions/runs/7'

  it.each<[string, NodeJS.ProcessEnv, { by: string; run: string | null }]>([
    ['names the actor and the run', {}, { by: 'octocat@github.com', run }],
    [
      'names who started it again, and the attempt',
      { GITHUB_TRIGGERING_ACTOR: 'hubot', GITHUB_RUN_ATTEMPT: '2' },
      { by: 'hubot@github.com', run: `${run}/attempts/2` },
    ],
    [
      'names the server of an enterprise',
      { GITHUB_SERVER_URL: 'https://git.acme.com' },
      { by: 'octocat@git.acme.com', run: 'https://git.acme.com/acme/shop/actions/runs/7' },
    ],
    ['has no run without its id', { GITHUB_RUN_ID: '' }, { by: 'octocat@github.com', run: null }],
    [
      'is the user of the runner without an actor',
      { GITHUB_ACTOR: '' },
      { by: `${userInfo().username}@${hostname()}`, run },
    ],
  ])('%s', (_, more, expected) => {
    expect(currentOperator({ ...env, ...more })).toEqual(expected)
  })
})
