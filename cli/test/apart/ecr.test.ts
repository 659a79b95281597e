// Amazon ECR against two fakes: ministack has images and their API, moto the rules for tags. It needs no cluster.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetLifecyclePolicyCommand,
  PutImageCommand,
} from '@aws-sdk/client-ecr'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createEcr, type Ecr } from '../../src/adapters/aws/ecr/ecr.ts'
import { lifecycleRules } from '../../src/adapters/aws/ecr/policy.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createScratch } from '../../src/adapters/scratch.ts'
import { createShell } from '../../src/adapters/shell.ts'
import type { Registry } from '../../src/release/ports/project.ts'
import { createServers, type Servers } from '../fakes/api-server.ts'
import { aLimit, noMask } from '../fakes/host.ts'
import { registryContract } from '../fakes/registry-contract.ts'
import { type AwsFake, serveTls, startMinistack, startMoto } from './aws-fakes.ts'
import { enginePrograms, pushImage } from './registry-server.ts'

const region = 'eu-central-1'
const name = 'shops/shop/order'

let servers: Servers
beforeAll(() => {
  servers = createServers()
})
afterAll(() => {
  vi.unstubAllEnvs()
  servers.remove()
})

/** For the SDK: its endpoint, and the login of a user. */
function use({ url }: AwsFake): void {
  vi.stubEnv('AWS_ENDPOINT_URL', url)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_SESSION_TOKEN', undefined)
}

function ecrOf(account: string, role: string | null = null): Ecr {
  const host = `${account}.dkr.ecr.${region}.amazonaws.com`
  return createEcr({
    host,
    account,
    region,
    role,
    limit: aLimit,
    env: process.env,
    agentOf: async () => new Agent(),
    scratch: createScratch(),
    mask: noMask,
  })
}

async function tagsOf(client: ECRClient): Promise<string[][]> {
  const { imageDetails = [] } = await client.send(
    new DescribeImagesCommand({ repositoryName: name }),
  )
  return imageDetails.map(({ imageTags = [] }) => [...imageTags].sort())
}

describe('ministack', () => {
  const account = '000000000000'
  const repository = `${account}.dkr.ecr.${region}.amazonaws.com/${name}`
  let fake: AwsFake
  let registry: Registry

  beforeAll(async () => {
    fake = await startMinistack()
    use(fake)
    // The registry has its real name, over TLS.
    const port = await serveTls(servers, fake)
    const ca = readFileSync(join(servers.folder, 'ca.pem'))
    const agent = new Agent()
    agent.createConnection = () =>
      connectTls({ host: '127.0.0.1', port, servername: 'cluster.test', ca })
    const ecr = ecrOf(account, `arn:aws:iam::${account}:role/push`)
    const images = createRegistry({
      limit: aLimit,
      agentOf: async () => agent,
      logins: ecr.logins,
    })
    registry = ecr.registryOf(images)
    await registry.prepare(repository)
    await pushImage(new URL(fake.url).host, name, 'there')
  })
  afterAll(async () => {
    await servers.stopAll()
    await fake.stop()
  })

  registryContract(async () => ({ registry, repository }))

  it('lends docker a login, which wins over the helper of the user', async () => {
    const own = mkdtempSync(join(servers.folder, 'own-'))
    writeFileSync(join(own, 'config.json'), '{"credsStore":"none"}')
    const helper = "#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n"
    writeFileSync(join(own, 'docker-credential-none'), helper, { mode: 0o755 })
    vi.stubEnv('DOCKER_CONFIG', own)
    vi.stubEnv('PATH', `${own}:${process.env.PATH}`)
    const { host, sent } = await startEngine(servers)
    await ecrOf(account).withLogin(async (env) => {
      const command = {
        program: join(enginePrograms(), 'docker'),
        args: ['push', `${repository}:v1`],
      }
      return createShell().check({ ...command, env: { ...env, DOCKER_HOST: host } })
    })
    expect(sent).toMatchObject([{ username: 'AWS', password: 'ministack-auth-token' }])
  })

  it('keeps an image by a pin', async () => {
    const digest = (await registry.digest(repository, 'there')) ?? ''
    await registry.keep(repository, { env: 'prod', id: 'op-1', digests: [digest] })
    await registry.keep(repository, { env: 'prod', id: 'op-2', digests: [digest, 'sha256:gone'] })
    expect(await registry.digest(repository, 'keep-prod-op-1')).toBe(digest)
    expect(await registry.digest(repository, 'keep-prod-op-2')).toBeNull()
  })

  it('prepares a repository that is there without a change', async () => {
    await registry.prepare(repository)
    expect(await registry.digest(repository, 'there')).toMatch(/^sha256:/)
  })
})

