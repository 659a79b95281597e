// Reads the kubeconfig as kubectl does: the server, how to reach it, and the user.
// Without @kubernetes/client-node: its import takes 300 ms, half of the time of `shopctl status`.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { refused, type ShopctlError, said } from '../../errors.ts'

export interface KubeconfigChoice {
  /** File, null for the usual places. */
  file: string | null
  /** null for the current context. */
  context: string | null
}

const text = z.string().nullish()

const clusterSchema = z.looseObject({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().nullish(),
  'tls-server-name': text,
  'proxy-url': text,
  extensions: z.array(z.looseObject({ name: z.string(), extension: z.unknown() })).nullish(),
})

const execSchema = z.looseObject({
  apiVersion: text,
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  interactiveMode: z.enum(['Never', 'IfAvailable', 'Always']).nullish(),
  provideClusterInfo: z.boolean().nullish(),
})

const userSchema = z.looseObject({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': z.array(z.string()).nullish(),
  'as-user-extra': z.record(z.string(), z.array(z.string())).nullish(),
  'auth-provider': z.looseObject({ name: z.string() }).nullish(),
  exec: execSchema.nullish(),
})

const contextSchema = z.looseObject({ cluster: z.string(), user: z.string().nullish() })

const kubeconfigSchema = z.looseObject({
  'current-context': text,
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: contextSchema })).nullish(),
})

export type ClusterEntry = z.infer<typeof clusterSchema>
export type UserEntry = z.infer<typeof userSchema>
export type ExecEntry = z.infer<typeof execSchema>

export interface Target {
  /** For messages: null inside a pod, and without a kubeconfig. */
  context: string | null
  cluster: ClusterEntry
  user: UserEntry
  login?: Login
}

/** Tokens that no kubeconfig has: those of EKS. */
export interface Login {
  /** `endsAt`: milliseconds since 1970. */
  token(): Promise<{ token: string; endsAt: number }>
  /** Why the API server refuses a new token. */
  refusal(): Promise<ShopctlError>
  /** Why the API server cannot be reached. null: unknown. */
  absence(): Promise<ShopctlError | null>
}

/** Where the kubelet mounts a pod's credentials for the API server. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

export function readTarget(choice: KubeconfigChoice): Target {
  const files = (choice.file ? [choice.file] : usualFiles()).filter(
    (file) => choice.file !== null || existsSync(file),
  )
  if (files.length === 0) return insidePod()
  const configs = files.map(readFile)
  // As in kubectl, the first file with an entry wins.
  const contexts = configs.flatMap((each) => each.contexts ?? [])
  const wanted =
    choice.context ?? configs.map((each) => each['current-context']).find(Boolean) ?? null
  const known = [...new Set(contexts.map(({ name }) => name))]
  const has = known.length > 0 ? `It has: ${known.join(', ')}.` : 'It has none.'
  if (wanted === null) {
    throw refused({
      code: 'no-context',
      message: `The kubeconfig ${files.join(', ')} has no current context.`,
      hint: `Set one with \`kubectl config use-context\`, or name one in shopctl.yaml. ${has}`,
    })
  }
  const context = contexts.find(({ name }) => name === wanted)?.context
  if (!context) {
    throw refused({
      code: 'unknown-context',
      message: `Your kubeconfig has no context "${wanted}".`,
      hint: has,
    })
  }
  const cluster = configs
    .flatMap((each) => each.clusters ?? [])
    .find(({ name }) => name === context.cluster)?.cluster
  const user = configs
    .flatMap((each) => each.users ?? [])
    .find(({ name }) => name === context.user)?.user
  if (!cluster) throw unreadable(`context "${wanted}" names a cluster that it does not have`)
  if (context.user && user === undefined) {
    throw unreadable(`context "${wanted}" names a user that it does not have`)
  }
  return { context: wanted, cluster, user: user ?? {} }
}

function usualFiles(): string[] {
  const named = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '')
  if (named.length > 0) return named
  try {
    return [join(homedir(), '.kube', 'config')]
  } catch {
    // A uid without HOME and without an entry in /etc/passwd.
    return []
  }
}

function readFile(file: string): z.infer<typeof kubeconfigSchema> {
  const content = readBytes(file).toString('utf8')
  const isNone = `${file} is not a kubeconfig`
  let value: unknown
  try {
    value = parse(content)
  } catch (cause) {
    // The lines below show the content.
    throw unreadable(`${isNone}: ${said(cause).replace(/:?\n.*/s, '')}`, cause)
  }
  const { success, data, error } = kubeconfigSchema.safeParse(value ?? {})
  if (!success) {
    const { path = [], message = '' } = error.issues[0] ?? {}
    const expected = message.replace(/^Invalid input: /, '')
    const what = path.length > 0 ? `: ${path.join('.')}: ${expected}` : ''
    throw unreadable(`${isNone}${what}`, error)
  }
  return absolute(data, dirname(resolve(file)))
}

/** Paths in a kubeconfig are relative to its folder; a command without a slash is looked for on the PATH. */
function absolute<T extends z.infer<typeof kubeconfigSchema>>(config: T, folder: string): T {
  for (const { cluster } of config.clusters ?? []) {
    resolveIn(cluster, 'certificate-authority', folder)
  }
  for (const { user } of config.users ?? []) {
    if (!user) continue
    for (const key of ['client-certificate', 'client-key', 'tokenFile'] as const) {
      resolveIn(user, key, folder)
    }
    if (user.exec?.command.includes('/')) resolveIn(user.exec, 'command', folder)
  }
  return config
}

function resolveIn<K extends string>(
  entry: { [key in K]?: string | null | undefined },
  key: K,
  folder: string,
): void {
  const path = entry[key]
  if (path) entry[key] = resolve(folder, path)
}

function insidePod(): Target {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
  if (!host || !port || !existsSync(`${serviceAccount}/token`)) {
    throw refused({
      code: 'no-kubeconfig',
      message: `There is no kubeconfig: looked for ${usualFiles().join(', ') || 'HOME, which is not set'}.`,
      hint: 'Set KUBECONFIG, or `cluster` of the environment in shopctl.yaml.',
    })
  }
  const address = host.includes(':') ? `[${host}]` : host
  return {
    context: null,
    cluster: {
      server: `https://${address}:${port}`,
      'certificate-authority': `${serviceAccount}/ca.crt`,
    },
    user: { tokenFile: `${serviceAccount}/token` },
  }
}

const wordsOf: Record<string, string> = {
  EISDIR: 'is a folder',
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by you',
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const words = wordsOf[(cause as NodeJS.ErrnoException).code ?? '']
    throw unreadable(words ? `${file} ${words}` : said(cause), cause)
  }
}

export function unreadable(why: string, cause?: unknown): Error {
  return refused({
    code: 'no-kubeconfig',
    message: `The kubeconfig cannot be read: ${why}`,
    hint: 'Set KUBECONFIG, or `cluster` of the environment in shopctl.yaml.',
    cause,
  })
}

/** The bytes of `key`: from base64 in `key-data`, else from a file. */
export function bytesOf(
  entry: ClusterEntry | UserEntry,
  key: 'certificate-authority' | 'client-certificate' | 'client-key',
): Buffer | undefined {
  const { [`${key}-data`]: data, [key]: file } = entry as Record<string, string | null | undefined>
  if (data) return Buffer.from(data, 'base64')
  return file ? readBytes(file) : undefined
}
