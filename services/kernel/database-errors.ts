// What an error of Postgres, or of a connection to it, means for the caller.

/** The SQLSTATE, or the error code of the operating system. */
export function codeOf(error: unknown): string | number | undefined {
  return (error as { code?: string | number } | null)?.code
}

/** After an ERROR the server has rolled back the batch. */
export function isRolledBack(error: unknown): boolean {
  return (error as { severity?: string }).severity === 'ERROR'
}

/** The prepared statements of the connection do not fit the database any more. */
export function isStale(error: unknown): boolean {
  return /^(0A000|26000|42P05)$/.test(String(codeOf(error)))
}

/** The transaction was rolled back because of another one. */
export function isVictim(error: unknown): boolean {
  return /^40(001|P01)$/.test(String(codeOf(error)))
}

/** After a failover, a connection may be left on a server that is a standby now, or with a setting of that time. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006'
}

const lost =
  /^(08|25006|25P0|40|53|55P03|57|58|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/

/** The database was restored without its tables and functions. The migration Job creates them. */
const notMigrated = /^(42P01|42883)$/
/** Errors of pg that have no code. */
const brokenConnection =
  /^Connection terminated|^Client (has encountered|was closed)|^Query read timeout/

/**
 * Connection lost, server starting, shutting down, read-only or full, timeout, lock, deadlock or missing tables: the same
 * request may succeed later.
 */
export function isUnavailable(error: unknown): boolean {
  const { statusCode, message = '' } = (error ?? {}) as { statusCode?: unknown; message?: string }
  if (statusCode === 503) return true
  const code = String(codeOf(error) ?? '')
  return lost.test(code) || notMigrated.test(code) || brokenConnection.test(message)
}

/**
 * The server does not accept the user, its password or right to connect. Or the own authority did not sign the server's
 * certificate, or it has expired.
 */
export function isLoginRefused(error: unknown): boolean {
  const code = String(codeOf(error) ?? '')
  return (
    /^(28\w{3}|42501)$/.test(code) ||
    /CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/.test(code) ||
    (error as Error).message.startsWith('SASL: ')
  )
}

/** A busy pool, a server without a free connection, and a refused login are no reasons: open connections still work. */
export function isAway(error: unknown): boolean {
  if ((error as Error).message === 'timeout exceeded when trying to connect') return false
  return !String(codeOf(error)).startsWith('53') && !isLoginRefused(error)
}

/** Names the user and the database, but no password. When all addresses of a host fail, the error has only a code. */
export function notConnected(cause: unknown): Error {
  if ((cause as { statusCode?: unknown }).statusCode === 503) return cause as Error
  const message = `cannot connect to the database: ${(cause as Error).message || codeOf(cause)}`
  return Object.assign(new Error(message, { cause }), { statusCode: 503 })
}
