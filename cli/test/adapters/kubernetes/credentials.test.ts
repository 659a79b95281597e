// Credentials for the API server: certificates, tokens, and real exec plugins.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect, type KubernetesApi } from '../../../src/adapters/kubernetes/api.ts'
import { readTarget } from '../../../src/adapters/kubernetes/kubeconfig.ts'
import {
  createTransport,
  type Transport,
  type TransportOptions,
} from '../../../src/adapters/kubernetes/transport.ts'
import {
  clientOf,
  createServers,
  type Servers,
  type Serving,
  writeKubeconfig,
} from '../../fakes/api-server.ts'

// One of them imports a large client, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 20_000 })

const path = '/api/v1/nodes'
const ca = { 'certificate-authority': 'ca.pem' }

let servers: Servers
let folder: string

beforeAll(() => {
  servers = createServers()
  folder = servers.folder
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await servers.stopAll()
})
afterAll(() => servers.remove())

let masked: string[] = []
function apiOf(cluster: object, user: object = {}): KubernetesApi {
  masked = []
  const mask = (value: string) => void (value && masked.push(value))
  return connect({ file: writeKubeconfig(folder, cluster, user), context: null }, { mask })
}

describe('the user', () => {
  const answer = async (
    user: object,
  ): Promise<[unknown, IncomingMessage['headers'] | undefined]> => {
    const { port, requests } = await servers.serve()
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca }, user)
    return [await api.get(path), requests[0]?.headers]
  }

  it('shows a client certificate, from files or inline', async () => {
    const files = { 'client-certificate': 'client.pem', 'client-key': 'client.key' }
    const inline = {
      'client-certificate-data': readFileSync(join(folder, 'client.pem'), 'base64'),
      'client-key-data': readFileSync(join(folder, 'client.key'), 'base64'),
    }
    for (const user of [files, inline]) {
      expect(await answer(user)).toMatchObject([{ client: 'client' }, {}])
      expect(masked.at(-1)).toBe(readFileSync(join(folder, 'client.key'), 'utf8'))
    }
    expect(masked).toContain(inline['client-key-data'])
  })

  it.each<[string, object, object, string[]]>([
    ['a token', { token: 't' }, { authorization: 'Bearer t' }, ['t']],
    [
      'a password',
      { username: 'u', password: 'p' },
      { authorization: 'Basic dTpw' },
      ['dTpw', 'p'],
    ],
    [
      'an impersonation',
      { token: 't', as: 'jane', 'as-groups': ['a', 'b'] },
      { 'impersonate-user': 'jane', 'impersonate-group': 'a, b' },
      ['t'],
    ],
    [
      'an OIDC token',
      { 'auth-provider': { name: 'oidc', config: { 'id-token': idToken() } } },
      { authorization: `Bearer ${idToken()}` },
      [idToken()],
    ],
  ])('sends %s, and masks it', async (_, user, headers, secrets) => {
    expect((await answer(user))[1]).toMatchObject(headers)
    expect(masked).toEqual(secrets)
  })

  it('whose token file changes is asked for it again after a 401', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, 'first\n')
    const { port, requests } = await servers.serve('server', { statuses: [200, 401] })
    const api = apiOf({ server: `https://127.0.0.1:${port}`, ...ca }, { tokenFile: 'token' })
    await api.get(path)
    writeFileSync(file, 'second\n')
    await api.send('PUT', path, {})
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer first',
      'Bearer second',
    ])
    expect(masked).toEqual(['first', 'second'])
  })
})

/** Ends in the year 2100. */
function idToken(): string {
  const part = (content: object): string =>
    Buffer.from(JSON.stringify(content)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ exp: 4_102_444_800 })}.x`
}

describe('an exec plugin', () => {
  let clock = 0
  /** Prints the number of its call as a token that is valid for ten minutes of `clock`. */
  function plugin(script = ''): { exec: object } {
    writeFileSync(join(folder, 'calls'), '')
    const content = `#!/bin/sh
