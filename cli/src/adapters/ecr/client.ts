// Calls Amazon ECR as the user, or in a role. The SDK is imported when it is first used.
import type { Agent } from 'node:https'
import type * as Sdk from '@aws-sdk/client-ecr'
import { interrupted } from '../../errors.ts'
import type { Limit } from '../shell.ts'
import { explain } from './errors.ts'

export interface EcrOptions {
  account: string
  region: string
  /** ARN of the role to act in. null: the user's own rights. */
  role: string | null
  /** For an answer. */
  limit: Limit
  /** Of the connections to this address: through a proxy, or direct. */
  agentOf?: (address: URL) => Promise<unknown>
  signal?: AbortSignal
}

export interface EcrClient {
  options: EcrOptions
  /** Sends what `make` returns. Errors that `known` names are returned as null, all others are explained. */
  call<T>(
    make: (sdk: typeof Sdk, client: Sdk.ECRClient) => Promise<T>,
    known?: readonly string[],
  ): Promise<T | null>
  /** The account of the user's own credentials, or of the role. */
  callerAccount(): Promise<string | undefined>
}

/** The SDK sends again after 429, 5xx and throttling, as often as AWS_MAX_ATTEMPTS says: it knows AWS's errors. */
export function createEcrClient(options: EcrOptions): EcrClient {
  const { region, role, limit, agentOf, signal } = options
  const settings = async (service: string) => {
    const agent = await agentOf?.(new URL(`https://${service}.${region}.amazonaws.com`))
    return {
      region,
      requestHandler: {
        requestTimeout: limit.seconds * 1000,
        throwOnRequestTimeout: true,
        connectionTimeout: limit.seconds * 1000,
        ...(agent !== undefined && { httpsAgent: agent as Agent }),
      },
    }
  }
  const sts = once(async () => {
    const sdk = await import('@aws-sdk/client-sts')
    return { sdk, client: new sdk.STSClient(await settings('sts')) }
  })
  const assume = async (arn: string) => {
    const { sdk, client } = await sts()
    const command = new sdk.AssumeRoleCommand({ RoleArn: arn, RoleSessionName: 'shopctl' })
    const { Credentials: found } = await client.send(command)
    return {
      accessKeyId: found?.AccessKeyId ?? '',
      secretAccessKey: found?.SecretAccessKey ?? '',
      ...(found?.SessionToken && { sessionToken: found.SessionToken }),
      ...(found?.Expiration && { expiration: found.Expiration }),
    }
  }
  const ecr = once(async () => {
    const sdk = await import('@aws-sdk/client-ecr')
    const credentials = role === null ? {} : { credentials: () => assume(role) }
    return { sdk, client: new sdk.ECRClient({ ...(await settings('api.ecr')), ...credentials }) }
  })
  const explained = async <T>(calling: () => Promise<T>, known: readonly string[] = []) => {
    if (signal?.aborted) throw interrupted()
    try {
      return await calling()
    } catch (error) {
      if (signal?.aborted) throw interrupted()
      if (error instanceof Error && known.includes(error.name)) return null
      throw explain(error, options)
    }
  }
  return {
    options,
    call: (make, known) =>
      explained(async () => {
        const { sdk, client } = await ecr()
        return make(sdk, client)
      }, known),
    async callerAccount() {
      if (role !== null) return /^arn:[^:]+:iam::(\d{12}):/.exec(role)?.[1]
      const identity = await explained(async () => {
        const { sdk, client } = await sts()
        return client.send(new sdk.GetCallerIdentityCommand({}))
      })
      return identity?.Account
    },
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
