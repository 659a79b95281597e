// Who runs a command.
import { hostname, userInfo } from 'node:os'
import { expect, it } from 'vitest'
import { currentOperator } from '../src/context.ts'

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

it('names the run of GitHub Actions', () => {
  const env = {
    ...{ GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'acme/shop' },
    GITHUB_RUN_ID: '7',
  }
  expect(currentOperator(env).run).toBe('https://github.com/acme/shop/actions/runs/7')
})
