// The user's logins: Docker's configuration, and real programs that speak the protocol of credential helpers.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDockerLogins, type Login } from '../../../src/adapters/registry/docker-logins.ts'
import { createShell } from '../../../src/adapters/shell.ts'
import { aLimit, noMask } from '../../fakes/host.ts'

const host = 'registry.example.com:5000'
const auth = Buffer.from('ada:pa:ss').toString('base64')
const shell = createShell()
let folder = ''
let file = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'logins-'))
  file = join(folder, 'config.json')
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => vi.stubEnv('PATH', `${folder}:${process.env.PATH}`))
afterEach(() => vi.unstubAllEnvs())

function write(config: unknown): void {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config))
}

/** A credential helper that records its arguments and its input. */
function writeHelper(name: string, answer: string, exitCode = 0): () => string {
  const program = join(folder, `docker-credential-${name}`)
  const script = `#!/bin/sh\n{ echo "$@"; cat; } > ${program}.asked\ncat <<'END'\n${answer}\nEND\nexit ${exitCode}\n`
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  return () => readFileSync(`${program}.asked`, 'utf8')
}

function loginTo(wanted: string, limit = aLimit, mask = noMask): Promise<Login | null> {
  return createDockerLogins(shell, { env: { DOCKER_CONFIG: folder }, limit, mask })(wanted)
}

describe('the configuration', () => {
  it.each<[string, string, object, object | null]>([
    ['a login', host, { auths: { [host]: { auth } } }, { username: 'ada', password: 'pa:ss' }],
    ['another host', host, { auths: { 'other.test': { auth } } }, null],
    [
      'the same host with another port',
      'registry.example.com',
      { auths: { [host]: { auth } } },
      null,
    ],
    ['an old address', host, { auths: { [`https://${host}/v1/`]: { auth } } }, { username: 'ada' }],
    ['no login', host, { auths: { [host]: {} } }, null],
    ['null', host, { auths: { [host]: null } }, null],
    ['nothing', host, {}, null],
    ['other settings', host, { HttpHeaders: { a: 'b' }, auths: null, credsStore: '' }, null],
    [
      'name and password apart',
      host,
      { auths: { [host]: { username: 'ada', password: 'secret' } } },
      { username: 'ada', password: 'secret' },
    ],
    [
      'an identity token',
      host,
      { auths: { [host]: { auth, identitytoken: 'token' } } },
      { identityToken: 'token' },
    ],
    [
      'a token of the registry',
      host,
      { auths: { [host]: { registrytoken: 'token' } } },
      { registryToken: 'token' },
    ],
    [
      'Docker Hub, by its old address',
      'docker.io',
      { auths: { 'https://index.docker.io/v1/': { auth } } },
      { username: 'ada' },
    ],
    ['a name that every object of JavaScript has', 'constructor', { auths: {} }, null],
  ])('has %s', async (_, wanted, config, expected) => {
    write(config)
    const login = await loginTo(wanted)
    if (expected) expect(login).toMatchObject({ ...expected, source: file })
    else expect(login).toBeNull()
  })

  it.each<[string, object, string[]]>([
    ['a password', { auth }, ['pa:ss']],
    ['an identity token', { auth, identitytoken: 'long' }, ['pa:ss', 'long']],
    ['a token of the registry', { registrytoken: 'ready' }, ['ready']],
    ['no login', {}, []],
  ])('with %s masks it, and not the name', async (_, entry, expected) => {
    write({ auths: { [host]: entry } })
    const masked: string[] = []
    await loginTo(host, aLimit, (value) => void masked.push(value))
    expect(masked).toEqual(expected)
  })

  it('may not exist', async () => {
    const env = { DOCKER_CONFIG: join(folder, 'none') }
    expect(await createDockerLogins(shell, { env, limit: aLimit, mask: noMask })(host)).toBeNull()
  })

  it('is in the home folder without DOCKER_CONFIG', async () => {
    vi.stubEnv('HOME', folder)
    mkdirSync(join(folder, '.docker'))
    writeFileSync(
      join(folder, '.docker/config.json'),
      JSON.stringify({ auths: { [host]: { auth } } }),
    )
    const login = await createDockerLogins(shell, { env: {}, limit: aLimit, mask: noMask })(host)
    expect(login).toMatchObject({ username: 'ada' })
  })

  it.each([
    ['no JSON', `{ "auths": { "${host}": { "auth": ${auth} } } }`],
    ['a list', '[]'],
    ['a login of another kind', { auths: { [host]: { auth: [auth] } } }],
    ['a login that is none', { auths: { [host]: { auth: `${auth.slice(0, 2)}` } } }],
    ['a helper with a path', { credsStore: '../../pa:ss' }],
  ])('with %s is refused, and its secrets are not shown', async (_, config) => {
    write(config)
    const problem = await loginTo(host).catch((error: unknown) => error)
    expect(problem).toMatchObject({
      code: 'bad-docker-config',
      exitCode: 2,
      message: expect.stringContaining(file),
    })
    expect(String(problem)).not.toContain(auth.slice(0, 6))
  })

  it('that cannot be read is refused', async () => {
    rmSync(file, { force: true })
    mkdirSync(file)
    await expect(loginTo(host)).rejects.toMatchObject({ code: 'bad-docker-config', exitCode: 2 })
    rmSync(file, { recursive: true })
  })
})