echo >> "$FOLDER/calls"
${script}
calls=$(wc -l < "$FOLDER/calls")
ends=$(date -u -d "@$((calls * 600))" +%Y-%m-%dT%H:%M:%SZ)
printf '{"kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"%s"}}' "$calls" "$ends"
`
    writeFileSync(join(folder, 'plugin.sh'), content, { mode: 0o755 })
    const env = [{ name: 'FOLDER', value: folder }]
    const installHint = 'Install\nthe plugin.'
    return { exec: { command: './plugin.sh', args: null, env, installHint } }
  }
  function transportOf(
    port: number,
    user: object,
    more: object = {},
    limits: TransportOptions['limits'] = {},
  ): Transport {
    clock = 0
    const cluster = { server: `https://127.0.0.1:${port}`, ...ca, ...more }
    const file = writeKubeconfig(folder, cluster, user)
    return createTransport(readTarget({ file, context: null }), {
      now: () => clock,
      limits,
    })
  }
  const statOf = (pid: string): string => {
    const file = `/proc/${pid}/stat`
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  const get = async (transport: Transport): Promise<number | undefined> => {
    const response = await transport.open({ method: 'GET', path })
    response.resume()
    return response.statusCode
  }
  const tokens = ({ requests }: Serving): string[] =>
    requests.map(({ headers }) => (headers.authorization ?? '').replace('Bearer ', ''))

  it('is called once for many requests, and again before its token expires', async () => {
    const seen = await servers.serve()
    const transport = transportOf(seen.port, plugin())
    await Promise.all([get(transport), get(transport)])
    clock = 500_000
    await get(transport)
    clock = 545_000
    await get(transport)
    expect(tokens(seen)).toEqual(['1', '1', '1', '2'])
  })

  it('is called again after a 401 in the middle of a command, also for a write', async () => {
    const seen = await servers.serve('server', { statuses: [200, 401, 200, 200, 401] })
    const transport = transportOf(seen.port, plugin())
    await get(transport)
    expect(await get(transport)).toBe(200)
    const write = { method: 'PUT', path, body: '{}', headers: { 'content-length': '2' } }
    expect((await transport.open(write)).statusCode).toBe(200)
    expect((await transport.open(write)).statusCode).toBe(200)
    expect(tokens(seen)).toEqual(['1', '1', '2', '2', '2', '3'])
  })

  it('is called once after a 401, not endlessly', async () => {
    const seen = await servers.serve('server', { statuses: Array(9).fill(401) })
    expect(await get(transportOf(seen.port, plugin()))).toBe(401)
    expect(tokens(seen)).toEqual(['1', '2'])
  })

  it('that fails while its last token is valid is called again later', async () => {
    const seen = await servers.serve()
    const transport = transportOf(seen.port, plugin('[ $(wc -l < "$FOLDER/calls") = 2 ] && exit 1'))
    await get(transport)
    clock = 545_000
    await get(transport)
    await get(transport)
    expect(tokens(seen)).toEqual(['1', '1', '3'])
  })

  it('that fails is named, with its output and without how to install it', async () => {
    const seen = await servers.serve()
    const transport = transportOf(seen.port, plugin('echo no session >&2; exit 3'))
    await expect(get(transport)).rejects.toMatchObject({
      code: 'no-credentials',
      exitCode: 2,
      message: expect.stringMatching(/plugin\.sh failed: exit code 3: no session/),
      hint: expect.stringContaining('kubectl get nodes'),
    })
    expect(seen.requests).toEqual([])
  })

  it('that hangs is ended, with what it started', async () => {
    const { port } = await servers.serve()
    const tools = { seconds: 0.3, setting: '`timeouts.tools` of shopctl.yaml' }
    const user = plugin('sleep 60 & echo $! > "$FOLDER/child"; wait')
    const transport = transportOf(port, user, {}, { tools })
    await expect(get(transport)).rejects.toMatchObject({
      code: 'no-credentials',
      message: expect.stringMatching(
        /plugin\.sh failed: it did not end within 0\.3 s, the limit of `timeouts\.tools`/,
      ),
    })
    const child = readFileSync(join(folder, 'child'), 'utf8').trim()
    await vi.waitFor(() => expect(statOf(child)).toMatch(/^$|\) Z/))
  })

  it('that is not installed is named with its install hint', async () => {
    const { port } = await servers.serve()
    const exec = { ...plugin().exec, command: './no-such-plugin.sh' }
    await expect(get(transportOf(port, { exec }))).rejects.toMatchObject({
      code: 'no-credentials',
      message: expect.stringContaining('ENOENT'),
      hint: 'Install the plugin.',
    })
  })

  it.each([
    ['is not there', { command: 'no-such-plugin' }, /no-such-plugin failed: .*ENOENT/],
    ['prints something else', { command: 'echo', args: ['hi'] }, /did not print an ExecCredential/],
    ['has to ask', { command: 'true', interactiveMode: 'Always' }, /there is no terminal/],
  ])('that %s is refused', async (_, exec, message) => {
    const { port } = await servers.serve()
    await expect(get(transportOf(port, { exec }))).rejects.toThrow(message)
  })

  it('learns the cluster, and may give a certificate', async () => {
    const { port, requests } = await servers.serve()
    const script = `printf '%s' "$KUBERNETES_EXEC_INFO" > "${folder}/info"
node -e 'const read = (name) => require("fs").readFileSync("${folder}/" + name, "utf8")
console.log(JSON.stringify({ kind: "ExecCredential", status: { clientCertificateData: read("client.pem"), clientKeyData: read("client.key") } }))'
exit`
    const user = { exec: { ...plugin(script).exec, provideClusterInfo: true } }
    const extension = { name: 'client.authentication.k8s.io/exec', extension: { audience: 'x' } }
    await get(transportOf(port, user, { extensions: [extension] }))
    expect(requests[0] && clientOf(requests[0])).toBe('client')
    expect(JSON.parse(readFileSync(join(folder, 'info'), 'utf8'))).toMatchObject({
      spec: {
        interactive: false,
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority-data': readFileSync(join(folder, 'ca.pem'), 'base64'),
          config: { audience: 'x' },
        },
      },
    })
  })
})
