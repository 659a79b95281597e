// How shopctl gets to AWS: through the proxy that the environment names.
import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { createEksAccess } from '../../src/context/eks.ts'
import { createHttpProxy, createServers, type Servers } from '../fakes/api-server.ts'
import { startAws } from '../fakes/aws.ts'
import { forgetAws } from '../fakes/aws-user.ts'
import { noMask } from '../fakes/host.ts'

let servers: Servers
beforeAll(() => {
  servers = createServers()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await servers.stopAll()
})
afterAll(() => servers.remove())

const role = 'arn:aws:iam::111122223333:role/deploy'

it.each([
  ['EKS', null, '', ['CONNECT eks.eu-central-1.amazonaws.com:443']],
  ['STS', role, '', ['CONNECT sts.eu-central-1.amazonaws.com:443']],
  ['neither, where it is excepted', null, '.invalid', []],
  [
    'the FIPS endpoint, where it is chosen',
    null,
    '',
    ['CONNECT fips.eks.eu-central-1.amazonaws.com:443'],
    'true',
  ],
])(
  'asks the proxy for %s',
  async (_, assumed, excepted, expected, fips = undefined) => {
    const asked: string[] = []
    // Behind the proxy is no AWS, but a server without TLS.
    const server = await servers.start(createServer())
    const proxy = await servers.start(createHttpProxy(server, asked))
    forgetAws(servers.folder)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b')
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', fips)
    vi.stubEnv('XDG_CACHE_HOME', servers.folder)
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy}`)
    vi.stubEnv('NO_PROXY', excepted)
    if (excepted) vi.stubEnv('AWS_ENDPOINT_URL', 'https://aws.invalid')
    const eks = { name: 'shop', region: 'eu-central-1', role: assumed }
    const limit = { seconds: 2, setting: '' }
    await expect(createEksAccess(eks, { limit, now: Date.now, mask: noMask })).rejects.toThrow(
      /Could not /,
    )
    expect([...new Set(asked)]).toEqual(expected)
  },
  30_000,
)

/** Gets a token as helm does, and tells it everybody. */
const talkative = `
const { users } = JSON.parse(require('node:fs').readFileSync(process.env.KUBECONFIG))
const { command, args, env } = users[0].user.exec
const more = Object.fromEntries(env.map(({ name, value }) => [name, value]))
const answer = require('node:child_process').spawnSync(command, args, { env: { ...process.env, ...more } })
console.log(String(answer.stdout))
console.error(String(answer.stderr) + JSON.parse(answer.stdout).status.token)
process.exit(1)`

it.each([
  ['true', true],
  ['', false],
])(
  'the token of helm is a secret of the job before its output is seen, with GITHUB_ACTIONS=%j',
  async (actions, inWorkflow) => {
    const aws = await startAws()
    onTestFinished(() => aws.close())
    aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::111122223333:user/ann' })
    aws.roles.add(role)
    aws.clusters.set('eu-central-1/shop', {
      status: 'ACTIVE',
      endpoint: 'https://a.example',
      ca: 'UEVN',
    })
    forgetAws(servers.folder)
    const user = {
      AWS_ACCESS_KEY_ID: 'AKIAUSER',
      AWS_SECRET_ACCESS_KEY: 'sesame',
      AWS_ENDPOINT_URL: aws.url,
    }
    const all = { ...user, XDG_CACHE_HOME: servers.folder, GITHUB_ACTIONS: actions }
    for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
    const masked: string[] = []
    const mask = (text: string) => void masked.push(...text.split('\n').filter(Boolean))
    const limit = { seconds: 10, setting: '' }
    const eks = { name: 'shop', region: 'eu-central-1', role }
    const { shellOf } = await createEksAccess(eks, { limit, now: Date.now, mask })
    masked.length = 0
    const { stdout, stderr } = await shellOf(createShell()).run({
      program: process.execPath,
      args: ['-e', talkative],
    })
    const { token } = JSON.parse(stdout).status
    // The output of helm may be shown: nothing in it is for the runner.
    expect(stderr.trim()).toBe(token)
    // The keys are not among them: what helm does not get is in no file.
    expect(masked).toEqual(inWorkflow ? [token] : [])
  },
  30_000,
)