describe('a credential helper', () => {
  const secret = JSON.stringify({ ServerURL: host, Username: 'ada', Secret: 'pa:ss' })
  const expected = { username: 'ada', password: 'pa:ss', source: 'docker-credential-one' }

  it('of credsStore is asked for the host, on its standard input', async () => {
    const asked = writeHelper('one', secret)
    write({ credsStore: 'one' })
    expect(await loginTo(host)).toEqual(expected)
    expect(asked()).toBe(`get\n${host}`)
  })

  it('is asked for Docker Hub by its old address', async () => {
    const asked = writeHelper('one', secret)
    write({ credsStore: 'one' })
    await loginTo('docker.io')
    expect(asked()).toBe('get\nhttps://index.docker.io/v1/')
  })

  it('of the host wins over credsStore, and both over the file', async () => {
    writeHelper('one', secret)
    writeHelper('two', 'credentials not found in native keychain', 1)
    write({ credsStore: 'two', credHelpers: { [host]: 'one' }, auths: { [host]: { auth } } })
    expect(await loginTo(host)).toEqual(expected)
    expect(await loginTo('other.test')).toBeNull()
  })

  it('of Docker Hub may be named by its old address', async () => {
    writeHelper('one', secret)
    write({ credHelpers: { 'https://index.docker.io/v1/': 'one' } })
    expect(await loginTo('docker.io')).toEqual(expected)
  })

  it('may give an identity token', async () => {
    writeHelper('one', JSON.stringify({ Username: '<token>', Secret: 'long' }))
    write({ credsStore: 'one' })
    expect(await loginTo(host)).toEqual({ identityToken: 'long', source: 'docker-credential-one' })
  })

  it.each([
    ['that fails', 'your session has expired', 1, /your session has expired/],
    ['whose answer is no JSON', 'pa:ss', 0, /an answer that is no login/],
    [
      'whose answer is no login',
      '{"Secret":7,"Username":"pa:ss"}',
      0,
      /an answer that is no login/,
    ],
  ])('%s is named, without its secret', async (_, answer, exitCode, message) => {
    writeHelper('one', answer, exitCode)
    write({ credsStore: 'one' })
    const problem = await loginTo(host).catch((error: unknown) => error)
    expect(problem).toMatchObject({ code: 'registry-login', exitCode: 2 })
    expect(String(problem)).toMatch(message)
    expect(String(problem)).not.toContain('pa:ss')
  })

  it('that is not installed is named', async () => {
    write({ credsStore: 'none' })
    await expect(loginTo(host)).rejects.toMatchObject({
      code: 'program-missing',
      exitCode: 2,
      message: expect.stringContaining('docker-credential-none'),
    })
  })

  it('that hangs is ended', async () => {
    writeFileSync(join(folder, 'docker-credential-one'), '#!/bin/sh\nsleep 30\n')
    write({ credsStore: 'one' })
    const limit = { ...aLimit, seconds: 0.3 }
    await expect(loginTo(host, limit)).rejects.toMatchObject({ code: 'timed-out' })
  })
})
