// Asks a server of the environment at its address: the one of its metrics, or of its logs.
import { sendOnce } from '../adapters/http.ts'
import { limited } from '../adapters/limited.ts'
import { type Limit, noAnswer } from '../adapters/shell.ts'
import { interrupted, ShopctlError, said } from '../errors.ts'
import { agentOf } from './agents.ts'

export interface AddressOptions {
  /** Where it has a token: the variable, and its value if it is set. */
  token: { variable: string; value: string | undefined } | null
  /** For the whole answer. */
  limit: Limit
  signal: AbortSignal
  /** The error where there is no answer. */
  unanswered(why: string): Error
}

/** Sends a GET; `path` begins with a slash, `base` ends with none. */
export async function askAddress(
  base: string,
  path: string,
  { token, limit, signal, unanswered }: AddressOptions,
): Promise<{ status: number; text: string }> {
  if (token && !token.value) throw unanswered(`the variable ${token.variable} is not set`)
  const late = AbortSignal.timeout(limit.seconds * 1_000)
  const address = new URL(`${base}${path}`)
  const headers = token ? { authorization: `Bearer ${token.value}` } : {}
  const limits = { signal: AbortSignal.any([late, signal]), read: limited }
  try {
    const request = { method: 'GET', headers, ...limits }
    const response = await sendOnce(address, request, await agentOf(address))
    return { status: response.status, text: await response.text() }
  } catch (error) {
    if (signal.aborted) throw interrupted()
    if (error instanceof ShopctlError) throw error
    throw unanswered(late.aborted ? noAnswer(limit) : said(error))
  }
}
