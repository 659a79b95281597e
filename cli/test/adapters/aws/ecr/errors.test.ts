// What a user reads when AWS refuses: real SDK clients against a server that answers like AWS.
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEcr } from '../../../../src/adapters/aws/ecr/ecr.ts'
import { createScratch } from '../../../../src/adapters/scratch.ts'
import type { Registry } from '../../../../src/release/ports/project.ts'
import { aLimit } from '../../../fakes/host.ts'
import { listen } from '../../../fakes/token-server.ts'

const account = '123456789012'
const region = 'eu-central-1'
const host = `${account}.dkr.ecr.${region}.amazonaws.com`
const repository = `${host}/shop/order`
const secret = 'wJalrXUtnFEMI'
const images: Registry = {
  digest: async () => `sha256:${'a'.repeat(64)}`,
  labels: async () => ({}),
  referrers: async () => [],
  tag: async () => {},
  prepare: async () => {},
  keep: async () => {},
}

interface Answer {
  status: number
  /** The name of an error. */
  type?: string
  message?: string
  body?: object
}

let server: Server | undefined
let home = ''
let asked: { operation: string; body: string; key: string }[] = []

beforeEach(() => {
  asked = []
  home = mkdtempSync(join(tmpdir(), 'aws-'))
  for (const name of Object.keys(process.env).filter((each) => each.startsWith('AWS_')))
    vi.stubEnv(name, undefined)
  vi.stubEnv('HOME', home)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
})
afterEach(() => {
  vi.unstubAllEnvs()
  server?.close().closeAllConnections()
  server = undefined
  rmSync(home, { recursive: true })
})

/** Answers each request with the next of these, then with the last one. `null`: does not answer. */
async function aws(...answers: (Answer | null)[]): Promise<void> {
  server = createServer(async (request, response) => {
    const body = await text(request)
    const target = String(request.headers['x-amz-target'] ?? '').split('.')[1]
    const operation = target ?? new URLSearchParams(body).get('Action') ?? ''
    const key = /Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    asked.push({ operation, body, key })
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (!answer) return
    const { status, type, message = 'no', body: content = { __type: type, message } } = answer
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
    response.end(JSON.stringify(content))
  })
  vi.stubEnv('AWS_ENDPOINT_URL', `http://${await listen(server)}`)
}

function login(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
}

function registry(role: string | null = null, seconds = 4): Registry {
  const limit = { ...aLimit, seconds }
  return createEcr({
    host,
    account,
    region,
    role,
    limit,
    env: process.env,
    agentOf: async () => new Agent(),
    scratch: createScratch(),
  }).registryOf(images)
}

async function problem(asking: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await asking.then(
    () => ({}),
    (error: unknown) => error,
  )
  expect(JSON.stringify(error) + String(error)).not.toContain(secret)
  return error as Record<string, unknown>
}

describe('AWS answers', () => {
  beforeEach(() => {
    login()
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  })
  it.each<[string, Answer, { code: string; exitCode: number; hint: RegExp }]>([
    [
      'that the credentials have expired',
      { status: 400, type: 'ExpiredTokenException', message: 'The security token is expired' },
      { code: 'aws-expired', exitCode: 2, hint: /aws sso login/ },
    ],
    [
      'that it does not know the credentials',
      {
        status: 400,
        type: 'UnrecognizedClientException',
        message: 'The security token is invalid.',
      },
      { code: 'aws-credentials', exitCode: 2, hint: /the region eu-central-1/ },
    ],
    [
      'that the clock is wrong',
      {
        status: 400,
        type: 'InvalidSignatureException',
        message: 'Signature expired: 20260101T110000Z is now earlier than 20260101T115500Z',
      },
      { code: 'aws-clock', exitCode: 2, hint: /timedatectl/ },
    ],
    [
      'that a right is missing, as in another account',
      {
        status: 400,
        type: 'AccessDeniedException',
        message:
          'User: arn:aws:iam::999999999999:user/ada is not authorized to perform: ecr:DescribeRepositories',
      },
      { code: 'aws-denied', exitCode: 2, hint: /registryRole/ },
    ],
    [
      'that there are too many requests',
      { status: 400, type: 'ThrottlingException', message: 'Rate exceeded' },
      { code: 'aws-throttled', exitCode: 1, hint: /later/ },
    ],
    ['429', { status: 429, body: {} }, { code: 'aws-throttled', exitCode: 1, hint: /later/ }],
    ['403', { status: 403, body: {} }, { code: 'aws-denied', exitCode: 2, hint: /registryRole/ }],
    [
      'that the request is wrong',
      { status: 400, type: 'InvalidParameterException', message: 'Bad name' },
      { code: 'aws-error', exitCode: 1, hint: /See what AWS says/ },
    ],
    ['500', { status: 500, body: {} }, { code: 'aws-error', exitCode: 1, hint: /problem of AWS/ }],
  ])('%s', async (_, answer, { hint, ...expected }) => {
    await aws(answer)
    expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
      ...expected,
      message: expect.stringMatching(/eu-central-1|expired|clock/),
      hint: expect.stringMatching(hint),
    })
  })

  it('nothing, for as long as the limit', async () => {
    await aws(null)
    expect(await problem(registry(null, 0.3).digest(repository, 'v1'))).toMatchObject({
      code: 'aws-unreachable',
      exitCode: 2,
      message: expect.stringContaining('no answer within 0.3 s, the limit of `timeouts.request`'),
    })
  })
})

