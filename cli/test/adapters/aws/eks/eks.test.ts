// The login to EKS against STS and EKS over HTTP: what it asks, what it keeps, and what it says about each problem.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectEks, type EksOptions } from '../../../../src/adapters/aws/eks/eks.ts'
import { type FakeAws, startAws, type Trouble } from '../../../fakes/aws.ts'

const role = 'arn:aws:iam::222233334444:role/deployers/deploy'
const ca = Buffer.from('PEM').toString('base64')
let aws: FakeAws
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eks-'))
  aws = await startAws()
  aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::111122223333:user/ann' })
  aws.roles.add(role)
  aws.clusters.set('eu-central-1/shop', { status: 'ACTIVE', endpoint: 'https://a.example', ca })
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAUSER')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'sesame')
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await aws.close()
  await rm(folder, { recursive: true })
})

function connect(more: Partial<EksOptions> = {}) {
  return connectEks(
    {
      name: 'shop',
      region: 'eu-central-1',
      role: null,
      env: { AWS_ENDPOINT_URL: aws.url },
      agentOf: async () => new Agent({ keepAlive: true }),
      limit: { seconds: 0.5, setting: '`timeouts.request` of shopctl.yaml' },
      now: Date.now,
      ...more,
    },
    folder,
  )
}

/** Sends the token to STS as an EKS cluster does. */
async function whose(token: string, cluster: string): Promise<string> {
  const url = Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString()
  const answer = await fetch(url, { headers: { 'x-k8s-aws-id': cluster } })
  return /<(?:Arn|Code)>(.*?)</.exec(await answer.text())?.[1] ?? ''
}

describe('a login', () => {
  it('has the address of the cluster, and a token that STS accepts for this cluster alone', async () => {
    const { server, token } = await connect()
    expect(server).toBe('https://a.example')
    const made = await token()
    expect(await whose(made.token, 'shop')).toBe('arn:aws:iam::111122223333:user/ann')
    expect(await whose(made.token, 'other')).toBe('SignatureDoesNotMatch')
  })

  it('assumes the role once, for the cluster and for its tokens', async () => {
    const login = await connect({ role })
    const [one] = [await login.token(), await login.token()]
    expect(await whose(one.token, 'shop')).toBe(
      'arn:aws:sts::222233334444:assumed-role/deploy/shopctl',
    )
    expect(aws.asked).toEqual(['AssumeRole', 'DescribeCluster', 'GetCallerIdentity'])
  })

  it('asks AWS nothing the second time', async () => {
    await connect()
    aws.asked.length = 0
    const { server, token } = await connect()
    await token()
    expect([server, aws.asked]).toEqual(['https://a.example', []])
  })

  it('keeps the address of the cluster alone, and per account', async () => {
    await connect()
    await connect({ role })
    const files = await readdir(folder)
    expect(files).toHaveLength(2)
    const kept = await readFile(join(folder, files[0] ?? ''), 'utf8')
    expect(JSON.parse(kept)).toEqual({ server: 'https://a.example', ca })
  })

  it.each([['nonsense'], ['{}'], ['{"server":"http://evil.example","ca":"UEVN"}']])(
    'asks again when what it kept is %s',
    async (content) => {
      await connect()
      const [file = ''] = await readdir(folder)
      await writeFile(join(folder, file), content)
      expect((await connect()).server).toBe('https://a.example')
    },
  )

  it('goes on after AWS was throttled, or has failed, once', async () => {
    const trouble: Trouble = { status: 429, code: 'ThrottlingException', message: 'Rate exceeded' }
    aws.troubles.push({ action: 'DescribeCluster', trouble })
    const broken: Trouble = { status: 500, code: 'ServerException', message: 'Internal' }
    aws.troubles.push({ action: 'DescribeCluster', trouble: broken })
    expect((await connect()).server).toBe('https://a.example')
  })
})

it('stops at Ctrl-C while AWS does not answer', async () => {
  always('DescribeCluster', 'hang')
  const interrupt = new AbortController()
  const started = performance.now()
  setTimeout(() => interrupt.abort(), 100)
  const limit = { seconds: 30, setting: '' }
  const connecting = connect({ signal: interrupt.signal, limit })
  await expect(connecting).rejects.toMatchObject({ code: 'interrupted' })
  expect(performance.now() - started).toBeLessThan(5_000)
})

interface Problem {
  title: string
  prepare: () => void
  options?: Partial<EksOptions>
  code: string
  message: RegExp
  hint: RegExp
}

