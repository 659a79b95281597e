// The login to an EKS cluster: where its API server is, tokens for it, and why it refuses them.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { refused, type ShopctlError } from '../../../errors.ts'
import { givenEndpoint } from '../endpoints.ts'
import { type AwsSession, createSession, type SessionOptions } from '../session.ts'
import { describeCluster, type EksAddress } from './cluster.ts'
import { type EksToken, signToken } from './token.ts'

export interface EksOptions extends SessionOptions {
  /** Name of the cluster. */
  name: string
  /** Milliseconds since 1970. */
  now(): number
}

export interface EksLogin extends EksAddress {
  token(): Promise<EksToken>
  /** Why the API server refuses a new token. */
  refusal(): Promise<ShopctlError>
  /** Why the API server cannot be reached. null: AWS does not know. */
  absence(): Promise<ShopctlError | null>
}

/** A new token for each call. */
export function createTokens(options: EksOptions): () => Promise<EksToken> {
  return tokensOf(createSession(options), options)
}

function tokensOf(session: AwsSession, options: EksOptions): () => Promise<EksToken> {
  const { name, region, env, now, mask } = options
  return async () => {
    const credentials = await session.credentials()
    const signed = await signToken({ cluster: name, region, credentials, now: now(), env })
    mask(signed.token)
    return signed
  }
}

/** `folder` keeps the addresses of clusters, for the next command. */
export async function connectEks(options: EksOptions, folder: string): Promise<EksLogin> {
  const { name, region } = options
  const session = createSession(options)
  const file = join(folder, `${await keyOf(session, options)}.json`)
  const describe = () => describeCluster(session, name)
  const known = await readAddress(file)
  const { server, ca } = known ?? (await describe())
  if (!known) await writeAddress(folder, file, { server, ca })
  return {
    server,
    ca,
    token: tokensOf(session, options),
    async refusal() {
      try {
        return refusalOf((await session.caller()).arn, options)
      } catch (error) {
        // It names expired credentials, or a wrong clock.
        return error as ShopctlError
      }
    },
    async absence() {
      const found = await describe().catch((error: ShopctlError) => error)
      if (found instanceof Error) {
        if (changes.has(found.code)) await rm(file, { force: true })
        return silences.has(found.code) ? null : found
      }
      if (found.server === server && found.ca === ca)
        return found.isPublic ? null : privateEndpoint(name, region)
      await rm(file, { force: true })
      return moved(name, region)
    },
  }
}

/** With these, the address that is kept is of no use. */
const changes = new Set([
  'unknown-cluster',
  'cluster-not-ready',
  'cluster-ending',
  'cluster-failed',
])
/** With these, AWS says nothing about the cluster, nor about the user. */
const silences = new Set(['aws-unreachable', 'aws-throttled', 'aws-error', 'aws-denied'])

/** Another account may have a cluster of this name. Keys stand for their account. */
async function keyOf(
  session: AwsSession,
  { name, region, role, env }: EksOptions,
): Promise<string> {
  const { accountId, accessKeyId } = role === null ? await session.credentials() : {}
  const endpoint = givenEndpoint('eks', env)?.href ?? ''
  const parts = [name, region, role ?? accountId ?? accessKeyId ?? '', endpoint]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 20)
}

async function readAddress(file: string): Promise<EksAddress | null> {
  try {
    const { server, ca } = JSON.parse(await readFile(file, 'utf8'))
    return URL.parse(server)?.protocol === 'https:' && ca ? { server, ca: String(ca) } : null
  } catch {
    return null
  }
}

/** Another command may read it meanwhile. Without a place to write, the next command asks EKS again. */
async function writeAddress(folder: string, file: string, address: EksAddress): Promise<void> {
  const unfinished = `${file}.${process.pid}`
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(unfinished, JSON.stringify(address), { mode: 0o600 })
    await rename(unfinished, file)
  } catch {
    await rm(unfinished, { force: true }).catch(() => {})
  }
}

/** `who` is the ARN that STS answers, which is also what the cluster learns from a token. */
function refusalOf(who: string, { name, region, role }: EksOptions): ShopctlError {
  const principal = role ?? principalOf(who)
  const where = `--cluster-name ${name} --region ${region}`
  return refused({
    code: 'no-credentials',
    message: `The EKS cluster ${name} in ${region} does not accept you as ${who}: it has no access entry for ${principal}.`,
    hint: `Let its administrator create one: \`aws eks create-access-entry ${where} --principal-arn ${principal}\`, then \`aws eks associate-access-policy\`. \`aws eks list-access-entries ${where}\` shows those that it has.`,
  })
}

/** Access entries name the role, not a session of it. */
function principalOf(who: string): string {
  const [, partition, account, role] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/(.+)\/[^/]+$/.exec(who) ?? []
  return role === undefined ? who : `arn:${partition}:iam::${account}:role/${role}`
}

function moved(name: string, region: string): ShopctlError {
  return refused({
    code: 'cluster-moved',
    message: `The EKS cluster ${name} in ${region} has another address or another certificate than before.`,
    hint: 'Run the command again: it uses the new one.',
  })
}

function privateEndpoint(name: string, region: string): ShopctlError {
  return refused({
    code: 'cluster-unreachable',
    message: `The EKS cluster ${name} in ${region} cannot be reached from here: its endpoint is private.`,
    hint: 'Run shopctl inside its network or over a VPN, or set a proxy.',
  })
}
