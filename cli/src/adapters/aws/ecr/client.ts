// Calls Amazon ECR as the user, or in a role. The SDK is imported when it is first used.
import type * as Sdk from '@aws-sdk/client-ecr'
import { createSession, type Sending, type SessionOptions } from '../session.ts'

export interface EcrOptions extends SessionOptions {
  account: string
}

type Make<T> = (sdk: typeof Sdk, client: Sdk.ECRClient, sending: Sending) => Promise<T>

export interface EcrClient {
  account: string
  region: string
  /** Sends what `make` returns. Errors that `known` names are returned as null, all others are explained. */
  call<T>(make: Make<T>, known?: readonly string[]): Promise<T | null>
  /** The same for a request that changes something. */
  change<T>(make: Make<T>, known?: readonly string[]): Promise<T | null>
  /** The account of the user's own credentials, or of the role. */
  callerAccount(): Promise<string | undefined>
}

/** The repository in ECR, of `<host>/shops/shop/order`. */
export function nameOf(repository: string): string {
  return repository.slice(repository.indexOf('/') + 1)
}

/** The SDK sends again after 429, 5xx and throttling, as often as AWS_MAX_ATTEMPTS says: it knows AWS's errors. */
export function createEcrClient(options: EcrOptions): EcrClient {
  const { account, region, role } = options
  const session = createSession(options)
  const place = `Amazon ECR of account ${account} in ${region}`
  const about = {
    doing: `use ${place}`,
    place,
    ...(role === null && { roleSetting: 'registryRole' }),
  }
  let connected: Promise<Sdk.ECRClient> | undefined
  const send = <T>(make: Make<T>, known: readonly string[], writes: boolean): Promise<T | null> =>
    session.ask({ ...about, writes }, async (sending) => {
      const sdk = await import('@aws-sdk/client-ecr')
      // One client for all requests: it assumes the role once.
      connected ??= session.clientConfig('ecr').then((config) => new sdk.ECRClient(config))
      return make(sdk, await connected, sending).catch((error) => {
        if (error instanceof Error && known.includes(error.name)) return null
        throw error
      })
    })
  return {
    account,
    region,
    call: (make, known = []) => send(make, known, false),
    change: (make, known = []) => send(make, known, true),
    async callerAccount() {
      if (role !== null) return /^arn:[^:]+:iam::(\d{12}):/.exec(role)?.[1]
      return (await session.caller()).account
    },
  }
}
