// The words of git and of servers that the tests with a real git do not hear.
import { describe, expect, it } from 'vitest'
import { isUnconnected, knownProblem, wordsOf } from '../../../src/adapters/config-repo/errors.ts'

const https = 'https://git.example/shop/tls-403.git'
const ssh = 'git@git.example:shop/config.git'
const where = { branch: 'main', folder: '/cache/1', hasToken: true }

describe('what git says is known:', () => {
  it.each<[string, string, string]>([
    [
      https,
      "fatal: unable to access 'URL/': Could not resolve host: git.example",
      'config-repo-unreachable',
    ],
    [
      https,
      "fatal: unable to access 'URL/': The requested URL returned error: 502",
      'config-repo-unreachable',
    ],
    [https, 'error: RPC failed; curl 56 Recv failure\nfatal: early EOF', 'config-repo-unreachable'],
    [
      https,
      "fatal: unable to access 'URL/': SSL certificate problem: unable to get local issuer certificate",
      'config-repo-certificate',
    ],
    [https, 'remote: Repository not found.\nfatal: repository URL not found', 'no-config-repo'],
    [
      https,
      "remote: The project you were looking for could not be found or you don't have permission to view it.",
      'no-config-repo',
    ],
    [https, 'remote: Write access to repository not granted.', 'config-repo-denied'],
    [
      https,
      'remote: Invalid username or password.\nfatal: Authentication failed for URL',
      'config-repo-login',
    ],
    [
      https,
      "fatal: could not read Username for 'https://git.example': terminal prompts disabled",
      'config-repo-login',
    ],
    [
      ssh,
      'git@git.example: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'config-repo-login',
    ],
    [
      ssh,
      'Host key verification failed.\nfatal: Could not read from remote repository.',
      'config-repo-login',
    ],
    [
      ssh,
      'ssh: Could not resolve hostname git.example: Name or service not known',
      'config-repo-unreachable',
    ],
    [
      ssh,
      'ssh: connect to host git.example port 22: Connection refused',
      'config-repo-unreachable',
    ],
    [
      ssh,
      'ERROR: Repository not found.\nfatal: Could not read from remote repository.',
      'no-config-repo',
    ],
    [https, 'fatal: write error: No space left on device', 'disk-full'],
    [
      https,
      'error: insufficient permission for adding an object to repository database objects',
      'no-cache',
    ],
  ])('%s %s', (url, text, code) => {
    const stderr = text.replace('URL', url)
    expect(knownProblem(stderr, { ...where, url })).toMatchObject({ code })
  })
})

describe('a push did not arrive for sure', () => {
  it.each([
    [true, "fatal: unable to access 'URL/': Could not resolve host: git.example"],
    [true, "fatal: unable to access 'URL/': Failed to connect to git.example port 443"],
    [true, 'ssh: connect to host git.example port 22: Connection refused'],
    [true, 'ssh: Could not resolve hostname git.example: Name or service not known'],
    [false, 'error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF'],
    [false, "fatal: unable to access 'URL/': The requested URL returned error: 502"],
    [false, 'client_loop: send disconnect: Connection timed out'],
  ])('%s: %s', (expected, stderr) => expect(isUnconnected(stderr)).toBe(expected))
})

it('other words are not', () => {
  expect(knownProblem('fatal: bad object 1234', { ...where, url: https })).toBeNull()
})

it.each([
  [https, true, 'Set SHOPCTL_GIT_TOKEN to a token that is valid'],
  [https, false, 'or log git in to git.example'],
  [ssh, false, 'Add your key to git.example'],
])('the hint for %s fits how one logs in', (url, hasToken, hint) => {
  const problem = knownProblem('Authentication failed', { ...where, url, hasToken })
  expect(problem?.hint).toContain(hint)
})

it('the words of the server come first, without control characters', () => {
  const stderr =
    'remote: \u001b[31mNo\u001b[0m        \nremote: \r\nfatal: unable to access\nhint: x'
  expect(wordsOf(stderr)).toBe('No fatal: unable to access')
})
