// What an error of AWS means, and what to do about it.
import { interrupted, refused, ShopctlError, said } from '../../errors.ts'
import type { Limit } from '../shell.ts'

export interface About {
  /** For the message: `describe the EKS cluster shop`. */
  doing: string
  region: string
  /** Of the user's AWS configuration. */
  profile?: string | undefined
  /** Of one request. */
  limit: Limit
}

/** What the SDK throws: an answer of AWS, or the error of a connection. */
interface SdkError extends Error {
  code?: string
  $metadata?: { httpStatusCode?: number; attempts?: number }
  $retryable?: { throttling?: boolean }
}

const expired = /^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired)$/
const unknownKeys =
  /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature|MissingAuthenticationToken)$/
const denied =
  /^(AccessDenied|AccessDeniedException|NotAuthorized|UnauthorizedOperation|OptInRequired)$/
const throttled = /Throttl|RequestLimitExceeded|TooManyRequests|SlowDown/
const late = /^(TimeoutError|RequestTimeout|RequestTimeoutException)$/
const wrongClock =
  /Signature expired|Signature not yet current|^Request(TimeTooSkewed|Expired|InTheFuture)/

/** Waits for an answer of AWS. Throws what its error means. */
export async function explained<T>(
  asking: () => Promise<T>,
  about: About,
  signal?: AbortSignal,
): Promise<T> {
  if (signal?.aborted) throw interrupted()
  try {
    return await asking()
  } catch (error) {
    throw signal?.aborted ? interrupted() : awsProblem(error, about)
  }
}

/** Throws what is no error of AWS, its credentials or its connection: a bug. */
function awsProblem(problem: unknown, about: About): ShopctlError {
  if (problem instanceof ShopctlError) return problem
  if (!(problem instanceof Error)) throw problem
  const error = problem as SdkError
  const { doing, region } = about
  const message = firstLine(error)
  if (/^(Credentials|Token)ProviderError$/.test(error.name)) {
    return noCredentials(message, about, error)
  }
  if (wrongClock.test(error.message) || wrongClock.test(error.name)) return clockProblem(error)
  if (expired.test(error.name)) {
    return refused({
      code: 'aws-expired',
      message: `Your AWS credentials have expired: ${message}.`,
      hint: 'Log in again, for example with `aws sso login`; in a workflow, run the job again. Then run the command again.',
      cause: error,
    })
  }
  if (unknownKeys.test(error.name)) {
    return refused({
      code: 'aws-credentials',
      message: `AWS does not accept your credentials: ${message}.`,
      hint: `Check the access key, its secret and the session token, and that the account has enabled the region ${region}.`,
      cause: error,
    })
  }
  if (denied.test(error.name)) {
    return refused({
      code: 'aws-denied',
      message: `AWS does not let you ${doing}: ${message}.`,
      hint: /AssumeRole/.test(error.message)
        ? 'You need the right sts:AssumeRole on this role, and its trust policy must name you.'
        : 'Use a role with this right, or add it to the policy of yours.',
      cause: error,
    })
  }
  const status = error.$metadata?.httpStatusCode
  if (throttled.test(error.name) || status === 429 || error.$retryable?.throttling) {
    return refused({
      code: 'aws-throttled',
      message: `AWS throttles your requests: could not ${doing} in ${error.$metadata?.attempts ?? 1} attempts.`,
      hint: 'Wait a minute, then run the command again.',
      cause: error,
    })
  }
  if (!error.code && status === undefined && !late.test(error.name)) throw error
  return unreachable(error, message, about)
}

function noCredentials(message: string, { profile }: About, cause: Error): ShopctlError {
  return refused({
    code: 'no-aws-credentials',
    message: `There are no AWS credentials${profile ? ` for the profile ${profile}` : ''}: ${message}.`,
    hint: 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID, run `aws sso login`, or let the workflow use aws-actions/configure-aws-credentials with `id-token: write`.',
    cause,
  })
}

/** AWS answers with its own time: `Signature expired: <ours> is now earlier than <limit> (<AWS's> - 15 min.)`. */
function clockProblem(cause: Error): ShopctlError {
  const times = [...cause.message.matchAll(/\d{8}T\d{6}Z/g)].map(([text]) => timeOf(text))
  const [ours, theirs] = [times[0], times[2]]
  const minutes =
    ours !== undefined && theirs !== undefined ? Math.round((ours - theirs) / 60_000) : null
  const how =
    minutes === null
      ? 'differs too much from that of AWS'
      : `is ${Math.abs(minutes)} minutes ${minutes < 0 ? 'behind' : 'ahead of'} that of AWS`
  return refused({
    code: 'aws-clock',
    message: `The clock of this machine ${how}. AWS says: ${firstLine(cause)}.`,
    hint: 'Set the clock, for example with `timedatectl set-ntp true`. Then run the command again.',
    cause,
  })
}

/** `20261126T121431Z` in milliseconds since 1970. */
function timeOf(text: string): number {
  const [, year, month, day, hour, minute, second] =
    /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(text) ?? []
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function unreachable(
  error: SdkError,
  message: string,
  { doing, region, limit }: About,
): ShopctlError {
  if (error.$metadata?.httpStatusCode) {
    return refused({
      code: 'aws-error',
      message: `Could not ${doing}: ${message}.`,
      hint: 'This is a problem of AWS. Run the command again later.',
      cause: error,
    })
  }
  const { seconds, setting } = limit
  const why = late.test(error.name)
    ? `no answer within ${seconds} s${setting && `, the limit of ${setting}`}`
    : message
  return refused({
    code: 'aws-unreachable',
    message: `Could not ${doing}: ${why}.`,
    hint:
      error.code === 'ENOTFOUND'
        ? `Check whether the region ${region} exists, the network and the proxy.`
        : 'Check the network and the proxy, then run the command again.',
    cause: error,
  })
}

/** Further lines may hold the canonical request, and in it the session token. */
function firstLine(error: Error): string {
  return said(error).trim().split('\n', 1)[0]?.replace(/\.$/, '') || error.name
}
