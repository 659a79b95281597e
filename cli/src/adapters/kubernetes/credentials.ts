// The user's credentials for the API server: certificates, tokens, token files, exec plugins, EKS. Renews them in time.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { refused, said } from '../../errors.ts'
import type { Mask } from '../../release/ports/session.ts'
import { endGroup, type Limit } from '../shell.ts'
import { bytesOf, type ExecEntry, type Target, type UserEntry } from './kubeconfig.ts'

export interface Credentials {
  headers: Record<string, string | string[]>
  /** PEM. */
  cert?: Buffer | string | undefined
  key?: Buffer | string | undefined
}

export interface CredentialSource {
  /** What to send now. Every request asks for it. */
  current(): Promise<Credentials>
  /** The API server rejected `used`: forgets them. false when there is no way to get others. */
  renew(used: Credentials): boolean
}

interface Kept {
  credentials: Credentials
  /** Milliseconds since 1970. null: never. */
  renewAt: number | null
  endsAt: number | null
}

/** As in client-go. */
const tokenFileMs = 60_000
/** A token is renewed this long before it expires, or in the last tenth of its life if that is shorter. */
const marginMs = 60_000

export interface CredentialsOptions {
  now(): number
  /** Of the exec plugin. */
  limit?: Limit | undefined
  /** Gets each password, key and token. */
  mask: Mask
}

export function createCredentials(
  target: Target,
  { now, limit, mask }: CredentialsOptions,
): CredentialSource {
  const { user, login } = target
  const renewable = Boolean(user.exec || user.tokenFile || user['auth-provider'] || login)
  let kept: Kept | null = null
  let pending: Promise<Kept> | null = null
  const load = async (): Promise<Kept> => {
    const fixed = { headers: fixedHeaders(user), ...certificatesOf(user) }
    const loaded = merge(fixed, await changing(target, now, limit))
    for (const secret of secretsOf(loaded.credentials, user)) mask(secret)
    return loaded
  }
  return {
    async current() {
      if (kept && (kept.renewAt === null || now() < kept.renewAt)) return kept.credentials
      pending ??= load().finally(() => {
        pending = null
      })
      try {
        kept = await pending
      } catch (error) {
        // They are still valid for a moment, and the next request tries again.
        if (!kept?.endsAt || now() >= kept.endsAt) throw error
      }
      return kept.credentials
    },
    renew(used) {
      // Another request may already have renewed them.
      if (renewable && kept?.credentials === used) kept = null
      return renewable
    },
  }
}

function secretsOf({ headers, key }: Credentials, user: UserEntry): string[] {
  const sent = Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === 'authorization')
    // `Bearer` and the token, or `Basic` and what has the password.
    .map(([, value]) => String(value).replace(/^\S+ /, ''))
  return [...sent, user.password ?? '', user['client-key-data'] ?? '', String(key ?? '')]
}

function fixedHeaders(user: UserEntry): Credentials['headers'] {
  const { username, password, token } = user
  const basic = username && Buffer.from(`${username}:${password ?? ''}`).toString('base64')
  const extra = Object.entries(user['as-user-extra'] ?? {}).map(
    ([name, values]) => [`Impersonate-Extra-${encodeURIComponent(name)}`, values] as const,
  )
  return {
    ...(basic && { authorization: `Basic ${basic}` }),
    ...(token && { authorization: `Bearer ${token}` }),
    ...(user.as && { 'Impersonate-User': user.as }),
    ...(user['as-uid'] && { 'Impersonate-Uid': user['as-uid'] }),
    ...(user['as-groups'] && { 'Impersonate-Group': user['as-groups'] }),
    ...Object.fromEntries(extra),
  }
}

function certificatesOf(user: UserEntry): Pick<Credentials, 'cert' | 'key'> {
  return { cert: bytesOf(user, 'client-certificate'), key: bytesOf(user, 'client-key') }
}

function merge(fixed: Credentials, { credentials, ...times }: Kept): Kept {
  return {
    ...times,
    credentials: {
      headers: { ...fixed.headers, ...credentials.headers },
      cert: credentials.cert ?? fixed.cert,
      key: credentials.key ?? fixed.key,
    },
  }
}

async function changing(target: Target, now: () => number, limit?: Limit): Promise<Kept> {
  const { user, login } = target
  if (login) {
    const started = now()
    const { token, endsAt } = await login.token()
    return { credentials: bearer(token), renewAt: beforeEnd(started, endsAt), endsAt }
  }
  const renewAt = now() + tokenFileMs
  if (user.exec) return fromPlugin(user.exec, target, now, limit)
  if (user.tokenFile) {
    const token = await readFile(user.tokenFile, 'utf8').catch((cause) => {
      throw noCredentials(said(cause))
    })
    return { credentials: bearer(token.trim()), renewAt, endsAt: null }
  }
  if (user['auth-provider']) {
    return { credentials: { headers: await fromProvider(user) }, renewAt, endsAt: null }
  }
  return { credentials: { headers: {} }, renewAt: null, endsAt: null }
}

