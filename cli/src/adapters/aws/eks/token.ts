// The token of an EKS cluster: a presigned GetCallerIdentity, which the cluster sends to STS to learn who the caller is.
import { endpointOf } from '../endpoints.ts'
import type { AwsCredentials } from '../session.ts'

export interface SignOptions {
  /** Name of the cluster. It is signed: another cluster does not accept the token. */
  cluster: string
  region: string
  credentials: AwsCredentials
  /** Milliseconds since 1970. */
  now: number
  /** Has the endpoints. */
  env: NodeJS.ProcessEnv
}

/** `endsAt`: milliseconds since 1970. */
export interface EksToken {
  token: string
  endsAt: number
}

/** As the AWS CLI says it. EKS accepts a token until 15 minutes after its date, whatever it says itself. */
const expirySeconds = 60
/** A minute less than the 15, for the clocks and the way. */
const lifeMs = 14 * 60_000

export async function signToken(options: SignOptions): Promise<EksToken> {
  const { cluster, region, credentials, now, env } = options
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const { Hash } = await import('@smithy/hash-node')
  const { protocol, hostname, port, host } = endpointOf('sts', region, env)
  const signer = new SignatureV4({
    credentials,
    region,
    service: 'sts',
    sha256: Hash.bind(null, 'sha256'),
  })
  const { query = {} } = await signer.presign(
    {
      method: 'GET',
      protocol,
      hostname,
      ...(port && { port: Number(port) }),
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host, 'x-k8s-aws-id': cluster },
    },
    { signingDate: new Date(now), expiresIn: expirySeconds },
  )
  const words = Object.entries(query).map(
    ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`,
  )
  const url = `${protocol}//${host}/?${words.join('&')}`
  return {
    token: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`,
    // STS refuses a token whose credentials have ended.
    endsAt: Math.min(now + lifeMs, credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY),
  }
}

/** What helm and kubectl read from a program that makes credentials. */
export function execCredential({ token, endsAt }: EksToken): object {
  return {
    kind: 'ExecCredential',
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: {},
    status: { token, expirationTimestamp: new Date(endsAt).toISOString().replace(/\.\d+Z/, 'Z') },
  }
}
