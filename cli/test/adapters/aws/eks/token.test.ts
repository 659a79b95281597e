// The token, decoded, beside those that `aws eks get-token` (aws-cli 1.46.3) made with the same keys at the same time.
import { describe, expect, it } from 'vitest'
import {
  execCredential,
  type SignOptions,
  signToken,
} from '../../../../src/adapters/aws/eks/token.ts'

const keys = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
const session = { ...keys, sessionToken: 'FwoGZXIvYXdzEXAMPLE//token+with/odd=chars==' }

interface Case {
  title: string
  cluster: string
  region: string
  at: string
  credentials?: SignOptions['credentials']
  env?: Record<string, string>
  url: string
}

const first =
  'Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261126%2F'
const signed = 'X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id'

const cases: Case[] = [
  {
    title: 'keys of a user',
    cluster: 'shop',
    region: 'eu-central-1',
    at: '2026-11-26T12:14:31Z',
    url: `https://sts.eu-central-1.amazonaws.com/?${first}eu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20261126T121431Z&${signed}&X-Amz-Signature=e581af6343666fa6b4443c6c3f133e24a795313958b36978ef69ba765dfdc71e`,
  },
  {
    title: 'keys of a session, in GovCloud',
    cluster: 'shop-prod',
    region: 'us-gov-west-1',
    at: '2026-11-26T12:14:33Z',
    credentials: session,
    url: `https://sts.us-gov-west-1.amazonaws.com/?${first}us-gov-west-1%2Fsts%2Faws4_request&X-Amz-Date=20261126T121433Z&${signed}&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2Ftoken%2Bwith%2Fodd%3Dchars%3D%3D&X-Amz-Signature=f353c236f29faa7bfa01c68d5c55976e6faf0909faf83a949070750eb7d8514d`,
  },
  {
    title: 'China',
    cluster: 'shop_2',
    region: 'cn-north-1',
    at: '2026-11-26T12:14:34Z',
    url: `https://sts.cn-north-1.amazonaws.com.cn/?${first}cn-north-1%2Fsts%2Faws4_request&X-Amz-Date=20261126T121434Z&${signed}&X-Amz-Signature=870e88b64ac2b86f176284b05db6063f925792e228165a504e8c1c36856a220a`,
  },
  {
    title: 'another endpoint of STS',
    cluster: 'shop',
    region: 'eu-central-1',
    at: '2026-11-26T12:14:35Z',
    env: { AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:4566' },
    url: `http://127.0.0.1:4566/?${first}eu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20261126T121435Z&${signed}&X-Amz-Signature=cf6eaa1d1e7d88999cbcff1e848a03f3222860636bb07c7c9179d06ba1c3473c`,
  },
]

function decode(token: string): { address: string; query: Record<string, string> } {
  const { origin, pathname, searchParams } = new URL(
    Buffer.from(token.replace('k8s-aws-v1.', ''), 'base64url').toString(),
  )
  return { address: origin + pathname, query: Object.fromEntries(searchParams) }
}

function sign(more: Partial<SignOptions> = {}) {
  const now = Date.parse('2026-11-26T12:00:00Z')
  return signToken({
    ...{ cluster: 'shop', region: 'eu-central-1', credentials: keys, now, env: {} },
    ...more,
  })
}

describe('a token', () => {
  it.each(cases)('has what the AWS CLI puts in, signature included: $title', async (each) => {
    const { cluster, region, at, credentials = keys, env = {}, url } = each
    const { token } = await signToken({ cluster, region, credentials, now: Date.parse(at), env })
    expect(token).toMatch(/^k8s-aws-v1\.[\w-]+$/)
    expect(decode(token)).toEqual(decode(`k8s-aws-v1.${Buffer.from(url).toString('base64url')}`))
  })

  it('has another signature for another cluster', async () => {
    const [one, other] = await Promise.all([sign(), sign({ cluster: 'other' })])
    expect(one.token).not.toBe(other.token)
  })

  it('ends 14 minutes after its date, and never after its credentials', async () => {
    const expiration = new Date('2026-11-26T12:05:00Z')
    const { endsAt } = await sign()
    expect(new Date(endsAt).toISOString()).toBe('2026-11-26T12:14:00.000Z')
    const short = await sign({ credentials: { ...session, expiration } })
    expect(new Date(short.endsAt)).toEqual(expiration)
  })
})

it('is printed as client-go reads it', () => {
  expect(
    execCredential({ token: 'k8s-aws-v1.x', endsAt: Date.parse('2026-11-26T12:14:00.123Z') }),
  ).toEqual({
    kind: 'ExecCredential',
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: {},
    status: { token: 'k8s-aws-v1.x', expirationTimestamp: '2026-11-26T12:14:00Z' },
  })
})

it.each(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS'])(
  'an endpoint that is no address is refused, by the name of %s',
  async (name) => {
    await expect(sign({ env: { [name]: 'nowhere' } })).rejects.toMatchObject({
      code: 'bad-endpoint',
      message: `${name} is no address: "nowhere".`,
    })
  },
)
