// What an error of AWS means, and what to do about it.
import { afterChange, failed, interrupted, refused, ShopctlError, said } from '../../errors.ts'
import { type Limit, noAnswer } from '../shell.ts'

export interface About {
  /** For the message: `describe the EKS cluster shop`. */
  doing: string
  region: string
  /** For which the credentials are, where the user has to know it: `Amazon ECR of account … in …`. */
  place?: string
  /** The setting of shopctl.yaml that names a role, where it has none. */
  roleSetting?: string
  /** The request changes something. Without an answer, after one of 5xx or a second attempt, it may have done so. */
  writes?: boolean
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
  /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature|MissingAuthenticationToken|AuthFailure)$/
const denied =
  /^(AccessDenied|AccessDeniedException|NotAuthorized|UnauthorizedException|UnauthorizedOperation|OptInRequired)$/
const throttled = /Throttl|RequestLimitExceeded|TooManyRequests|SlowDown/
const late = /^(TimeoutError|RequestTimeout|RequestTimeoutException)$/
/** What the SDK says itself, before it asks AWS. */
const expiredLogin = /(token|session).*expired/i
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
function awsProblem(problem: unknown, about: About): unknown {
  if (problem instanceof ShopctlError) return problem
  if (!(problem instanceof Error)) throw problem
  const error = shortened(problem)
  const meant =
    senderProblem(error, about) ?? answerProblem(error, about) ?? connectionProblem(error, about)
  // The SDK tells the last answer only. After an earlier one of 5xx, or none, the change may have been made.
  const mayBeDone = about.writes && (error.$metadata?.attempts ?? 1) > 1
  return mayBeDone ? afterChange(meant) : meant
}

/** Of the clock or the credentials of who asks. */
function senderProblem(error: SdkError, about: About): ShopctlError | null {
  const message = sentence(error)
  if (wrongClock.test(error.message) || wrongClock.test(error.name)) return clockProblem(error)
  if (expired.test(error.name) || expiredLogin.test(message)) {
    return refused({
      code: 'aws-expired',
      message: `Your AWS credentials have expired: ${message}.`,
      hint: 'Log in again, for example with `aws sso login`; in a workflow, run the job again. Then run the command again.',
      cause: error,
    })
  }
  if (/^(Credentials|Token)ProviderError$/.test(error.name)) {
    return noCredentials(message, about, error)
  }
  if (unknownKeys.test(error.name)) {
    return refused({
      code: 'aws-credentials',
      message: `AWS does not accept your credentials${placed(about)}: ${message}.`,
      hint: `Check the access key, its secret and the session token, and that the account has enabled the region ${about.region}.`,
      cause: error,
    })
  }
  return null
}

/** Of the request itself. null: AWS did not answer. */
function answerProblem(error: SdkError, about: About): ShopctlError | null {
  const { doing, writes } = about
  const status = error.$metadata?.httpStatusCode
  const message = sentence(error)
  if (denied.test(error.name) || status === 403) {
    return refused({
      code: 'aws-denied',
      message: `AWS does not let you ${doing}: ${message}.`,
      hint: rightHint(error, about),
      cause: error,
    })
  }
  if (throttled.test(error.name) || status === 429 || error.$retryable?.throttling) {
    return refused({
      code: 'aws-throttled',
      message: `AWS throttles your requests: could not ${doing} in ${error.$metadata?.attempts ?? 1} attempts.`,
      hint: 'Wait a minute, or run the command again later.',
      cause: error,
    })
  }
  if (status === undefined) return null
  return (writes && status >= 500 ? failed : refused)({
    code: 'aws-error',
    message: `Could not ${doing}: ${message}.`,
    hint:
      status >= 500
        ? 'This is a problem of AWS. Run the command again later.'
        : 'See what AWS says, then run the command again.',
    cause: error,
  })
}

function placed({ place }: About): string {
  return place ? ` for ${place}` : ''
}

function rightHint({ message }: Error, { roleSetting }: About): string {
  if (/AssumeRole/.test(message))
    return 'You need the right sts:AssumeRole on this role, and its trust policy must name you.'
  const where = roleSetting ? ` (\`${roleSetting}\` in shopctl.yaml)` : ''
  return `Use a role with this right${where}, or add it to the policy of yours.`
}

function noCredentials(message: string, about: About, cause: Error): ShopctlError {
  const profile = about.profile ? ` for the profile ${about.profile}` : ''
  return refused({
    code: 'no-aws-credentials',
    message: `There are no AWS credentials${profile}: ${message}.`,
    hint: 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID (after `aws sso login`, AWS_PROFILE names its profile), or let the workflow use aws-actions/configure-aws-credentials with `id-token: write`.',
    cause,
  })
}

function clockProblem(cause: Error): ShopctlError {
  return refused({
    code: 'aws-clock',
    message: `The clock of this machine ${describeClock(cause)}. AWS says: ${sentence(cause)}.`,
    hint: 'Set the clock, for example with `timedatectl set-ntp true`. Then run the command again.',
    cause,
  })
}

/** AWS answers with its own time: `Signature expired: <ours> is now earlier than <limit> (<AWS's> - 15 min.)`. */
function describeClock({ message }: Error): string {
  const [ours, , theirs] = [...message.matchAll(/\d{8}T\d{6}Z/g)].map(([text]) => timeOf(text))
  if (ours === undefined || theirs === undefined) return 'differs too much from that of AWS'
  const minutes = Math.round((ours - theirs) / 60_000)
  return `is ${Math.abs(minutes)} minutes ${minutes < 0 ? 'behind' : 'ahead of'} that of AWS`
}

/** `20261126T121431Z` in milliseconds since 1970. */
function timeOf(text: string): number {
  const [, year, month, day, hour, minute, second] =
    /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(text) ?? []
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function connectionProblem(error: SdkError, { doing, region, limit, writes }: About): ShopctlError {
  const isLate = late.test(error.name)
  if (!error.code && !isLate) throw error
  return (writes ? failed : refused)({
    code: 'aws-unreachable',
    message: `Could not ${doing}: ${isLate ? noAnswer(limit) : sentence(error)}.`,
    hint: isLate
      ? 'Check the network and the proxy, then run the command again.'
      : `Check the network, the proxy and whether the region ${region} exists.`,
    cause: error,
  })
}

/** Without further lines: they may quote the request, and in it the session token. --verbose shows the stack. */
function shortened(error: SdkError): SdkError {
  const [first = ''] = said(error).trim().split('\n', 1)
  if (error.message) error.stack = error.stack?.split(error.message).join(first) ?? ''
  error.message = first
  return error
}

/** Without a full stop. */
function sentence(error: Error): string {
  return said(error).replace(/\.$/, '') || error.name
}
