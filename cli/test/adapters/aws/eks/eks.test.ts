// The login to EKS against STS and EKS over HTTP: what it asks, what it keeps, and why a cluster refuses it.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { FakeAws, Trouble } from '../../../fakes/aws.ts'
import { type AwsWorld, ca, hour, role, startWorld } from './world.ts'

let world: AwsWorld
let aws: FakeAws
beforeEach(async () => {
  world = await startWorld()
  aws = world.aws
})
afterEach(() => world.stop())

/** Sends the token to STS as an EKS cluster does. */
async function whose(token: string, cluster: string): Promise<string> {
  const url = Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString()
  const answer = await fetch(url, { headers: { 'x-k8s-aws-id': cluster } })
  return /<(?:Arn|Code)>(.*?)</.exec(await answer.text())?.[1] ?? ''
}

describe('a login', () => {
  it('has the address of the cluster, and a token that STS accepts for this cluster alone', async () => {
    const { server, token } = await world.connect()
    expect(server).toBe('https://a.example')
    const made = await token()
    expect(await whose(made.token, 'shop')).toBe('arn:aws:iam::111122223333:user/ann')
    expect(await whose(made.token, 'other')).toBe('SignatureDoesNotMatch')
  })

  it('is made of secrets, which are masked: the keys, and each token', async () => {
    const masked: string[] = []
    const { token } = await world.connect({ role, mask: (value) => void masked.push(value) })
    const tokens = [(await token()).token, (await token()).token]
    const [assumed] = [...aws.callers.values()].filter(({ sessionToken }) => sessionToken)
    expect(masked).toEqual(
      expect.arrayContaining(['sesame', assumed?.secret, assumed?.sessionToken, ...tokens]),
    )
    expect(masked).not.toContain('AKIAUSER')
  })

  it('assumes the role once, for the cluster and for its tokens', async () => {
    const login = await world.connect({ role })
    const [one] = [await login.token(), await login.token()]
    expect(await whose(one.token, 'shop')).toBe(
      'arn:aws:sts::222233334444:assumed-role/deploy/shopctl',
    )
    expect(aws.asked).toEqual(['AssumeRole', 'DescribeCluster', 'GetCallerIdentity'])
  })

  it('assumes the role again before its credentials end', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    aws.now = () => Date.now()
    const begin = Date.now()
    const { token } = await world.connect({ role, now: () => Date.now() })
    const assumedAfter = async (minutes: number): Promise<number> => {
      vi.setSystemTime(begin + minutes * 60_000)
      expect(await whose((await token()).token, 'shop')).toContain('assumed-role/deploy')
      return aws.asked.filter((action) => action === 'AssumeRole').length
    }
    expect(await assumedAfter(54)).toBe(1)
    expect(await assumedAfter(56)).toBe(2)
    // A command that takes hours.
    expect(await assumedAfter(120)).toBe(3)
  })

  it('asks AWS nothing the second time', async () => {
    await world.connect()
    aws.asked.length = 0
    const { server, token } = await world.connect()
    await token()
    expect([server, aws.asked]).toEqual(['https://a.example', []])
  })

  it('keeps the address of the cluster alone, and per account', async () => {
    await world.connect()
    await world.connect({ role })
    const files = await readdir(world.folder)
    expect(files).toHaveLength(2)
    const kept = await readFile(join(world.folder, files[0] ?? ''), 'utf8')
    expect(JSON.parse(kept)).toEqual({ server: 'https://a.example', ca })
  })

  it('keeps one address per endpoint of EKS, and an empty variable is none', async () => {
    const endpoint = { AWS_ENDPOINT_URL: aws.url }
    await world.connect({ env: endpoint })
    await world.connect({ env: { ...endpoint, AWS_ENDPOINT_URL_EKS: '' } })
    expect(await readdir(world.folder)).toHaveLength(1)
  })

  it.each([['nonsense'], ['{}'], ['{"server":"http://evil.example","ca":"UEVN"}']])(
    'asks again when what it kept is %s',
    async (content) => {
      await world.connect()
      const [file = ''] = await readdir(world.folder)
      await writeFile(join(world.folder, file), content)
      expect((await world.connect()).server).toBe('https://a.example')
    },
  )

  it('goes on after AWS was throttled, or has failed, once', async () => {
    const trouble: Trouble = { status: 429, code: 'ThrottlingException', message: 'Rate exceeded' }
    aws.troubles.push({ action: 'DescribeCluster', trouble })
    const broken: Trouble = { status: 500, code: 'ServerException', message: 'Internal' }
    aws.troubles.push({ action: 'DescribeCluster', trouble: broken })
    expect((await world.connect()).server).toBe('https://a.example')
  })
})

