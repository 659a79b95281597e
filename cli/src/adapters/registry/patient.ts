// Sends a request until it is answered, as long as that is safe and may help.
import { setTimeout as sleep } from 'node:timers/promises'
import { failed, interrupted, refused } from '../../errors.ts'
import type { AgentOf, Sent } from '../http.ts'
import { createPatience, isLate, lateError, type Outcome } from '../repeat.ts'
import { type Limit, noAnswer } from '../shell.ts'
import { createSend, type Send } from './http.ts'

export interface PatientOptions {
  /** For an answer. */
  limit: Limit
  agentOf?: AgentOf
  /** Milliseconds since 1970. */
  now?: () => number
  signal?: AbortSignal
  send?: Send
}

interface Answer {
  response: Response
  /** A write, of which some attempt may have been carried out. */
  mayBeDone: boolean
}

/** Returns any answer, the last one after several attempts. `server` is for messages. */
export type SendPatiently = (
  server: string,
  url: string,
  request: Omit<Sent, 'signal'>,
) => Promise<Answer>

export function createPatientSend({
  limit,
  agentOf,
  now = Date.now,
  signal,
  send = createSend(agentOf),
}: PatientOptions): SendPatiently {
  const reached = new Set<string>()
  const attempt = async (url: string, request: Omit<Sent, 'signal'>): Promise<Response | Error> => {
    const timeout = AbortSignal.timeout(limit.seconds * 1000)
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout
    try {
      return await send(url, { ...request, signal: either })
    } catch (error) {
      if (signal?.aborted) throw interrupted()
      return timeout.aborted ? lateError(limit.seconds * 1000) : innermost(error)
    }
  }
  return async (server, url, request) => {
    // What is sent to a registry twice has the same effect as once: a tag is put with the content that it names.
    const pauseAfter = createPatience('read', now)
    let mayBeDone = false
    for (;;) {
      if (signal?.aborted) throw interrupted()
      const result = await attempt(url, request)
      const pause = pauseAfter(outcomeOf(result), reached.has(server))
      if (result instanceof Response) reached.add(server)
      mayBeDone ||= request.method === 'PUT' && mayHaveWritten(result, reached.has(server))
      if (pause === null) {
        if (result instanceof Response) return { response: result, mayBeDone }
        throw unreachable(server, result, limit, mayBeDone)
      }
      await sleep(pause, undefined, signal && { signal }).catch(() => {
        throw interrupted()
      })
    }
  }
}

function outcomeOf(result: Response | Error): Outcome {
  if (result instanceof Error) return result
  return { status: result.status, retryAfter: result.headers.get('retry-after') }
}

/** The server may have carried it out before its 5xx, and also if its answer was lost. */
function mayHaveWritten(result: Response | Error, reached: boolean): boolean {
  return result instanceof Response ? result.status >= 500 : reached
}

/** The error of the connection, with its code. */
function innermost(error: unknown): Error {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0])
  if (error instanceof Error) return error.cause instanceof Error ? innermost(error.cause) : error
  return new Error(String(error))
}

function unreachable(server: string, cause: Error, limit: Limit, mayBeDone: boolean): Error {
  const make = mayBeDone ? failed : refused
  const isTrust = 'code' in cause && untrusted.has(String(cause.code))
  return make({
    code: 'registry-unreachable',
    message: `The registry at ${server} cannot be reached: ${isLate(cause) ? noAnswer(limit) : cause.message}.`,
    hint: isTrust
      ? 'If its certificate is from your own authority, set NODE_EXTRA_CA_CERTS to the file of the authority.'
      : 'Check that it runs (`shopctl platform status`) and that its address in shopctl.yaml is correct.',
    cause,
  })
}

const untrusted = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
