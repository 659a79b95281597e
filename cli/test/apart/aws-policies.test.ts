// The policies of templates/aws, in ministack with its checks on. It needs no cluster.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ecr from '@aws-sdk/client-ecr'
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks'
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AwsCredentials } from '../../src/adapters/aws/session.ts'
import { type AwsFake, startMinistack } from './aws-fakes.ts'
import {
  account,
  actionsOf,
  asRoot,
  claimsOf,
  cluster,
  createRoles,
  issuer,
  listOf,
  type Policy,
  policyOf,
  type Role,
  region,
  roleArn,
  roles,
  tokenOf,
} from './aws-rights.ts'

let folder = ''
let fake: AwsFake
const policies = {} as Record<Role, Policy>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aws-policies-'))
  fake = await startMinistack({ checks: true })
  await createRoles(fake, folder)
  await asRoot(
    fake,
    'eks',
    '/clusters',
    JSON.stringify({ name: cluster, roleArn: roleArn('read') }),
  )
  for (const role of roles) policies[role] = await policyOf(role, folder)
})
afterAll(async () => {
  await fake?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Throws what STS answers. */
async function assume(role: Role, claims: Record<string, unknown>): Promise<AwsCredentials> {
  const client = new STSClient({ region, endpoint: fake.url })
  const { Credentials: given } = await client.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: roleArn(role),
      RoleSessionName: 'shopctl-1',
      WebIdentityToken: tokenOf(claims),
    }),
  )
  return {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  }
}

const repositoryName = 'shops/shop/order'
const layer = `sha256:${'0'.repeat(64)}`
const uploadId = '0b3ffbb6-7a5c-4f31-9d6a-6f6b8b0a1c11'

/** One call of each action, of this repository. */
const calls: Record<string, (client: ecr.ECRClient, repositoryName: string) => Promise<unknown>> = {
  'ecr:GetAuthorizationToken': (client) => client.send(new ecr.GetAuthorizationTokenCommand({})),
  'ecr:BatchCheckLayerAvailability': (client, repositoryName) =>
    client.send(
      new ecr.BatchCheckLayerAvailabilityCommand({ repositoryName, layerDigests: [layer] }),
    ),
  'ecr:BatchDeleteImage': (client, repositoryName) =>
    client.send(new ecr.BatchDeleteImageCommand({ repositoryName, imageIds: [{ imageTag: 'x' }] })),
  'ecr:BatchGetImage': (client, repositoryName) =>
    client.send(new ecr.BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: 'x' }] })),
  'ecr:CompleteLayerUpload': (client, repositoryName) =>
    client.send(
      new ecr.CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [layer] }),
    ),
  'ecr:CreateRepository': (client, repositoryName) =>
    client.send(new ecr.CreateRepositoryCommand({ repositoryName })),
  'ecr:DescribeImageScanFindings': (client, repositoryName) =>
    client.send(
      new ecr.DescribeImageScanFindingsCommand({ repositoryName, imageId: { imageTag: 'x' } }),
    ),
  'ecr:DescribeImages': (client, repositoryName) =>
    client.send(new ecr.DescribeImagesCommand({ repositoryName })),
  'ecr:GetDownloadUrlForLayer': (client, repositoryName) =>
    client.send(new ecr.GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: layer })),
  'ecr:InitiateLayerUpload': (client, repositoryName) =>
    client.send(new ecr.InitiateLayerUploadCommand({ repositoryName })),
  'ecr:PutImage': (client, repositoryName) =>
    client.send(new ecr.PutImageCommand({ repositoryName, imageManifest: '{}', imageTag: 'x' })),
  'ecr:PutImageTagMutability': (client, repositoryName) =>
    client.send(
      new ecr.PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: 'MUTABLE' }),
    ),
  'ecr:PutLifecyclePolicy': (client, repositoryName) =>
    client.send(new ecr.PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText: '{}' })),
  'ecr:DeleteRepository': (client, repositoryName) =>
    client.send(new ecr.DeleteRepositoryCommand({ repositoryName, force: true })),
  'ecr:SetRepositoryPolicy': (client, repositoryName) =>
    client.send(new ecr.SetRepositoryPolicyCommand({ repositoryName, policyText: '{}' })),
  'ecr:UploadLayerPart': (client, repositoryName) =>
    client.send(
      new ecr.UploadLayerPartCommand({
        ...{ repositoryName, uploadId, partFirstByte: 0, partLastByte: 0 },
        layerPartBlob: new Uint8Array(1),
      }),
    ),
}

/** Whether AWS let it pass, or refused it for another reason than a missing right. */
async function passes(call: Promise<unknown>): Promise<boolean> {
  const problem = await call.then(
    () => null,
    (error: Error) => error,
  )
  return problem === null || !/AccessDenied/.test(problem.name)
}

const environments: Record<Role, string> = {
  push: 'images',
  deploy: 'production',
  read: 'production',
}

describe.each(roles)('%s', (role) => {
  let credentials: AwsCredentials
  beforeAll(async () => {
    credentials = await assume(role, claimsOf(environments[role]))
  })
  const clients = () => ({
    ecr: new ecr.ECRClient({ region, endpoint: fake.url, credentials, maxAttempts: 1 }),
    eks: new EKSClient({ region, endpoint: fake.url, credentials, maxAttempts: 1 }),
  })

  it.each(Object.keys(calls))('may call %s if its policy says so', async (action) => {
    const call = calls[action]
    const isAllowed = actionsOf(policies[role]).includes(action)
    expect(await passes(call?.(clients().ecr, repositoryName) as never)).toBe(isAllowed)
  })

  it('may do nothing with the images of others', async () => {
    for (const [action, call] of Object.entries(calls))
      if (action !== 'ecr:GetAuthorizationToken')
        expect([action, await passes(call(clients().ecr, 'others/shop'))]).toEqual([action, false])
  })

  it('finds the cluster if its policy says so, and no other', async () => {
    const find = (name: string) => passes(clients().eks.send(new DescribeClusterCommand({ name })))
    expect(await find(cluster)).toBe(role !== 'push')
    expect(await find('others')).toBe(false)
  })

  it('needs the secret of its key', async () => {
    credentials = { ...credentials, secretAccessKey: 'guessed' }
    await expect(
      clients().ecr.send(new ecr.GetAuthorizationTokenCommand({})),
    ).rejects.toMatchObject({ name: expect.stringMatching(/Signature/) })
  })
})