it('stops at Ctrl-C while AWS does not answer', async () => {
  world.always('DescribeCluster', 'hang')
  const interrupt = new AbortController()
  const started = performance.now()
  setTimeout(() => interrupt.abort(), 100)
  const limit = { seconds: 30, setting: '' }
  const connecting = world.connect({ signal: interrupt.signal, limit })
  await expect(connecting).rejects.toMatchObject({ code: 'interrupted' })
  expect(performance.now() - started).toBeLessThan(5_000)
})

describe('a token that the cluster refuses', () => {
  it('is explained by the access entry that is missing', async () => {
    const { message, hint } = await (await world.connect({ role })).refusal()
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
    const { message } = await (await world.connect()).refusal()
    expect(message).toContain(
      `as ${arn}: it has no access entry for arn:aws:iam::111122223333:role/admin.`,
    )
  })

  it('is explained by the clock, or by credentials that have ended', async () => {
    const login = await world.connect()
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
    [
      'has another authority',
      { status: 'ACTIVE', endpoint: 'https://a.example', ca: 'b3RoZXI=' },
      'cluster-moved',
    ],
  ])('%s', async (_, cluster, code) => {
    const login = await world.connect()
    aws.clusters.set('eu-central-1/shop', cluster)
    expect((await login.absence())?.code).toBe(code)
  })

  it.each([
    ['is gone', () => aws.clusters.clear()],
    ['is deleted', () => aws.clusters.set('eu-central-1/shop', { status: 'DELETING' })],
  ])('%s, and its address is forgotten', async (_, change) => {
    const login = await world.connect()
    change()
    await login.absence()
    expect(await readdir(world.folder)).toEqual([])
  })

  it('is as it was, for all that AWS knows', async () => {
    const login = await world.connect()
    expect(await login.absence()).toBeNull()
    world.always('DescribeCluster', 'reset')
    expect(await login.absence()).toBeNull()
  })

  it.each<[string, Trouble]>([
    ['throttles', { status: 429, code: 'ThrottlingException', message: 'Rate exceeded' }],
    ['fails', { status: 500, code: 'ServerException', message: 'Internal' }],
    ['refuses', { status: 403, code: 'AccessDeniedException', message: 'not authorized' }],
  ])('is not explained by an AWS that %s, and its address is kept', async (_, trouble) => {
    const login = await world.connect()
    world.always('DescribeCluster', trouble)
    expect(await login.absence()).toBeNull()
    aws.asked.length = 0
    await world.connect()
    expect(aws.asked).toEqual([])
  })

  it('is explained by credentials that have ended, and its address is kept', async () => {
    const login = await world.connect()
    aws.callers.set('AKIAUSER', { secret: 'sesame', arn: 'arn:aws:iam::1:user/a', endsAt: 0 })
    expect((await login.absence())?.code).toBe('aws-expired')
    expect(await readdir(world.folder)).toHaveLength(1)
  })

  it('is described anew by the next command', async () => {
    const login = await world.connect()
    aws.clusters.set('eu-central-1/shop', { status: 'ACTIVE', endpoint: 'https://b.example', ca })
    await login.absence()
    expect((await world.connect()).server).toBe('https://b.example')
  })
})
