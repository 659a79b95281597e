// The kubeconfig and the rules for proxies, as in kubectl.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bytesOf, readTarget } from '../../../src/adapters/kubernetes/kubeconfig.ts'
import { proxyFor } from '../../../src/adapters/kubernetes/proxy.ts'
import { withoutProxy } from '../../../src/adapters/shell.ts'
import { direct } from '../../../src/platform/layout.ts'

describe('the kubeconfig', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
    vi.stubEnv('HOME', folder)
    vi.stubEnv('KUBECONFIG', '')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  function write(name: string, content: string): string {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }
  const one = `
current-context: one
clusters:
  - { name: one, cluster: { server: "https://one", certificate-authority: ca.pem } }
users:
  - { name: me, user: { token: t, exec: null } }
contexts:
  - { name: one, context: { cluster: one, user: me } }
  - { name: two, context: { cluster: two, user: me } }
`
  const two = `
current-context: two
clusters:
  - { name: one, cluster: { server: "https://another" } }
  - { name: two, cluster: { server: "https://two" } }
`

  it('may be several files: the first entry wins, and a missing file is skipped', () => {
    const files = [write('1', one), join(folder, 'gone'), write('2', two)]
    vi.stubEnv('KUBECONFIG', files.join(delimiter))
    expect(readTarget({ file: null, context: null })).toMatchObject({
      context: 'one',
      cluster: { server: 'https://one', 'certificate-authority': join(folder, 'ca.pem') },
      user: { token: 't' },
    })
    expect(readTarget({ file: null, context: 'two' }).cluster.server).toBe('https://two')
  })

  it.each<[string, string, string | null, string, RegExp]>([
    ['that does not exist', '', 'x', 'no-kubeconfig', /gone does not exist$/],
    ['without the context', one, 'three', 'unknown-context', /"three"/],
    ['without a current context', 'contexts: []', null, 'no-context', /no current context/],
    ['whose context names no cluster', one, 'two', 'no-kubeconfig', /"two" names a cluster/],
    [
      'with a mistake',
      'clusters: [{ name: a }]',
      ...([null, 'no-kubeconfig'] as const),
      /config is not a kubeconfig: clusters\.0\.cluster: expected object, received undefined$/,
    ],
    [
      'that is no YAML',
      'token: {',
      null,
      'no-kubeconfig',
      /config is not a kubeconfig: .*, column \d+$/,
    ],
    ['that is text', 'root:x:0:0', null, 'no-kubeconfig', /read: \S+config is not a kubeconfig$/],
    ['that is a list', '[]', null, 'no-kubeconfig', /config is not a kubeconfig$/],
  ])('%s is refused', (_, content, context, code, message) => {
    const file = content ? write('config', content) : join(folder, 'gone')
    const read = (): unknown => readTarget({ file, context })
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ code, exitCode: 2 }))
  })

  it('that is a folder is refused, as is such a certificate', () => {
    const refusal = expect.objectContaining({
      ...{ code: 'no-kubeconfig', exitCode: 2 },
      message: `The kubeconfig cannot be read: ${folder} is a folder`,
    })
    expect(() => readTarget({ file: folder, context: null })).toThrow(refusal)
    const entry = { server: 'https://one', 'certificate-authority': folder }
    expect(() => bytesOf(entry, 'certificate-authority')).toThrow(refusal)
  })

  it('that does not exist is refused with the paths', () => {
    expect(() => readTarget({ file: null, context: null })).toThrow(join(folder, '.kube', 'config'))
  })
})

describe('the proxy', () => {
  it.each<[string, Record<string, string>, string | null]>([
    ['https://cluster.test:6443', {}, null],
    ['https://cluster.test', { HTTPS_PROXY: 'proxy:3128' }, 'proxy:3128'],
    ['https://cluster.test', { https_proxy: 'http://proxy:3128' }, 'proxy:3128'],
    ['https://cluster.test', { HTTP_PROXY: 'http://proxy:3128' }, null],
    ['http://cluster.test', { HTTP_PROXY: 'http://proxy:3128' }, 'proxy:3128'],
    ['https://localhost:6443', { HTTPS_PROXY: 'http://proxy' }, null],
    ['https://127.0.0.9:6443', { HTTPS_PROXY: 'http://proxy' }, null],
    ['https://[::1]:6443', { HTTPS_PROXY: 'http://proxy' }, null],
    ['https://[fd00::1]:6443', { HTTPS_PROXY: 'http://proxy' }, 'proxy'],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '*' }, null],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'a, cluster.test' }, null],
    ['https://a.cluster.test', { HTTPS_PROXY: 'http://proxy', no_proxy: 'cluster.test' }, null],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '.cluster.test' }, 'proxy'],
    ['https://a.cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '*.cluster.test' }, null],
    ['https://mycluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'cluster.test' }, 'proxy'],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'cluster.test:443' }, null],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'cluster.test:1' }, 'proxy'],
    ['https://10.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.0.0.0/8' }, null],
    ['https://11.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.0.0.0/8' }, 'proxy'],
    ['https://10.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.1.2.3:443' }, null],
    ['https://10.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.9.9.9/8' }, null],
    ['https://10.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.0.0.0/99' }, 'proxy'],
    ['https://10.1.2.3', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '10.1.2' }, 'proxy'],
    ['https://mycluster.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '*cluster.test' }, 'proxy'],
    ['https://CLUSTER.test', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'Cluster.Test' }, null],
    ['https://cluster.test', { HTTPS_PROXY: 'http://proxy', no_proxy: 'cluster.test' }, null],
    ['https://cluster.test', { HTTPS_PROXY: '', https_proxy: 'http://proxy' }, 'proxy'],
    ['https://cluster.test', { HTTP_PROXY: 'http://proxy' }, null],
    ['https://[fd00::1]', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'fd00::/8' }, null],
    ['https://[fd00::1]', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '[fd00::1]:443' }, null],
    ['https://[fd00::1]', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'fd00::1' }, null],
  ])('of %s with %o is %s', (server, env, expected) => {
    expect(proxyFor(new URL(server), null, env)?.host ?? null).toBe(expected)
  })

  it.each(['10.245.0.1:6443', '127.0.0.1:6443', 'kubernetes.default.svc'])(
    'is not asked for the embedded cluster at %s, nor for what the user exempts',
    (host) => {
      const user = { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'mine.test' }
      const env = { ...user, ...withoutProxy(direct, user) }
      const isAsked = (address: string) => proxyFor(new URL(address), null, env) !== null
      expect(isAsked(`https://${host}`)).toBe(false)
      expect(isAsked('https://mine.test')).toBe(false)
      expect(isAsked('https://registry.test')).toBe(true)
    },
  )

  it('of the environment that is none is named without its password', () => {
    const env = { HTTPS_PROXY: 'ftp://me:secret@proxy' }
    expect(() => proxyFor(new URL('https://a'), null, env)).toThrow(
      'HTTPS_PROXY is no proxy: "ftp://***@proxy".',
    )
  })

  it('of the kubeconfig overrides the environment', () => {
    const env = { HTTPS_PROXY: 'http://other', NO_PROXY: '*' }
    expect(proxyFor(new URL('https://[::1]'), 'socks5://proxy:1080', env)?.host).toBe('proxy:1080')
    expect(() => proxyFor(new URL('https://a'), 'ftp://proxy', env)).toThrow(
      '`proxy-url` of the kubeconfig is no proxy: "ftp://proxy"',
    )
  })
})
