// The message about an answer that is an error: what is wrong, and what to do.
import { z } from 'zod'
import { refused } from '../../errors.ts'
import { loginCommand } from './address.ts'
import { parseChallenges } from './challenge.ts'
import type { Login } from './docker-logins.ts'
import { type Need, notLoggedIn } from './session.ts'

export function challengeOf(response: Response): string {
  return response.headers.get('www-authenticate') ?? ''
}

interface Circumstances {
  need: Need
  /** undefined: the registry did not ask for a login. */
  granted: { login: Login | null } | undefined
  /** `HEAD https://…` */
  asked: string
}

/** As if nothing was changed: the caller knows whether the request may have been carried out. */
export async function problemOf(
  response: Response,
  { need, granted, asked }: Circumstances,
): Promise<Error> {
  const { status } = response
  const login = granted?.login ?? null
  if (status === 401 && !(login && isInsufficient(response))) return notLoggedIn(need, login)
  if (status === 401 || status === 403) return denied(need, login)
  const after = response.headers.get('retry-after')?.slice(0, 40)
  const wait = after ? ` (Retry-After: ${after})` : ''
  return refused({
    code: 'registry-error',
    message: `The registry answered ${status} to ${asked}: ${reasonIn(await response.text())}`,
    ...(status === 429 && {
      hint: `It takes no more requests for now${wait}. Run the command again later.`,
    }),
    ...(status >= 500 && {
      hint: 'This is a problem of the registry itself. Run the command again later.',
    }),
  })
}

/** The login is valid, and has no right to this. */
function isInsufficient(response: Response): boolean {
  return parseChallenges(challengeOf(response)).some(
    ({ parameters }) => parameters.get('error') === 'insufficient_scope',
  )
}

function denied({ host, name, write }: Need, login: Login | null): Error {
  const who = login ? `the login from ${login.source}` : 'you'
  return refused({
    code: 'registry-denied',
    message: `The registry ${host} does not let ${who} ${write ? 'write to' : 'read'} ${name}.`,
    hint:
      login?.advice ??
      `Ask for the right to ${write ? 'push' : 'pull'}, or run \`${loginCommand(host)}\` as a user who has it. Then run the command again.`,
  })
}

const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string() })).min(1),
})

/** Registries explain in JSON, and what is before them in some text. */
function reasonIn(text: string): string {
  try {
    const [first] = errorsSchema.parse(JSON.parse(text)).errors
    if (first) return first.message.slice(0, 200)
  } catch {
    // Not theirs.
  }
  return text.slice(0, 200)
}
