import { describe, expect, it } from 'vitest'
import { hostOf, originOf } from '../../../src/adapters/config-repo/address.ts'
import { gitEnv } from '../../../src/adapters/config-repo/git.ts'

describe('a URL', () => {
  it.each([
    ['https://me@git.example:8443/a.git', 'git.example:8443', 'https://git.example:8443'],
    ['git@github.com:me/config.git', 'github.com', null],
    ['ssh://git@git.example:2222/a', 'git.example:2222', null],
  ])('%s is on %s', (url, host, origin) => {
    expect(hostOf(url)).toBe(host)
    expect(originOf(url)).toBe(origin)
  })
})

describe('the variables of git', () => {
  const given = { url: 'https://git.example/a.git', folder: '/cache/1' }
  const configIn = (env: Record<string, string>) =>
    Object.entries(env)
      .filter(([name]) => name.startsWith('GIT_CONFIG_KEY_'))
      .map(([, key]) => key)

  it('come after those of the user', () => {
    const env = gitEnv({ ...given, env: { GIT_CONFIG_COUNT: '2' } })
    expect(env.GIT_CONFIG_KEY_2).toBe('core.hooksPath')
    expect(env).not.toHaveProperty('GIT_CONFIG_KEY_1')
    expect(Number(env.GIT_CONFIG_COUNT)).toBe(2 + configIn(env).length)
  })

  it('leave the logins of the user alone without a token', () => {
    expect(configIn(gitEnv({ ...given, env: {} })).join()).not.toContain('helper')
  })

  it('hand a token to its host only, and name it nowhere else', () => {
    const env = gitEnv({ ...given, env: { SHOPCTL_GIT_TOKEN: ' t-1\n' } })
    expect(configIn(env)).toContain('credential.https://git.example.helper')
    const holders = Object.entries(env).filter(([, value]) => value.includes('t-1'))
    expect(holders).toEqual([['SHOPCTL_GIT_TOKEN', 't-1']])
  })
})
