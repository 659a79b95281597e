// What a user reads when AWS refuses: real SDK clients against a server that answers like AWS.
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { formatError } from '../../../../src/output/errors.ts'
import {
  type Answer,
  account,
  createWorld,
  type EcrWorld,
  host,
  login,
  problem,
  registry,
  repository,
} from './world.ts'

let world: EcrWorld
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.stop())

describe('AWS answers', () => {
  beforeEach(() => {
    login()
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  })
  const where = /eu-central-1|expired/
  it.each<[string, Answer, { code: string; exitCode: number; hint: RegExp; message?: RegExp }]>([
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
        message:
          'Signature expired: 20260101T110000Z is now earlier than 20260101T114500Z (20260101T120000Z - 15 min.)',
      },
      { code: 'aws-clock', exitCode: 2, hint: /timedatectl/, message: /60 minutes behind that of/ },
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
      { code: 'aws-throttled', exitCode: 2, hint: /later/ },
    ],
    ['429', { status: 429, body: {} }, { code: 'aws-throttled', exitCode: 2, hint: /later/ }],
    ['403', { status: 403, body: {} }, { code: 'aws-denied', exitCode: 2, hint: /registryRole/ }],
    [
      'that the request is wrong',
      { status: 400, type: 'InvalidParameterException', message: 'Bad name' },
      { code: 'aws-error', exitCode: 2, hint: /See what AWS says/ },
    ],
    ['500', { status: 500, body: {} }, { code: 'aws-error', exitCode: 2, hint: /problem of AWS/ }],
  ])('%s', async (_, answer, { hint, message = where, ...expected }) => {
    await world.answer(answer)
    expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
      ...expected,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  })

  it('nothing, for as long as the limit', async () => {
    await world.answer(null)
    expect(await problem(registry(null, 0.3).digest(repository, 'v1'))).toMatchObject({
      code: 'aws-unreachable',
      exitCode: 2,
      message: expect.stringContaining('no answer within 0.3 s, the limit of `timeouts.request`'),
    })
  })
})

it('a session token that AWS quotes is not shown, not even with --verbose', async () => {
  login()
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
  const message =
    "The request signature does not match.\n\nThe Canonical String should have been\n'POST\nx-amz-security-token:IQoJsession"
  await world.answer({ status: 403, type: 'InvalidSignatureException', message })
  const error = await problem(registry().digest(repository, 'v1'))
  expect(error).toMatchObject({ code: 'aws-credentials' })
  const { text } = formatError(error, { verbose: true, width: 80 })
  expect(text).toContain('caused by InvalidSignatureException')
  expect(text).not.toContain('IQoJsession')
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
  await world.answer({ status: 500 })
  expect(await problem(registry().digest(repository, 'v1'))).toMatchObject({
    code: 'no-aws-credentials',
    exitCode: 2,
    hint: expect.stringMatching(/aws sso login.*AWS_PROFILE.*configure-aws-credentials/),
  })
  expect(world.asked).toEqual([])
})

it('throttling and 500 are survived', async () => {
  login()
  const repositories = [{ imageTagMutability: 'IMMUTABLE' }]
  await world.answer(
    { status: 400, type: 'ThrottlingException' },
    { status: 500, body: {} },
    { status: 200, body: { repositories } },
  )
  expect(await registry().digest(repository, 'v1')).toMatch(/^sha256:/)
  expect(world.asked).toHaveLength(3)
})

describe('a role', () => {
  const role = `arn:aws:iam::${account}:role/push`
  beforeEach(login)

  it('is assumed once, and its credentials are used', async () => {
    const credentials =
      '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>'
    await world.serve(async (request, response) => {
      const body = await text(request)
      const key = /Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      const operation = new URLSearchParams(body).get('Action') ?? 'ecr'
      world.asked.push({ operation, body, key })
      if (operation === 'AssumeRole')
        return response.setHeader('content-type', 'text/xml').end(credentials)
      response.end('{"repositories":[{"imageTagMutability":"IMMUTABLE"}]}')
    })
    const assumed = registry(role)
    const repositories = [repository, `${host}/shop/payment`]
    await Promise.all(repositories.map((each) => assumed.digest(each, 'v1')))
    expect(world.asked.map(({ operation, key }) => [operation, key])).toEqual([
      ['AssumeRole', 'AKIDEXAMPLE'],
      ['ecr', 'ASIAROLE'],
      ['ecr', 'ASIAROLE'],
    ])
    const form = new URLSearchParams(world.asked[0]?.body)
    expect([form.get('RoleArn'), form.get('RoleSessionName')]).toEqual([role, 'shopctl'])
  })

  it('that may not be assumed is named', async () => {
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
    const message = 'User ada is not authorized to perform: sts:AssumeRole'
    await world.serve((_, response) => {
      response.writeHead(403, { 'content-type': 'text/xml' })
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
      )
    })
    expect(await problem(registry(role).digest(repository, 'v1'))).toMatchObject({
      code: 'aws-denied',
      exitCode: 2,
      message: expect.stringMatching(/the role arn:.*role\/push: .*sts:AssumeRole/),
    })
  })
})
