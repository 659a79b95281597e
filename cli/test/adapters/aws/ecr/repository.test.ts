// A repository in Amazon ECR: whose tags are believed, and who may create it.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { refused } from '../../../../src/errors.ts'
import {
  type Answer,
  createWorld,
  type EcrWorld,
  ecrOf,
  images,
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

it('is reached with a password, which is masked before anybody gets it', async () => {
  login()
  const authorizationToken = Buffer.from('AWS:for twelve hours').toString('base64')
  await world.answer({ status: 200, body: { authorizationData: [{ authorizationToken }] } })
  const masked: string[] = []
  const ecr = ecrOf(null, 4, (value) => void masked.push(value))
  const password = 'for twelve hours'
  await ecr.withLogin(async () => expect(masked.at(-1)).toBe(password))
  masked.length = 0
  expect(await ecr.logins('')).toMatchObject({ username: 'AWS', password })
  expect(masked.at(-1)).toBe(password)
  expect(masked).not.toContain('AWS')
})

describe('a repository', () => {
  beforeEach(login)
  it('whose tags may move is refused, with the command that changes it', async () => {
    await world.answer({ status: 200, body: { repositories: [{ imageTagMutability: 'MUTABLE' }] } })
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
    world.caller = '999999999999'
    await world.answer({ status: 400, type: 'RepositoryNotFoundException' })
    expect(await problem(registry().prepare(repository))).toMatchObject({
      code: 'aws-account',
      exitCode: 2,
      message: expect.stringMatching(/account 123456789012.*credentials are of 999999999999/),
      hint: expect.stringContaining('registryRole'),
    })
    expect(world.asked.map(({ operation }) => operation)).toEqual([
      'DescribeRepositories',
      'GetCallerIdentity',
    ])
  })

  it('that is created without its rules is a failure, and the hint begins anew', async () => {
    await world.answer(
      { status: 400, type: 'RepositoryNotFoundException' },
      { status: 200, body: {} },
      { status: 400, type: 'AccessDeniedException', message: 'ecr:PutLifecyclePolicy' },
    )
    expect(await problem(registry().prepare(repository))).toMatchObject({
      code: 'aws-denied',
      exitCode: 1,
      hint: expect.stringContaining(
        '`aws ecr delete-repository --region eu-central-1 --repository-name shop/order`',
      ),
    })
  })

  const throttled: Answer = { status: 400, type: 'ThrottlingException' }
  const denied: Answer = { status: 400, type: 'AccessDeniedException' }
  const broken: Answer = { status: 500, body: {} }
  it.each<[string, Answer[], number]>([
    ['500: it may exist now', [broken], 1],
    ['500, and then that there are too many requests', [broken, throttled], 1],
    ['500, and then that a right is missing', [broken, denied], 1],
    ['that there are too many requests', [throttled], 2],
  ])('whose creation is answered with %s', async (_, answers, exitCode) => {
    vi.stubEnv('AWS_MAX_ATTEMPTS', String(answers.length))
    await world.answer({ status: 400, type: 'RepositoryNotFoundException' }, ...answers)
    expect(await problem(registry().prepare(repository))).toMatchObject({ exitCode })
  })

  it('says whether it was created', async () => {
    await world.answer(
      { status: 400, type: 'RepositoryNotFoundException' },
      { status: 200, body: { repositories: [{}] } },
    )
    expect(await registry().prepare(repository)).toBe(true)
    expect(await registry().prepare(repository)).toBe(false)
  })

  it('that gets only some of its pins is changed', async () => {
    const imageDetails = ['a', 'b'].map((imageDigest) => ({ imageDigest, imageTags: ['v'] }))
    await world.answer({ status: 200, body: { imageDetails } })
    const { tag } = images
    const tagged: string[] = []
    images.tag = async (_, digest) => {
      if (tagged.push(digest) === 2) throw refused({ code: 'registry-error', message: '429' })
    }
    const keeping = registry().keep(repository, { env: 'prod', id: 'op-1', digests: ['a', 'b'] })
    expect(await problem(keeping)).toMatchObject({ exitCode: 1 })
    images.tag = tag
  })

  it('that another run has just created is no problem', async () => {
    await world.answer(
      { status: 400, type: 'RepositoryNotFoundException' },
      { status: 400, type: 'RepositoryAlreadyExistsException' },
      { status: 200, body: {} },
    )
    await registry().prepare(repository)
    expect(world.asked.map(({ operation }) => operation)).toEqual([
      ...['DescribeRepositories', 'GetCallerIdentity', 'CreateRepository', 'PutLifecyclePolicy'],
    ])
  })

  it('with many old pins loses them a hundred at a time', async () => {
    const imageDetails = Array.from({ length: 120 }, (_, at) => ({
      imageDigest: `sha256:${at}`,
      imageTags: [`v-${at}`, `keep-prod-op-${at}`],
    }))
    await world.answer({ status: 200, body: { imageDetails } }, { status: 200, body: {} })
    await registry().keep(repository, { env: 'prod', id: 'op-200', digests: [] })
    const removed = world.asked.slice(1).map(({ body }) => JSON.parse(body).imageIds.length)
    expect(removed).toEqual([100, 20])
  })

  it('whose old pins cannot be removed is no problem: they harm nothing', async () => {
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
    const imageDetails = [{ imageDigest: 'sha256:0', imageTags: ['v-0', 'keep-prod-op-0'] }]
    await world.answer({ status: 200, body: { imageDetails } }, { status: 500, body: {} })
    await registry().keep(repository, { env: 'prod', id: 'op-200', digests: [] })
    expect(world.asked.map(({ operation }) => operation)).toEqual([
      ...['DescribeImages', 'BatchDeleteImage'],
    ])
  })

  it('that does not exist has no images', async () => {
    await world.answer({ status: 400, type: 'RepositoryNotFoundException' })
    expect(await registry().digest(repository, 'v1')).toBeNull()
  })
})
