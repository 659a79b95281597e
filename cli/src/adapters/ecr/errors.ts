// Says what an error of AWS means, and what to do. Pure.
import { failed, refused, type ShopctlError, said } from '../../errors.ts'
import { type Limit, noAnswer } from '../shell.ts'

interface Where {
  account: string
  region: string
  role: string | null
  limit: Limit
}

const again = 'Then run the command again.'

const expiredNames = [
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'TokenRefreshRequired',
]
const wrongNames = [
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'AuthFailure',
]
const deniedNames = ['AccessDeniedException', 'AccessDenied', 'UnauthorizedException']
const throttledNames = [
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'RequestLimitExceeded',
]
const awayCodes = [
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNRESET',
]

export function explain(error: unknown, { account, region, role, limit }: Where): Error {
  const { name, status, code } = factsOf(error)
  const where = `Amazon ECR of account ${account} in ${region}`
  const detail = { cause: error }
  const words = said(error).slice(0, 500)
  if (/signature (expired|not yet current)|RequestTimeTooSkewed/i.test(`${name} ${words}`)) {
    return refused({
      code: 'aws-clock',
      message: `The clock of this machine differs from that of AWS: ${words}`,
      hint: `Set it (\`timedatectl set-ntp true\`). ${again}`,
      ...detail,
    })
  }
  if (expiredNames.includes(name) || /(token|session).*expired/i.test(words)) {
    return refused({
      code: 'aws-expired',
      message: `Your AWS credentials have expired: ${words}`,
      hint: `Log in again (\`aws sso login\`; in GitHub Actions, let \`aws-actions/configure-aws-credentials\` run in this job). ${again}`,
      ...detail,
    })
  }
  if (name === 'CredentialsProviderError' || /could not load credentials/i.test(words)) {
    return refused({
      code: 'no-aws-credentials',
      message: `There are no AWS credentials for ${where}: ${words}`,
      hint: `Run \`aws sso login\`, or set AWS_PROFILE; in GitHub Actions, use \`aws-actions/configure-aws-credentials\`. ${again}`,
      ...detail,
    })
  }
  if (wrongNames.includes(name)) {
    return refused({
      code: 'aws-credentials',
      message: `AWS does not accept your credentials for ${where}: ${words}`,
      hint: `Check AWS_PROFILE, AWS_ACCESS_KEY_ID and that the account uses ${region}. ${again}`,
      ...detail,
    })
  }
  if (deniedNames.includes(name) || status === 403) {
    return refused({
      code: 'aws-denied',
      message: `AWS does not let you do this in ${where}${role ? `, in the role ${role}` : ''}: ${words}`,
      hint: `Ask for the right${role ? '' : ', or name a role of that account with `registryRole` in shopctl.yaml'}. ${again}`,
      ...detail,
    })
  }
  return passing({ name, status, code, words, where, region, limit, cause: error })
}

interface Facts {
  name: string
  status: number
  code: string
}

function factsOf(error: unknown): Facts {
  const {
    name = '',
    code = '',
    $metadata,
  } = (error ?? {}) as {
    name?: string
    code?: string
    $metadata?: { httpStatusCode?: number }
  }
  return { name, code, status: $metadata?.httpStatusCode ?? 0 }
}

/** What may be right a moment later, and what is AWS's own problem. */
function passing(
  facts: Facts & { words: string; where: string; region: string; limit: Limit; cause: unknown },
): ShopctlError {
  const { name, status, code, words, where, region, limit, cause } = facts
  if (throttledNames.includes(name) || status === 429) {
    return failed({
      code: 'aws-throttled',
      message: `${where} takes no more requests for now: ${words}`,
      hint: 'Run the command again later.',
      cause,
    })
  }
  if (awayCodes.includes(code)) {
    return refused({
      code: 'aws-unreachable',
      message: `${where} cannot be reached: ${words}.`,
      hint: `Check the network, and that AWS has a region ${region}: it is part of \`registry\` in shopctl.yaml.`,
      cause,
    })
  }
  if (name === 'TimeoutError') {
    return refused({
      code: 'aws-unreachable',
      message: `${where} cannot be reached: ${noAnswer(limit)}.`,
      hint: 'Check the network, or set a higher limit. Then run the command again.',
      cause,
    })
  }
  return failed({
    code: 'aws-error',
    message: `${where} answered ${status || 'with an error'}: ${name} ${words}`,
    hint:
      status >= 500
        ? 'This is a problem of AWS. Run the command again later.'
        : `See what it says. ${again}`,
    cause,
  })
}
