// What a login to EKS says about each problem.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EksOptions } from '../../../../src/adapters/aws/eks/eks.ts'
import type { FakeAws } from '../../../fakes/aws.ts'
import { type AwsWorld, hour, role, startWorld } from './world.ts'

let world: AwsWorld
let aws: FakeAws
beforeEach(async () => {
  world = await startWorld()
  aws = world.aws
})
afterEach(() => world.stop())

interface Problem {
  title: string
  prepare: () => void
  options?: Partial<EksOptions>
  code: string
  message: RegExp
  hint: RegExp
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
      world.always('DescribeCluster', {
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
      world.always('DescribeCluster', {
        status: 500,
        code: 'ServerException',
        message: 'Internal',
      }),
    code: 'aws-error',
    message: /^Could not describe the EKS cluster shop in eu-central-1: Internal/,
    hint: /problem of AWS/,
  },
  {
    title: 'an AWS that does not answer',
    prepare: () => world.always('DescribeCluster', 'hang'),
    options: { limit: { seconds: 0.5, setting: '`timeouts.request` of shopctl.yaml' } },
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
    const error = await world.connect(problem.options).then(
      () => null,
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ kind: 'refused', code: problem.code })
    expect(error.message).toMatch(problem.message)
    expect(error.message).not.toMatch(/\n|sesame|hidden-secret/)
    expect(error.hint).toMatch(problem.hint)
  })
})