const hour = 3_600_000
function always(action: string, trouble: Trouble): void {
  for (let i = 0; i < 5; i += 1) aws.troubles.push({ action, trouble })
}
function status(value: string): void {
  aws.clusters.set('eu-central-1/shop', { status: value })
}

const problems: Problem[] = [
  {
    title: 'a cluster that is being created',
    prepare: () => status('CREATING'),
    code: 'cluster-not-ready',
    message: /^The EKS cluster shop in eu-central-1 is being created\.$/,
    hint: /aws eks wait cluster-active --name shop --region eu-central-1/,
  },
  {
    title: 'a cluster that is being deleted',
    prepare: () => status('DELETING'),
    code: 'cluster-ending',
    message: /is being deleted/,
    hint: /another cluster as `cluster.eks`/,
  },
  {
    title: 'a cluster that failed',
    prepare: () => status('FAILED'),
    code: 'cluster-failed',
    message: /could not be created: its state is FAILED/,
    hint: /aws eks describe-cluster/,
  },
  {
    title: 'an active cluster without an address',
    prepare: () => status('ACTIVE'),
    code: 'cluster-not-ready',
    message: /has no API server yet/,
    hint: /aws eks wait/,
  },
  {
    title: 'a cluster that is not there',
    prepare: () => aws.clusters.clear(),
    code: 'unknown-cluster',
    message:
      /^There is no EKS cluster shop in eu-central-1 of the account 111122223333 \(you are arn:aws:iam::111122223333:user\/ann\)\.$/,
    hint: /Check name, region and role.*aws eks list-clusters --region eu-central-1/,
  },
  {
    title: 'the wrong region',
    prepare: () => {},
    options: { region: 'eu-west-1' },
    code: 'unknown-cluster',
    message: /^There is no EKS cluster shop in eu-west-1 /,
    hint: /--region eu-west-1/,
  },
  {
    title: 'a region that does not exist',
    prepare: () => {},
    options: { env: { AWS_ENDPOINT_URL: 'http://eks.eu-moon-1.invalid' } },
    code: 'aws-unreachable',
    message: /Could not describe the EKS cluster shop in eu-central-1: .*eks\.eu-moon-1\.invalid/,
    hint: /whether the region eu-central-1 exists/,
  },
  {
    title: 'no credentials',
    prepare: () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
    },
    code: 'no-aws-credentials',
    message: /^There are no AWS credentials: /,
    hint: /AWS_PROFILE.*aws sso login.*configure-aws-credentials/,
  },
  {
    title: 'a profile that is not there',
    prepare: () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
    },
    options: { env: { AWS_PROFILE: 'nobody' } },
    code: 'no-aws-credentials',
    message: /^There are no AWS credentials for the profile nobody: /,
    hint: /AWS_PROFILE/,
  },
  {
    title: 'expired credentials',
    prepare: () => {
      const caller = { secret: 'sesame', arn: 'arn:aws:sts::1:assumed-role/a/b' }
      aws.callers.set('AKIAUSER', { ...caller, sessionToken: 'old', endsAt: 0 })
      vi.stubEnv('AWS_SESSION_TOKEN', 'old')
    },
    code: 'aws-expired',
    message: /^Your AWS credentials have expired/,
    hint: /aws sso login/,
  },
  {
    title: 'an unknown access key',
    prepare: () => aws.callers.clear(),
    code: 'aws-credentials',
    message:
      /^AWS does not accept your credentials: The security token included in the request is invalid\.$/,
    hint: /enabled the region eu-central-1/,
  },
  {
    title: 'a wrong secret',
    prepare: () => vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hidden-secret'),
    code: 'aws-credentials',
    message: /^AWS does not accept your credentials: The request signature/,
    hint: /its secret/,
  },
  {
    title: 'no right to describe the cluster',
    prepare: () => {
      aws.allows = () => false
    },
    code: 'aws-denied',
    message: /user\/ann is not authorized to perform: eks:DescribeCluster/,
    hint: /Use a role with this right/,
  },
  {
    title: 'a role that must not be assumed',
    prepare: () => aws.roles.clear(),
    options: { role },
    code: 'aws-denied',
    message: /^AWS does not let you assume the role arn:.*:role\/deployers\/deploy: User: /,
    hint: /sts:AssumeRole.*trust policy/,
  },
  {
    title: 'throttling that does not end',
    prepare: () =>
      always('DescribeCluster', {
        status: 429,
        code: 'ThrottlingException',
        message: 'Rate exceeded',
      }),
    code: 'aws-throttled',
    message: /throttles your requests: .* in 3 attempts/,
    hint: /Wait a minute/,
  },
  {
    title: 'an AWS that fails',
    prepare: () =>
      always('DescribeCluster', { status: 500, code: 'ServerException', message: 'Internal' }),
    code: 'aws-error',
    message: /^Could not describe the EKS cluster shop in eu-central-1: Internal/,
    hint: /problem of AWS/,
  },
  {
    title: 'an AWS that does not answer',
    prepare: () => always('DescribeCluster', 'hang'),
    code: 'aws-unreachable',
    message: /no answer within 0.5 s, the limit of `timeouts.request` of shopctl.yaml/,
    hint: /network/,
  },
  {
    title: 'a clock that is an hour behind',
    prepare: () => {
      aws.now = () => Date.now() + hour
    },
    code: 'aws-clock',
    message:
      /^The clock of this machine is 60 minutes behind that of AWS\. AWS says: Signature expired: /,
    hint: /timedatectl/,
  },
  {
    title: 'a clock that is an hour ahead',
    prepare: () => {
      aws.now = () => Date.now() - hour
    },
    code: 'aws-clock',
    message: /60 minutes ahead of that of AWS\. AWS says: Signature not yet current: /,
    hint: /timedatectl/,
  },
  {
    title: 'a clock that is wrong while a role is assumed',
    prepare: () => {
      aws.now = () => Date.now() + hour
    },
    options: { role },
    code: 'aws-clock',
    message: /60 minutes behind/,
    hint: /timedatectl/,
  },
]

