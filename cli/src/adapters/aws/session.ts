// Who shopctl is for AWS: credentials from the usual places, and a role on top of them.
// The SDK is loaded late. With keys in the environment and no role, no client of it is needed.
import type { Agent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type { Limit } from '../shell.ts'
import { endpointOf } from './endpoints.ts'
import { awsProblem } from './problems.ts'

export interface SessionOptions {
  region: string
  /** ARN of a role to assume. null: none. */
  role: string | null
  /** Has the endpoints. */
  env: NodeJS.ProcessEnv
  /** Connects, through a proxy if there is one. */
  agentOf(address: URL): Promise<Agent>
  /** Of one request. */
  limit: Limit
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
  endpoint: string
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
  clientConfig(service: 'eks' | 'sts'): Promise<ClientConfig>
  /** ARN of the caller. It needs no permission. */
  whoAmI(): Promise<string>
}

/** Credentials that end sooner are renewed. */
const marginMs = 5 * 60_000

export function createSession(options: SessionOptions): AwsSession {
  const { region, role, env, agentOf, limit } = options
  const requestHandler = async (
    service: 'eks' | 'sts',
  ): Promise<ClientConfig['requestHandler']> => ({
    httpsAgent: (await agentOf(endpointOf(service, region, env))) as HttpsAgent,
    connectionTimeout: limit.seconds * 1000,
    requestTimeout: limit.seconds * 1000,
    throwOnRequestTimeout: true,
  })
  const configOf = async (
    service: 'eks' | 'sts',
    credentials: () => Promise<AwsCredentials>,
  ): Promise<ClientConfig> => ({
    region,
    endpoint: endpointOf(service, region, env).href,
    credentials,
    requestHandler: await requestHandler(service),
    // The token is made by this machine's clock, so a wrong clock has to be known.
    disableClockSkewCorrection: true,
  })

  let chain: (() => Promise<AwsCredentials>) | undefined
  const own = async (): Promise<AwsCredentials> => {
    try {
      if (!chain) {
        const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
        chain = defaultProvider({
          clientConfig: { region, requestHandler: await requestHandler('sts') },
        })
      }
      return await chain()
    } catch (error) {
      const profile = env.AWS_PROFILE
      throw awsProblem(error, { doing: 'read your AWS credentials', profile, region, limit })
    }
  }
  let assumed: AwsCredentials | undefined
  const credentials = async (): Promise<AwsCredentials> => {
    if (role === null) return own()
    const end = assumed?.expiration?.getTime() ?? 0
    if (!assumed || end - Date.now() < marginMs) {
      assumed = await assume(role, await configOf('sts', own)).catch((error) => {
        throw awsProblem(error, { doing: `assume the role ${role}`, region, limit })
      })
    }
    return assumed
  }
  return {
    region,
    role,
    credentials,
    clientConfig: (service) => configOf(service, credentials),
    async whoAmI() {
      const config = await configOf('sts', credentials)
      try {
        const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
        const { Arn } = await new STSClient(config).send(new GetCallerIdentityCommand({}))
        return Arn ?? 'an unknown caller'
      } catch (error) {
        throw awsProblem(error, { doing: 'ask AWS who you are', region, limit })
      }
    },
  }
}

async function assume(role: string, config: ClientConfig): Promise<AwsCredentials> {
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts')
  const { Credentials: given } = await new STSClient(config).send(
    new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'shopctl' }),
  )
  if (!given?.AccessKeyId || !given.SecretAccessKey) throw new Error('STS answered without keys')
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    ...(given.SessionToken && { sessionToken: given.SessionToken }),
    ...(given.Expiration && { expiration: given.Expiration }),
  }
}