function bearer(token: string): Credentials {
  return { headers: { authorization: `Bearer ${token}` } }
}

/** OIDC and older providers. They are rare, so only their users wait for the import. */
async function fromProvider(user: UserEntry): Promise<Credentials['headers']> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const kubeconfig = new KubeConfig()
  kubeconfig.loadFromClusterAndUser(
    { name: 'cluster', server: 'https://cluster', skipTLSVerify: false },
    { name: 'user', authProvider: user['auth-provider'] },
  )
  const options: { headers: Record<string, string> } = { headers: {} }
  try {
    await kubeconfig.applyToHTTPSOptions(options)
  } catch (cause) {
    throw noCredentials(said(cause))
  }
  return options.headers
}

const answerSchema = z.object({
  kind: z.literal('ExecCredential'),
  status: z.object({
    token: z.string().optional(),
    expirationTimestamp: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
  }),
})

async function fromPlugin(
  exec: ExecEntry,
  target: Target,
  now: () => number,
  limit?: Limit,
): Promise<Kept> {
  const started = now()
  const output = await runPlugin(exec, target, limit)
  let status: z.infer<typeof answerSchema>['status']
  try {
    status = answerSchema.parse(JSON.parse(output)).status
  } catch (cause) {
    throw noCredentials(`${exec.command} did not print an ExecCredential`, { cause })
  }
  const { token, clientCertificateData: cert, clientKeyData: key } = status
  if (!token && !(cert && key)) {
    throw noCredentials(`${exec.command} printed neither a token nor a certificate with its key`)
  }
  const end = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Number.NaN
  const endsAt = Number.isNaN(end) ? null : end
  return {
    credentials: { headers: {}, ...(token && bearer(token)), cert, key },
    renewAt: endsAt && beforeEnd(started, endsAt),
    endsAt,
  }
}

function beforeEnd(started: number, endsAt: number): number {
  return endsAt - Math.min(marginMs, Math.max(0, endsAt - started) / 10)
}

/** Not through the shell adapter: a plugin may ask for a password at the terminal. */
async function runPlugin(exec: ExecEntry, target: Target, limit?: Limit): Promise<string> {
  const mode = exec.interactiveMode ?? 'IfAvailable'
  const interactive = mode !== 'Never' && process.stdin.isTTY === true
  if (mode === 'Always' && !interactive) {
    throw noCredentials(
      `${exec.command} needs a terminal to ask the user, and there is no terminal`,
    )
  }
  const added = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]))
  const info = {
    kind: 'ExecCredential',
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    spec: { interactive, ...(exec.provideClusterInfo && { cluster: clusterInfo(target) }) },
  }
  const child = spawn(exec.command, exec.args ?? [], {
    stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
    env: { ...process.env, ...added, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    // A group of its own, to end its children too. At a terminal only the first group may read.
    detached: !interactive,
  })
  let timer: NodeJS.Timeout | undefined
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
    if (!limit) return
    timer = setTimeout(() => {
      endPlugin(child, interactive ? endAlone : endWithChildren)
      reject(new Error(`it did not end within ${limit.seconds} s, the limit of ${limit.setting}`))
    }, limit.seconds * 1000)
  })
  try {
    const [code, stdout, stderr] = await Promise.all([
      ended,
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
    ])
    if (code === 0) return stdout
    const last = stderr.trim().split('\n').slice(-3).join(' ')
    throw new Error(last ? `exit code ${code}: ${last}` : `exit code ${code}`)
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const hint = isMissing ? exec.installHint?.trim().replaceAll('\n', ' ') : undefined
    throw noCredentials(`${exec.command} failed: ${said(cause)}`, { ...(hint && { hint }), cause })
  } finally {
    clearTimeout(timer)
  }
}

/** How to send a signal to a plugin. */
type End = (child: ChildProcess, signal: NodeJS.Signals) => void

const endAlone: End = (child, signal) => child.kill(signal)

const endWithChildren: End = (child, signal) => {
  if (child.pid !== undefined) endGroup(child.pid, signal)
}

function endPlugin(child: ChildProcess, end: End): void {
  end(child, 'SIGTERM')
  setTimeout(() => end(child, 'SIGKILL'), 1_000).unref()
  child.stdout?.destroy()
  child.stderr?.destroy()
}

function clusterInfo({ cluster }: Target): object {
  const ca = bytesOf(cluster, 'certificate-authority')?.toString('base64')
  const config = cluster.extensions?.find(
    ({ name }) => name === 'client.authentication.k8s.io/exec',
  )
  return {
    server: cluster.server,
    'tls-server-name': cluster['tls-server-name'] ?? undefined,
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'] ?? undefined,
    'certificate-authority-data': ca,
    'proxy-url': cluster['proxy-url'] ?? undefined,
    config: config?.extension,
  }
}

function noCredentials(why: string, more: { hint?: string; cause?: unknown } = {}): Error {
  return refused({
    code: 'no-credentials',
    message: `There are no credentials for the cluster: ${why}.`,
    hint: 'Run `kubectl get nodes` with the same context: it uses the same credentials.',
    ...more,
  })
}
