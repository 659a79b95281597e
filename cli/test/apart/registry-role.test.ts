// `registryRole`: all that shopctl itself asks of Amazon ECR, in a role with the policies push.json and deploy.json of
// templates/aws and no others. The job may assume it, and nothing else. The fake has one account, so it is of the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createEcr, type Ecr } from '../../src/adapters/aws/ecr/ecr.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import type { Registry } from '../../src/release/ports/project.ts'
import { createServers, type Servers } from '../fakes/api-server.ts'
import { forgetAws } from '../fakes/aws-user.ts'
import { aLimit, noMask } from '../fakes/host.ts'
import { type AwsFake, serveTls, startMinistack } from './aws-fakes.ts'
import { type Recorder, startRecorder } from './aws-recorder.ts'
import {
  account,
  claimsOf,
  createRole,
  createRoles,
  type Policy,
  policyOf,
  type Role,
  region,
  tokenOf,
} from './aws-rights.ts'
import { pushImage } from './registry-server.ts'

const host = `${account}.dkr.ecr.${region}.amazonaws.com`
const arnOf = (role: string): string => `arn:aws:iam::${account}:role/${role}`
const candidates: Record<string, Role[]> = { both: ['push', 'deploy'], pushes: ['push'] }

let folder = ''
let servers: Servers
let fake: AwsFake
let recorder: Recorder
let port = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'registry-role-'))
  servers = createServers()
  fake = await startMinistack({ checks: true })
  await createRoles(fake, folder)
  const trustOf = (AWS: string) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' }],
  })
  for (const [name, files] of Object.entries(candidates))
    await createRole(fake, name, {
      trust: trustOf(arnOf('job')),
      policies: await Promise.all(files.map((file) => policyOf(file, folder))),
    })
  const { Statement } = await policyOf('trust-push', folder)
  const known = Object.entries(Statement[0]?.Condition?.StringEquals ?? {}).filter(([key]) =>
    /:(aud|sub)$/.test(key),
  )
  const StringEquals = Object.fromEntries(known)
  await createRole(fake, 'job', {
    trust: { Version: '2012-10-17', Statement: [{ ...Statement[0], Condition: { StringEquals } }] },
    policies: [
      {
        Version: '2012-10-17',
        Statement: [
          {
            ...{ Effect: 'Allow', Action: 'sts:AssumeRole' },
            Resource: Object.keys(candidates).map(arnOf),
          },
        ],
      },
    ],
  })
  recorder = await startRecorder(servers, fake, (description) => description)
  port = await serveTls(servers, { ...fake, url: recorder.url })
  forgetAws(folder)
  const file = join(folder, 'token')
  writeFileSync(file, tokenOf(claimsOf('images')))
  vi.stubEnv('AWS_ENDPOINT_URL', recorder.url)
  vi.stubEnv('AWS_ROLE_ARN', arnOf('job'))
  vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', file)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_REGION', region)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await servers?.stopAll()
  servers?.remove()
  await fake?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The registry of an environment with this `registryRole`. null: without one. */
async function registryIn(role: string | null): Promise<{ ecr: Ecr; registry: Registry }> {
  const files = candidates[role ?? ''] ?? []
  const policies = await Promise.all(files.map((file) => policyOf(file, folder)))
  const Statement = policies.flatMap((policy: Policy) => policy.Statement)
  recorder.policy = { Version: '2012-10-17', Statement }
  recorder.calls.length = 0
  const ca = readFileSync(join(servers.folder, 'ca.pem'))
  const agent = new Agent()
  agent.createConnection = () =>
    connectTls({ host: '127.0.0.1', port, servername: 'cluster.test', ca })
  const ecr = createEcr({
    ...{ host, account, region, role: role && arnOf(role), limit: aLimit, env: process.env },
    ...{ agentOf: async () => new Agent(), scratch: createScratch(), mask: noMask },
  })
  const options = { limit: aLimit, agentOf: async () => agent, logins: ecr.logins }
  return { ecr, registry: ecr.registryOf(createRegistry(options)) }
}

/** What build, push and deploy ask of it. Returns the rights that were used. */
async function useAll(role: string | null, service: string): Promise<string[]> {
  const { ecr, registry } = await registryIn(role)
  const name = `shops/shop/${service}`
  const repository = `${host}/${name}`
  expect(await registry.prepare(repository)).toBe(true)
  await pushImage(new URL(fake.url).host, name, 'inputs')
  const digest = (await registry.digest(repository, 'inputs')) ?? ''
  await registry.tag(repository, digest, 'v1')
  await registry.labels(repository, digest)
  await registry.keep(repository, { env: 'prod', id: 'op-1', digests: [digest] })
  // The pin of the first deploy goes.
  await registry.keep(repository, { env: 'prod', id: 'op-2', digests: [] })
  await ecr.scans.read(repository, digest)
  return [...new Set(recorder.calls.map(({ action }) => action))]
}

it('with push.json and deploy.json serves all commands', async () => {
  const used = await useAll('both', 'order')
  expect(used).toEqual(
    expect.arrayContaining([
      ...['sts:AssumeRole', 'ecr:CreateRepository', 'ecr:PutLifecyclePolicy', 'ecr:PutImage'],
      ...['ecr:DescribeImages', 'ecr:BatchDeleteImage', 'ecr:DescribeImageScanFindings'],
    ]),
  )
})

it('with push.json alone stops a deploy, and the message names the right', async () => {
  await expect(useAll('pushes', 'payment')).rejects.toMatchObject({
    code: 'aws-denied',
    message: expect.stringContaining('ecr:DescribeImages'),
  })
})

it('is needed: the job itself has no right', async () => {
  await expect(useAll(null, 'inventory')).rejects.toMatchObject({
    code: 'aws-denied',
    message: expect.stringContaining('ecr:DescribeRepositories'),
  })
})
