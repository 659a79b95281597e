import { describe, expect, it } from 'vitest'
import { checkDriver, gitopsSchema } from '../../src/config/gitops.ts'

const mistakesIn = (gitops: object) =>
  gitopsSchema.safeParse(gitops).error?.issues.map(({ message }) => message) ?? []

describe('the URL of a config repo', () => {
  it.each([
    'https://github.com/me/config.git',
    'https://git.example:8443/team/config',
    'ssh://git@git.example:2222/team/config.git',
    'git@github.com:me/config.git',
    'http://127.0.0.1:8080/config.git',
  ])('%s is right', (url) => {
    expect(mistakesIn({ url })).toEqual([])
  })

  it.each([
    ['https://me:secret@git.example/a.git', 'expected no password: set SHOPCTL_GIT_TOKEN instead'],
    ['ssh://git:secret@git.example/config.git', 'expected no password'],
    ['https://me@git.example/config.git', 'expected no user: set SHOPCTL_GIT_USER instead'],
    ['http://git.example/config.git', 'expected https://'],
    ['http://127.0.0.1.example/config.git', 'expected https://'],
    ['git://git.example/config.git', 'expected https://'],
    ['file:///srv/config.git', 'expected https://'],
    ['/srv/config.git', 'expected https://'],
    ['../config', 'expected https://'],
    ['--upload-pack=touch x', 'expected a URL without blanks'],
    ['--upload-pack=x:y', 'expected https://'],
    ['-oProxyCommand=x@host:y', 'expected https://'],
    ['-o@host:y', 'expected https://'],
    ['ext::sh', 'expected https://'],
    ['git@git.example:a\u0000b', 'expected a URL without blanks'],
    ['https://git.example/a?token=x', 'expected a URL without ? and #'],
    ['', 'expected https://'],
  ])('%s is refused', (url, message) => {
    expect(mistakesIn({ url })).toEqual([expect.stringContaining(message)])
    expect(mistakesIn({ url }).join()).not.toContain('secret')
  })
})

it('branch and namespace have defaults', () => {
  expect(gitopsSchema.parse({})).toEqual({ branch: 'main', namespace: 'argocd' })
})

it.each([
  ['nothing', 'gitops', undefined],
  ['an empty text', 'helm', ''],
  ['the same', 'gitops', 'gitops'],
])('a workflow that expects %s goes on', (_, driver, expected) => {
  expect(() => checkDriver('production', driver, expected)).not.toThrow()
})

it.each([
  ['helm', 'gitops'],
  ['gitops', 'helm'],
  ['helm', 'Helm'],
])('a driver %s is not %s', (driver, expected) => {
  expect(() => checkDriver('production', driver, expected)).toThrow(
    `production is released by ${driver}, and SHOPCTL_DRIVER says ${expected}.`,
  )
})