describe('a refusal', () => {
  it.each(problems)('says what to do about $title', async (problem) => {
    problem.prepare()
    const error = await connect(problem.options).then(
      () => null,
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ kind: 'refused', code: problem.code })
    expect(error.message).toMatch(problem.message)
    expect(error.message).not.toMatch(/\n|sesame|hidden-secret/)
    expect(error.hint).toMatch(problem.hint)
  })
})

describe('a token that the cluster refuses', () => {
  it('is explained by the access entry that is missing', async () => {
    const { message, hint } = await (await connect({ role })).refusal()
    expect(message).toBe(
      `The EKS cluster shop in eu-central-1 does not accept you as arn:aws:sts::222233334444:assumed-role/deploy/shopctl: it has no access entry for ${role}.`,
    )
    expect(hint).toContain(
      `aws eks create-access-entry --cluster-name shop --region eu-central-1 --principal-arn ${role}`,
    )
  })

  it('names the role, where the user is a session of it', async () => {
    const arn = 'arn:aws:sts::111122223333:assumed-role/admin/ann'
    aws.callers.set('AKIAUSER', { secret: 'sesame', arn })
    const { message } = await (await connect()).refusal()
    expect(message).toContain(
      `as ${arn}: it has no access entry for arn:aws:iam::111122223333:role/admin.`,
    )
  })

  it('is explained by the clock, or by credentials that have ended', async () => {
    const login = await connect()
    aws.now = () => Date.now() + hour
    expect((await login.refusal()).code).toBe('aws-clock')
    aws.now = Date.now
    aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::1:user/a', endsAt: 0 })
    expect((await login.refusal()).message).toMatch(/have expired/)
  })
})

describe('a cluster that cannot be reached', () => {
  it.each([
    ['is deleted', { status: 'DELETING' }, 'cluster-ending'],
    [
      'is private',
      { status: 'ACTIVE', endpoint: 'https://a.example', ca, isPublic: false },
      'cluster-unreachable',
    ],
    ['was made anew', { status: 'ACTIVE', endpoint: 'https://b.example', ca }, 'cluster-moved'],
  ])('%s', async (_, cluster, code) => {
    const login = await connect()
    aws.clusters.set('eu-central-1/shop', cluster)
    expect((await login.absence())?.code).toBe(code)
  })

  it('is as it was, for all that AWS knows', async () => {
    const login = await connect()
    expect(await login.absence()).toBeNull()
    always('DescribeCluster', 'reset')
    expect(await login.absence()).toBeNull()
  })

  it('is described anew by the next command', async () => {
    const login = await connect()
    aws.clusters.set('eu-central-1/shop', { status: 'ACTIVE', endpoint: 'https://b.example', ca })
    await login.absence()
    expect((await connect()).server).toBe('https://b.example')
  })
})
