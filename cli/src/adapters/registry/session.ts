// Logs in to registries: answers their challenges with the user's logins, and keeps the tokens until they expire.
import { z } from 'zod'
import { refused } from '../../errors.ts'
import type { Mask } from '../../release/ports/session.ts'
import { staysSecret } from '../loopback.ts'
import { type Address, loginCommand } from './address.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { Login, Logins } from './docker-logins.ts'
import type { SendPatiently } from './patient.ts'

/** What a request needs: tokens are for one repository, and for reading or for both. */
export interface Need extends Address {
  write: boolean
}

interface Granted {
  /** The header `authorization`. null: the registry lets anonymous users in, or nobody without a login. */
  header: string | null
  /** The login that it was got with. null: anonymous. */
  login: Login | null
  /** Milliseconds since 1970. */
  endsAt: number
}

export interface Session {
  /** What was granted before. undefined: nothing yet, or it expired. */
  current(need: Need): Promise<Granted | undefined>
  /** Answers the challenges of a 401. Asks for the user's login again if `before` was not accepted. */
  logIn(need: Need, header: string, before: Granted | undefined): Promise<Granted>
}

export interface SessionOptions {
  logins: Logins
  send: SendPatiently
  now: () => number
  /** Gets each token. */
  mask: Mask
}

const tokenSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
})
/** Of a token without a time of its own (distribution's specification). */
const usualSeconds = 60
/** A token is renewed this long before its end, or after nine tenths of its life. */
const marginMs = 10_000

export function createSession(options: SessionOptions): Session {
  const { logins, now } = options
  /** `value`: what the promise was fulfilled with. */
  const granted = new Map<string, { promise: Promise<Granted>; value?: Granted }>()
  const known = new Map<string, Promise<Login | null>>()
  const loginTo = (host: string): Promise<Login | null> => {
    const login = known.get(host) ?? logins(host)
    known.set(host, login)
    return login
  }
  const grant = async (need: Need, challenges: readonly Challenge[]): Promise<Granted> => {
    const login = await loginTo(need.host)
    const bearer = challenges.find(isBearer)
    if (bearer) {
      if (login?.registryToken)
        return { header: `Bearer ${login.registryToken}`, login, endsAt: Number.POSITIVE_INFINITY }
      return { login, ...(await fetchToken(options, need, bearer, login)) }
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic')) throw unknownWay(need, challenges)
    const basic = login && basicHeader(login)
    return { header: basic, login, endsAt: Number.POSITIVE_INFINITY }
  }
  const keyOf = ({ base, name, write }: Need): string => `${base} ${name} ${write}`
  /** A password is for all repositories. */
  const found = (need: Need) => granted.get(keyOf(need)) ?? granted.get(need.base)
  return {
    async current(need) {
      // One that failed is reported to the request that asked for it.
      const value = await found(need)?.promise.catch(() => undefined)
      return value && now() < value.endsAt ? value : undefined
    },
    logIn(need, header, before) {
      const challenges = parseChallenges(header)
      const key = challenges.some(isBearer) ? keyOf(need) : need.base
      const latest = granted.get(key)
      // Another request logs in, or has done so meanwhile.
      const isNew = latest && (!latest.value || latest.value !== before)
      if (isNew && now() < (latest.value?.endsAt ?? Number.POSITIVE_INFINITY)) return latest.promise
      if (before) known.delete(need.host)
      const next: { promise: Promise<Granted>; value?: Granted } = {
        promise: grant(need, challenges),
      }
      granted.set(key, next)
      next.promise.then(
        (value) => Object.assign(next, { value }),
        () => granted.delete(key),
      )
      return next.promise
    },
  }
}

function isBearer({ scheme }: Challenge): boolean {
  return scheme === 'bearer'
}

function basicHeader({ username, password }: Login): string | null {
  if (!username || !password) return null
  const encoded = Buffer.from(`${username}:${password}`).toString('base64')
  return `Basic ${encoded}`
}

async function fetchToken(
  { send, now, mask }: SessionOptions,
  need: Need,
  { parameters }: Challenge,
  login: Login | null,
): Promise<Pick<Granted, 'header' | 'endsAt'>> {
  const realm = URL.parse(parameters.get('realm') ?? '')
  if (!realm || !staysSecret(realm)) throw unsafeRealm(need, realm)
  const scope =
    parameters.get('scope') ?? `repository:${need.name}:pull${need.write ? ',push' : ''}`
  const service = parameters.get('service')
  const fields = { ...(service !== undefined && { service }), scope }
  const { response } = await send(realm.origin, ...tokenRequest(realm, fields, login))
  if ([400, 401, 403].includes(response.status)) throw notLoggedIn(need, login)
  const answer = response.ok ? tokenSchema.safeParse(await response.json().catch(() => null)) : null
  const token = answer?.data?.token || answer?.data?.access_token
  if (!token) {
    throw refused({
      code: 'registry-error',
      message: `The registry ${need.host} gives its tokens at ${realm.origin}, which answered ${response.status} without a token.`,
      hint: 'Run the command again. If that does not help, ask whoever runs the registry.',
    })
  }
  mask(token)
  const livesMs = (answer?.data?.expires_in ?? usualSeconds) * 1000
  return { header: `Bearer ${token}`, endsAt: now() + livesMs - Math.min(marginMs, livesMs / 10) }
}

function tokenRequest(
  realm: URL,
  fields: Record<string, string>,
  login: Login | null,
): [string, { method: string; headers: Record<string, string>; body?: string }] {
  if (login?.identityToken) {
    const grant = { grant_type: 'refresh_token', refresh_token: login.identityToken }
    const body = new URLSearchParams({ ...grant, client_id: 'shopctl', ...fields }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return [realm.href, { method: 'POST', headers, body }]
  }
  const url = new URL(realm)
  for (const [name, value] of Object.entries(fields)) url.searchParams.append(name, value)
  const authorization = login && basicHeader(login)
  return [url.href, { method: 'GET', headers: authorization ? { authorization } : {} }]
}

/** The user has no login, or it does not count any more. */
export function notLoggedIn({ host }: Address, login: Login | null): Error {
  return refused({
    code: 'registry-login',
    message: login
      ? `The registry ${host} does not accept the login from ${login.source}: it is wrong, or it has expired.`
      : `The registry ${host} asks for a login, and Docker's configuration has none for it.`,
    hint: login?.advice ?? `Run \`${loginCommand(host)}\`, then run the command again.`,
  })
}

function unsafeRealm({ host }: Address, realm: URL | null): Error {
  return refused({
    code: 'registry-login',
    message: `The registry ${host} wants the password sent to ${realm?.origin ?? 'no address'}, which is not safe.`,
    hint: 'Use a registry that gives its tokens at an https:// address.',
  })
}

function unknownWay({ host }: Address, challenges: readonly Challenge[]): Error {
  const ways = challenges.map(({ scheme }) => scheme).join(', ') || 'no way to log in'
  return refused({
    code: 'registry-login',
    message: `The registry ${host} asks for a login and offers ${ways}: shopctl knows Basic and Bearer.`,
    hint: 'Use a registry that offers one of them.',
  })
}