it('every action of the policies is called here', () => {
  const known = [...Object.keys(calls), 'ecr:DescribeRepositories', 'eks:DescribeCluster']
  for (const role of roles) expect(known).toEqual(expect.arrayContaining(actionsOf(policies[role])))
})

describe('a job of GitHub', () => {
  const named = (environment: string) => ({
    ...claimsOf(environment),
    sub: `repo:octo-org/shop:environment:${environment}`,
  })
  it.each<[string, Role, object]>([
    ['images', 'push', claimsOf('images')],
    ['images, of a repository without ids', 'push', named('images')],
    ['production', 'deploy', claimsOf('production')],
    ['production, of a repository without ids', 'deploy', named('production')],
    ['production-live', 'deploy', claimsOf('production-live')],
    ['production-live, of a repository without ids', 'deploy', named('production-live')],
  ])('in the environment %s gets the role %s', async (_, role, claims) => {
    const { accessKeyId } = await assume(role, claims as Record<string, string>)
    expect(accessKeyId).toMatch(/^ASIA/)
  })

  const other = (sub: string) => ({ ...claimsOf('production'), sub })
  it.each<[string, Role, object]>([
    ['of another environment', 'push', claimsOf('production')],
    ['of the environment for images', 'deploy', claimsOf('images')],
    ['of no environment', 'deploy', other('repo:octo-org/shop:ref:refs/heads/main')],
    ['of a pull request', 'deploy', other('repo:octo-org/shop:pull_request')],
    ['of a fork', 'deploy', other('repo:mallory/shop:environment:production')],
    [
      'of a repository that got the name later',
      'deploy',
      other('repo:octo-org@123456/shop@999999:environment:production'),
    ],
    [
      'of an owner that got the name later',
      'deploy',
      other('repo:octo-org@9/shop@456789:environment:production'),
    ],
    [
      'whose environment begins alike',
      'deploy',
      other('repo:octo-org/shop:environment:production2'),
    ],
    [
      'for another audience',
      'deploy',
      { ...claimsOf('production'), aud: 'https://github.com/octo-org' },
    ],
    ['of another issuer', 'deploy', { ...claimsOf('production'), iss: 'https://gitlab.com' }],
  ])('%s does not get the role %s', async (_, role, claims) => {
    await expect(assume(role, claims as Record<string, string>)).rejects.toMatchObject({
      name: expect.stringMatching(/^AccessDenied/),
    })
  })
})

/** `StringEquals` as AWS documents it: each key, and one of its values. */
function trusts({ Statement }: Policy, claims: Record<string, string>): boolean {
  return Statement.some(({ Condition }) =>
    Object.entries(Condition?.StringEquals ?? {}).every(([key, values]) =>
      listOf(values).includes(claims[key.slice(issuer.length + 1)] ?? ''),
    ),
  )
}

// The fake knows no other claims than `aud` and `sub`.
describe("GitHub's own claims", () => {
  const rollback = 'octo-org/shop/.github/workflows/rollback.yml@refs/heads/main'
  it.each<[string, string, string, object, boolean]>([
    ['a job as it should be', 'trust-deploy', 'production', {}, true],
    ['the switch', 'trust-deploy', 'production-live', {}, true],
    ['a rollback', 'trust-deploy', 'production', { job_workflow_ref: rollback }, true],
    ['images', 'trust-push', 'images', {}, true],
    ['a rollback that pushes', 'trust-push', 'images', { job_workflow_ref: rollback }, false],
    [
      'the workflow of a branch',
      'trust-deploy',
      'production',
      { job_workflow_ref: 'octo-org/shop/.github/workflows/shopctl.yml@refs/heads/mine' },
      false,
    ],
    [
      'another workflow',
      'trust-push',
      'images',
      { job_workflow_ref: 'octo-org/shop/.github/workflows/ci.yml@refs/heads/main' },
      false,
    ],
    ['another repository', 'trust-deploy', 'production', { repository_id: '9' }, false],
    ['no environment', 'trust-deploy', 'production', { environment: '' }, false],
  ])('%s', async (_, file, environment, more, expected) => {
    const policy = await policyOf(file, folder)
    expect(trusts(policy, { ...claimsOf(environment), ...more })).toBe(expected)
  })

  it('the fake refuses a condition on a claim that it does not know', async () => {
    const trust = await policyOf('trust-push', folder)
    const fields = { Action: 'UpdateAssumeRolePolicy', RoleName: 'push', Version: '2010-05-08' }
    const body = new URLSearchParams({ ...fields, PolicyDocument: JSON.stringify(trust) })
    await asRoot(fake, 'iam', '/', body.toString())
    await expect(assume('push', claimsOf('images'))).rejects.toThrow(/Not authorized/)
  })
})

it('nothing is left to fill in', async () => {
  for (const file of [...roles, 'trust-push', 'trust-deploy'])
    expect(JSON.stringify(await policyOf(file, folder))).not.toMatch(/<[a-z-]+>/)
  expect(JSON.stringify(policies)).toContain(account)
})
