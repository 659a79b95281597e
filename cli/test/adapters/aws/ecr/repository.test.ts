// A repository in Amazon ECR: whose tags are believed, and who may create it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type EcrWorld, login, problem, registry, repository } from './world.ts'

let world: EcrWorld
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.stop())

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

  it('that does not exist has no images', async () => {
    await world.answer({ status: 400, type: 'RepositoryNotFoundException' })
    expect(await registry().digest(repository, 'v1')).toBeNull()
  })
})
