// Which Applications the gitops driver works with.
import { describe, expect, it } from 'vitest'
import { type Application, applicationOf } from '../../../src/adapters/kubernetes/applications.ts'
import { problemOf } from '../../../src/drivers/gitops/expected.ts'

const url = 'https://git.example.com/shop/config'
const expected = [{ name: 'services', path: 'local/services' }]
const source = { url: `${url}.git`, branch: 'main', path: 'local/services' }
const automatic = { sync: true, selfHeal: true, prune: true }
const good: Application = {
  ...applicationOf({ metadata: { name: 'services' } }),
  ...{ source, automatic },
}

function problem(fields: Partial<Application>, ours = url) {
  return problemOf([{ ...good, ...fields }], expected, { url: ours, branch: 'main' })
}

describe('an Application is refused', () => {
  const off = { sync: false, selfHeal: false, prune: false }
  it.each<[string, Partial<Application>, string]>([
    [
      'of another repository',
      { source: { ...source, url: 'https://me:secret@git.example.com/shop/other.git' } },
      'follows git.example.com/shop/other, not git.example.com/shop/config',
    ],
    ['of another branch', { source: { ...source, branch: 'x' } }, 'follows x, not main'],
    ['of another folder', { source: { ...source, path: 'x' } }, 'follows the folder x'],
    ['that does not sync by itself', { automatic: off }, 'does not sync by itself'],
    ['that does not heal', { automatic: { ...automatic, selfHeal: false } }, 'does not heal'],
    ['that does not prune', { automatic: { ...automatic, prune: false } }, 'does not prune'],
  ])('%s', (_, fields, words) => {
    const found = problem(fields)
    expect(found).toMatchObject({ kind: 'refused', code: 'application-differs' })
    expect(found?.message).toContain(words)
    expect(found?.message).not.toContain('secret')
  })

  it('that is not there', () => {
    const place = { url, branch: 'main' }
    expect(problemOf([], expected, place)).toMatchObject({ code: 'application-missing' })
  })

  it('of another repository also in an emergency', () => {
    const elsewhere = { ...source, url: 'https://git.example.com/x' }
    expect(problem({ emergency: 'r-9', source: elsewhere })).not.toBeNull()
    expect(problem({ emergency: 'r-9', automatic: off })).toBeNull()
  })

  it.each<Partial<Application>>([{ source: { ...source, branch: 'x' } }, { name: 'others' }])(
    'in an emergency without the advice to end it: %j',
    (fields) => {
      expect(problem(fields)?.hint).toContain('`shopctl gitops init`')
      const found = problem({ ...fields, emergency: 'r-9' })
      expect(found?.hint).toMatch(/^The next `shopctl deploy`, .* `shopctl gitops init`/)
    },
  )
})

describe('an Application is right', () => {
  it.each([
    [url, `${url}.git`],
    [url, `${url}/`],
    [url, `${url}.git/`],
    [url, 'https://me@git.example.com/shop/config'],
    [url, 'https://git.example.com:443/shop/config'],
    [url, 'https://GIT.example.com/Shop/Config.git'],
    [url, 'git@git.example.com:shop/config.git'],
    [url, 'ssh://git@git.example.com:2222/shop/config'],
    ['git@git.example.com:shop/config.git', 'ssh://git@git.example.com/shop/config'],
    ['http://127.0.0.1:3000/config', 'http://127.0.0.1:3000/config.git'],
  ])('with %s as %s', (ours, theirs) => {
    expect(problem({ source: { ...source, url: theirs } }, ours)).toBeNull()
  })

  it.each([
    ['http://127.0.0.1:3000/config', 'http://127.0.0.1:3001/config'],
    [url, 'https://git.example.org/shop/config'],
    [url, 'git@git.example.com:shop/config2.git'],
    [url, ''],
  ])('and with %s not as %s', (ours, theirs) => {
    expect(problem({ source: { ...source, url: theirs } }, ours)).not.toBeNull()
  })
})
