// Who shopctl is for AWS: credentials from the usual places, and a role on top of them.
// The SDK is loaded late. With keys in the environment and no role, no client of it is needed.
import type { Agent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type { Mask } from '../../release/ports/session.ts'
import type { Limit } from '../shell.ts'
import { endpointOf, givenEndpoint, type Service } from './endpoints.ts'
import { type About, explained } from './problems.ts'

export interface SessionOptions {
  region: string
  /** ARN of a role to assume. null: none. */
  role: string | null
  /** Has the endpoints. */
  env: NodeJS.ProcessEnv
  /** Connects, through a proxy if there is one. */
  agentOf(address: URL): Promise<Agent>
  /** Gets each key, before it is used. */
  mask: Mask
  /** Of one request. */
  limit: Limit
  signal?: AbortSignal | undefined
}

export interface AwsCredentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** Without it, they do not end by themselves. */
  expiration?: Date
  /** Known for some kinds of credentials. */
  accountId?: string
}

/** For a client of the SDK. */
export interface ClientConfig {
  region: string
  /** Default: where the SDK knows the service, for example a FIPS endpoint. */
  endpoint?: string
  credentials: () => Promise<AwsCredentials>
  requestHandler: {
    httpsAgent: HttpsAgent
    connectionTimeout: number
    requestTimeout: number
    throwOnRequestTimeout: true
  }
  disableClockSkewCorrection: true
}

export interface AwsSession {
  region: string
  role: string | null
  /** Valid for some minutes at least. */
  credentials(): Promise<AwsCredentials>
  clientConfig(service: Service): Promise<ClientConfig>
  /** Sends a request to AWS. It gets the signal. Throws what an error means. */
  ask<T>(about: Asking, send: (options: Sending) => Promise<T>): Promise<T>
  /** Who AWS says that the user is. It needs no permission. */
  caller(): Promise<Caller>
}

/** What is asked, for the message of an error. */
export type Asking = Omit<About, 'region' | 'limit'>

export interface Sending {
  abortSignal?: AbortSignal
}

export interface Caller {
  arn: string
  /** Twelve digits. */
  account: string | undefined
}

/** Credentials that end sooner are renewed. */
const marginMs = 5 * 60_000

export function createSession(options: SessionOptions): AwsSession {
  const { region, role, env, agentOf, mask, limit, signal } = options
  const masked = (credentials: AwsCredentials): AwsCredentials => {
    for (const value of [credentials.secretAccessKey, credentials.sessionToken ?? '']) mask(value)
    return credentials
  }
  const ask = <T>(about: Asking, send: (options: Sending) => Promise<T>): Promise<T> =>
    explained(
      () => send(signal ? { abortSignal: signal } : {}),
      { ...about, region, limit },
      signal,
    )
  const requestHandler = async (service: Service): Promise<ClientConfig['requestHandler']> => ({
    httpsAgent: (await agentOf(endpointOf(service, region, env))) as HttpsAgent,
    connectionTimeout: limit.seconds * 1000,
    requestTimeout: limit.seconds * 1000,
    throwOnRequestTimeout: true,
  })
  const configOf = async (
    service: Service,
    credentials: () => Promise<AwsCredentials>,
  ): Promise<ClientConfig> => {
    const given = givenEndpoint(service, env)
    return {
      region,
      ...(given && { endpoint: given.href }),
      credentials,
      requestHandler: await requestHandler(service),
      // The token of EKS is made by this machine's clock, so a wrong clock has to be known.
      disableClockSkewCorrection: true,
    }
  }

  let chain: (() => Promise<AwsCredentials>) | undefined
  const own = (): Promise<AwsCredentials> =>
    ask({ doing: 'read your AWS credentials', profile: env.AWS_PROFILE }, async () => {
      if (!chain) {
        const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
        chain = defaultProvider({
          clientConfig: { region, requestHandler: await requestHandler('sts') },
        })
      }
      return masked(await chain())
    })
  let assumed: AwsCredentials | undefined
  const credentials = async (): Promise<AwsCredentials> => {
    if (role === null) return own()
    const end = assumed?.expiration?.getTime() ?? 0
    if (!assumed || end - Date.now() < marginMs) {
      const config = await configOf('sts', own)
      assumed = await ask({ doing: `assume the role ${role}` }, async (sending) =>
        masked(await assume(role, config, sending)),
      )
    }
    return assumed
  }
  return {
    region,
    role,
    credentials,
    clientConfig: (service) => configOf(service, credentials),
    ask,
    async caller() {
      const config = await configOf('sts', credentials)
      return ask({ doing: 'ask AWS who you are' }, async (sending) => {
        const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
        const client = new STSClient(config)
        const { Arn, Account } = await client.send(new GetCallerIdentityCommand({}), sending)
        return { arn: Arn ?? 'an unknown caller', account: Account }
      })
    },
  }
}

async function assume(
  role: string,
  config: ClientConfig,
  sending: Sending,
): Promise<AwsCredentials> {
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts')
  const { Credentials: given } = await new STSClient(config).send(
    new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'shopctl' }),
    sending,
  )
  if (!given?.AccessKeyId || !given.SecretAccessKey) throw new Error('STS answered without keys')
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    ...(given.SessionToken && { sessionToken: given.SessionToken }),
    ...(given.Expiration && { expiration: given.Expiration }),
  }
}
