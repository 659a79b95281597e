// Who may use the management port: the ServiceAccount `<service>-operator`. A user acts as it who may create its tokens.
import { createHash } from 'node:crypto'

/** The user of a request, or why it is refused: 401 without a valid token, 403 for another user, 503 when unknown. */
export type Decision = { user: string } | { status: 401 | 403 | 503; detail: string }

export type Access = (token: string | undefined) => Promise<Decision>

export interface AccessDeps {
  /** The user of a token. Null when it is not valid. Rejects when that cannot be found out. */
  userOf: (token: string) => Promise<string | null>
  namespace: string
  service: string
  /** A clock in milliseconds. */
  monotonic: () => number
}

/** How long an answer of the API server holds. */
const keepMs = 5_000
const mostKept = 100

export function createAccess({ userOf, namespace, service, monotonic }: AccessDeps): Access {
  const operator = `system:serviceaccount:${namespace}:${service}-operator`
  /** By a hash, so that no token stays in memory. */
  const kept = new Map<string, { user: string | null; until: number }>()

  async function review(token: string): Promise<string | null> {
    const key = createHash('sha256').update(token).digest('base64')
    const known = kept.get(key)
    if (known && monotonic() < known.until) return known.user
    const user = await userOf(token)
    if (kept.size >= mostKept) kept.clear()
    kept.set(key, { user, until: monotonic() + keepMs })
    return user
  }

  return async (token) => {
    if (!token)
      return { status: 401, detail: `a token of the ServiceAccount ${service}-operator is needed` }
    let user: string | null
    try {
      user = await review(token)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { status: 503, detail: `the API server cannot review the token: ${why}` }
    }
    if (user === null) return { status: 401, detail: 'the API server does not accept the token' }
    if (user === operator) return { user }
    return {
      status: 403,
      detail: `${user} may not do this, only the ServiceAccount ${service}-operator`,
    }
  }
}