describe('moto', () => {
  const account = '123456789012'
  const repository = `${account}.dkr.ecr.${region}.amazonaws.com/${name}`
  let fake: AwsFake
  let client: ECRClient
  let registry: Registry
  let digests: string[] = []

  beforeAll(async () => {
    fake = await startMoto()
    use(fake)
    client = new ECRClient({ region, endpoint: fake.url })
    registry = ecrOf(account).registryOf(motoImages(client))
    await registry.prepare(repository)
    digests = [await put('v1', 'one'), await put('v2', 'two')]
  })
  afterAll(() => fake.stop())

  /** moto stores no layers, but makes the digest from theirs: without any, it is one of 101 at random. */
  async function put(imageTag: string, content: string): Promise<string> {
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const layers = [{ digest: content }]
    const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType, layers })
    const input = { repositoryName: name, imageTag, imageManifest }
    const { image } = await client.send(new PutImageCommand(input))
    return image?.imageId?.imageDigest ?? ''
  }

  it('has the repository as it should be', async () => {
    const { repositories = [] } = await client.send(new DescribeRepositoriesCommand({}))
    expect(repositories).toMatchObject([
      {
        repositoryName: name,
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [
          { filterType: 'WILDCARD', filter: 'keep-*' },
          { filterType: 'WILDCARD', filter: 'cache*' },
          { filterType: 'WILDCARD', filter: 'sha256-*' },
        ],
        encryptionConfiguration: { encryptionType: 'AES256' },
      },
    ])
    const { lifecyclePolicyText = '' } = await client.send(
      new GetLifecyclePolicyCommand({ repositoryName: name }),
    )
    expect(JSON.parse(lifecyclePolicyText)).toEqual({ rules: lifecycleRules })
  })

  it('moves the tag of a cache, and no version', async () => {
    await put('cache-main', 'three')
    await put('cache-main', 'four')
    await expect(put('v1', 'five')).rejects.toMatchObject({
      name: expect.stringMatching(/^Image(Tag)?AlreadyExistsException$/),
    })
  })

  it('a tag that exists is reused with the same digest, and refused with another', async () => {
    const [one = '', two = ''] = digests
    await registry.tag(repository, one, 'v1')
    await expect(registry.tag(repository, two, 'v1')).rejects.toMatchObject({
      code: 'tag-taken',
      exitCode: 2,
      message: expect.stringContaining(`${repository}:v1 with another digest`),
    })
  })

  it('pins what is needed, and unpins what is not needed any more, which stays', async () => {
    const [one = '', two = ''] = digests
    await registry.keep(repository, { env: 'prod', id: 'op-1', digests: [one] })
    expect(await tagsOf(client)).toContainEqual(['keep-prod-op-1', 'v1'])
    await registry.keep(repository, { env: 'staging', id: 'op-1', digests: [one] })
    await registry.keep(repository, { env: 'prod', id: 'op-2', digests: [two] })
    const tags = await tagsOf(client)
    expect(tags).toContainEqual(['keep-staging-op-1', 'v1'])
    expect(tags).toContainEqual(['keep-prod-op-2', 'v2'])
    await registry.keep(repository, { env: 'staging', id: 'op-2', digests: [] })
    expect(await tagsOf(client)).toContainEqual(['v1'])
  })
})

/** An engine for docker's client, which takes every push and keeps the logins. */
async function startEngine(servers: Servers): Promise<{ host: string; sent: object[] }> {
  const sent: object[] = []
  const engine = createServer((request, response) => {
    response.setHeader('api-version', '1.41')
    const login = request.headers['x-registry-auth']
    if (login) sent.push(JSON.parse(Buffer.from(String(login), 'base64').toString('utf8')))
    response.end('{}')
  })
  return { host: `tcp://127.0.0.1:${await servers.start(engine)}`, sent }
}

/** The images of moto, through the API of ECR: it has no other. */
function motoImages(client: ECRClient): Registry {
  return {
    async digest(_, reference) {
      const imageIds = [
        reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference },
      ]
      const { images = [] } = await client.send(
        new BatchGetImageCommand({ repositoryName: name, imageIds }),
      )
      return images[0]?.imageId?.imageDigest ?? null
    },
    async tag(_, imageDigest, imageTag) {
      const { images = [] } = await client.send(
        new BatchGetImageCommand({ repositoryName: name, imageIds: [{ imageDigest }] }),
      )
      const imageManifest = images[0]?.imageManifest
      await client.send(new PutImageCommand({ repositoryName: name, imageManifest, imageTag }))
    },
    labels: async () => ({}),
    referrers: async () => [],
    prepare: async () => false,
    keep: async () => false,
  }
}
