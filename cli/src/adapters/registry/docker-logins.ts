// The user's logins to registries: from Docker's configuration, and from the credential helpers that it names.
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { refused } from '../../errors.ts'
import type { Mask } from '../../release/ports/session.ts'
import { parseJson } from '../json.ts'
import type { Limit, Shell } from '../shell.ts'
import { loginCommand, loginKey } from './address.ts'

export interface Login {
  username?: string
  password?: string
  /** Exchanged for tokens, instead of a password. */
  identityToken?: string
  /** Sent as it is. */
  registryToken?: string
  /** For messages: the configuration file, or the helper. */
  source: string
  /** What to do when the registry does not accept it, or not for this. Default: `docker login`. */
  advice?: string
}

/** Returns the login to `host`, which may have a port. null: the user has none. */
export type Logins = (host: string) => Promise<Login | null>

export interface DockerLoginsOptions {
  env?: NodeJS.ProcessEnv
  /** Of a credential helper. */
  limit: Limit
  /** Gets each password and token. */
  mask: Mask
  signal?: AbortSignal
}

const text = z.string().optional()
const entry = z.object({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text,
})
const configSchema = z.object({
  auths: z.record(z.string(), entry.nullish()).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
})
const answerSchema = z.object({ Username: z.string(), Secret: z.string() })

/** A helper gives this user name to what is an identity token. */
const tokenUser = '<token>'
const noneFound = 'credentials not found in native keychain'

export function createDockerLogins(
  shell: Pick<Shell, 'run'>,
  { env = process.env, limit, mask, signal }: DockerLoginsOptions,
): Logins {
  return async (host) => {
    const file = fileIn(env)
    const config = file && (await readConfig(file))
    if (!config) return null
    const key = loginKey(host)
    const helper = config.credHelpers?.[key] ?? config.credHelpers?.[host] ?? config.credsStore
    // As docker does: with a helper, the file's own logins do not count.
    const login = helper
      ? await askHelper(shell, helper, { host, key, file, limit, signal })
      : loginIn(config.auths ?? {}, key, file)
    const { password, identityToken, registryToken } = login ?? {}
    for (const value of [password, identityToken, registryToken]) if (value) mask(value)
    return login
  }
}

function fileIn({ DOCKER_CONFIG }: NodeJS.ProcessEnv): string | null {
  try {
    return join(DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json')
  } catch {
    // A uid without HOME and without an entry in /etc/passwd.
    return null
  }
}

async function readConfig(file: string): Promise<z.infer<typeof configSchema> | null> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw badConfig(file, `cannot be read (${error.code})`)
  })
  if (content === null) return null
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    // The message of the error would quote the file, which has passwords.
    throw badConfig(file, 'is no JSON')
  }
  const parsed = configSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.map(({ path }) => path.join('.') || 'the file')
  throw badConfig(file, `is no configuration of Docker: see ${places.slice(0, 3).join(', ')}`)
}

type Entries = Readonly<Record<string, z.infer<typeof entry> | null | undefined>>

function loginIn(entries: Entries, key: string, file: string): Login | null {
  const name = key in entries ? key : Object.keys(entries).find((each) => hostIn(each) === key)
  const found = name === undefined ? null : entries[name]
  if (!found) return null
  const { auth, identitytoken: identityToken, registrytoken: registryToken } = found
  const named = auth ? decode(auth) : pairOf(found.username, found.password)
  if (auth && !named) throw badConfig(file, `has no login in auths.${name}.auth`)
  if (!named && !identityToken && !registryToken) return null
  return {
    ...named,
    ...(identityToken && { identityToken }),
    ...(registryToken && { registryToken }),
    source: file,
  }
}

/** Older versions of docker wrote addresses with a scheme and a path. */
function hostIn(key: string): string {
  const [host = ''] = key.replace(/^https?:\/\//, '').split('/')
  return host
}

function decode(auth: string): Pick<Login, 'username' | 'password'> | null {
  const [, username, password] =
    /^([^:]+):(.*)$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? []
  return pairOf(username, password?.replace(/(?<!\0)\0+$/, ''))
}

function pairOf(username?: string, password?: string): Pick<Login, 'username' | 'password'> | null {
  return username && password ? { username, password } : null
}

interface Asked {
  host: string
  key: string
  file: string
  limit: Limit
  signal: AbortSignal | undefined
}

/** The protocol of docker-credential-helpers: the address on stdin, JSON or an error on stdout. */
async function askHelper(
  shell: Pick<Shell, 'run'>,
  helper: string,
  { host, key, file, limit, signal }: Asked,
): Promise<Login | null> {
  const program = `docker-credential-${helper}`
  if (!/^[\w.-]+$/.test(helper)) throw badConfig(file, `names a credential helper "${helper}"`)
  const command = { program, args: ['get'], input: key, limit, title: program }
  const { exitCode, stdout, stderr } = await shell.run({ ...command, ...(signal && { signal }) })
  if (exitCode !== 0) {
    if (stdout.trim() === noneFound) return null
    const why = (stdout.trim() || stderr.trim()).split('\n').at(-1) || `exit code ${exitCode}`
    throw refused({
      code: 'registry-login',
      message: `${program}, which ${file} names for ${host}, failed: ${why}`,
      hint: `Run \`${loginCommand(host)}\`, or correct what ${program} needs. Then run the command again.`,
    })
  }
  const answer = answerSchema.safeParse(parseJson(stdout))
  if (!answer.success) {
    throw refused({
      code: 'registry-login',
      message: `${program}, which ${file} names for ${host}, gave an answer that is no login.`,
      hint: `Install a version of ${program} that docker itself can use. Then run the command again.`,
    })
  }
  const { Username: username, Secret: secret } = answer.data
  if (!secret) return null
  return username === tokenUser
    ? { identityToken: secret, source: program }
    : { username, password: secret, source: program }
}

function badConfig(file: string, what: string): Error {
  return refused({
    code: 'bad-docker-config',
    message: `${file} ${what}.`,
    hint: 'Correct it, or name another folder with DOCKER_CONFIG. Then run the command again.',
  })
}