it('AWS that is not there is named, with the region', async () => {
  login()
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1')
  expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
    code: 'aws-unreachable',
    exitCode: 2,
    hint: expect.stringContaining('whether the region eu-central-1 exists'),
  })
})

it('without credentials, says what to run', async () => {
  await aws({ status: 500 })
  expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
    code: 'no-aws-credentials',
    exitCode: 2,
    hint: expect.stringMatching(/aws sso login.*AWS_PROFILE.*configure-aws-credentials/),
  })
  expect(asked).toEqual([])
})

it('throttling and 500 are survived', async () => {
  login()
  const repositories = [{ imageTagMutability: 'IMMUTABLE' }]
  await aws(
    { status: 400, type: 'ThrottlingException' },
    { status: 500, body: {} },
    { status: 200, body: { repositories } },
  )
  expect(await registry().digest(repository, 'v1')).toMatch(/^sha256:/)
  expect(asked).toHaveLength(3)
})

describe('a role', () => {
  const role = `arn:aws:iam::${account}:role/push`
  beforeEach(login)

  it('is assumed once, and its credentials are used', async () => {
    const credentials =
      '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>'
    server = createServer(async (request, response) => {
      const body = await text(request)
      const key = /Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      const operation = new URLSearchParams(body).get('Action') ?? 'ecr'
      asked.push({ operation, body, key })
      if (operation === 'AssumeRole')
        return response.setHeader('content-type', 'text/xml').end(credentials)
      response.end('{"repositories":[{"imageTagMutability":"IMMUTABLE"}]}')
    })
    vi.stubEnv('AWS_ENDPOINT_URL', `http://${await listen(server)}`)
    const assumed = registry(role)
    const repositories = [repository, `${host}/shop/payment`]
    await Promise.all(repositories.map((each) => assumed.digest(each, 'v1')))
    expect(asked.map(({ operation, key }) => [operation, key])).toEqual([
      ['AssumeRole', 'AKIDEXAMPLE'],
      ['ecr', 'ASIAROLE'],
      ['ecr', 'ASIAROLE'],
    ])
    const form = new URLSearchParams(asked[0]?.body)
    expect([form.get('RoleArn'), form.get('RoleSessionName')]).toEqual([role, 'shopctl'])
  })

  it('that may not be assumed is named', async () => {
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
    const message = 'User ada is not authorized to perform: sts:AssumeRole'
    server = createServer((_, response) => {
      response.writeHead(403, { 'content-type': 'text/xml' })
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
      )
    })
    vi.stubEnv('AWS_ENDPOINT_URL', `http://${await listen(server)}`)
    expect(await problem(registry(role).digest(repository, 'v1'))).toMatchObject({
      code: 'aws-denied',
      exitCode: 2,
      message: expect.stringMatching(/the role arn:.*role\/push: .*sts:AssumeRole/),
    })
  })
})

describe('a repository', () => {
  beforeEach(login)
  it('whose tags may move is refused, with the command that changes it', async () => {
    await aws({ status: 200, body: { repositories: [{ imageTagMutability: 'MUTABLE' }] } })
    expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
      code: 'tags-move',
      exitCode: 2,
      hint: expect.stringContaining(
        '--repository-name shop/order --image-tag-mutability IMMUTABLE',
      ),
    })
    // What has this digest cannot change.
    expect(await registry().digest(repository, `sha256:${'a'.repeat(64)}`)).toMatch(/^sha256:/)
  })

  it('is not created in the wrong account', async () => {
    const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>999999999999</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
    server = createServer(async (request, response) => {
      const isSts = (await text(request)).includes('GetCallerIdentity')
      asked.push({ operation: isSts ? 'sts' : 'ecr', body: '', key: '' })
      if (isSts) return response.setHeader('content-type', 'text/xml').end(identity)
      response.writeHead(400).end('{"__type":"RepositoryNotFoundException"}')
    })
    vi.stubEnv('AWS_ENDPOINT_URL', `http://${await listen(server)}`)
    expect(await problem(registry().prepare(repository))).toMatchObject({
      code: 'aws-account',
      exitCode: 2,
      message: expect.stringMatching(/account 123456789012.*credentials are of 999999999999/),
      hint: expect.stringContaining('registryRole'),
    })
    expect(asked.map(({ operation }) => operation)).toEqual(['ecr', 'sts'])
  })

  it('that does not exist has no images', async () => {
    await aws({ status: 400, type: 'RepositoryNotFoundException' })
    expect(await registry().digest(repository, 'v1')).toBeNull()
  })
})
