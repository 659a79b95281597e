// STS and EKS over HTTP, as far as shopctl uses them, with the answers that AWS documents.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { isSignedBy, readSignature, type Signature, type SignedRequest } from './sigv4.ts'

export interface Caller {
  secret: string
  arn: string
  sessionToken?: string
  /** Milliseconds since 1970. */
  endsAt?: number
}

export interface FakeCluster {
  status: string
  endpoint?: string
  /** PEM in base64. */
  ca?: string
  isPublic?: boolean
}

/** An error of AWS, or no answer. */
export type Trouble = { status: number; code: string; message: string } | 'hang' | 'reset'

export interface FakeAws {
  url: string
  /** By access key. */
  callers: Map<string, Caller>
  /** Roles that all callers may assume. */
  roles: Set<string>
  /** By `region/name`. */
  clusters: Map<string, FakeCluster>
  /** The next requests of this action end so. */
  troubles: { action: string; trouble: Trouble }[]
  /** Actions in their order. */
  asked: string[]
  /** The clock of AWS, in milliseconds since 1970. */
  now: () => number
  /** Whether an action is allowed. */
  allows: (arn: string, action: string) => boolean
  close(): Promise<void>
}

const windowMs = 15 * 60_000

class AwsError extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export async function startAws(): Promise<FakeAws> {
  const server = createServer((request, response) => {
    answer(fake, request, response).catch((error) => response.destroy(error))
  })
  const fake: FakeAws = {
    url: '',
    callers: new Map(),
    roles: new Set(),
    clusters: new Map(),
    troubles: [],
    asked: [],
    now: Date.now,
    allows: () => true,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return fake
}

async function answer(fake: FakeAws, incoming: IncomingMessage, response: ServerResponse) {
  const { method = 'GET', headers, url = '/' } = incoming
  const request: SignedRequest = {
    method,
    headers,
    url: new URL(url, fake.url),
    body: await text(incoming),
  }
  const fields = new URLSearchParams(method === 'POST' ? request.body : request.url.search)
  const cluster = /^\/clusters\/([^/]+)$/.exec(request.url.pathname)?.[1]
  const action = cluster ? 'DescribeCluster' : (fields.get('Action') ?? 'unknown')
  fake.asked.push(action)
  response.setHeader('date', new Date(fake.now()).toUTCString())
  try {
    const at = fake.troubles.findIndex((each) => each.action === action)
    const trouble = at < 0 ? null : fake.troubles.splice(at, 1)[0]?.trouble
    if (trouble === 'hang') return
    if (trouble === 'reset') return void incoming.socket.destroy()
    if (trouble) throw new AwsError(trouble.status, trouble.code, trouble.message)
    const [caller, signature] = authenticate(fake, request, cluster ? 'eks' : 'sts')
    if (cluster) return send(response, 200, describe(fake, signature.region, cluster, caller))
    if (action === 'GetCallerIdentity') return sendXml(response, action, identityOf(caller))
    if (action === 'AssumeRole') return sendXml(response, action, assume(fake, fields, caller))
    throw new AwsError(400, 'InvalidAction', `Could not find operation ${action}`)
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    const { status, code, message } = error
    if (cluster) return send(response, status, { message }, { 'x-amzn-errortype': code })
    response
      .writeHead(status, { 'content-type': 'text/xml' })
      .end(
        `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
      )
  }
}

/** As AWS does it, in this order: the date, the key, the session, the signature. */
function authenticate(fake: FakeAws, request: SignedRequest, service: string): [Caller, Signature] {
  const signature = readSignature(request)
  if (!signature)
    throw new AwsError(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token')
  const mismatch = service === 'eks' ? 'InvalidSignatureException' : 'SignatureDoesNotMatch'
  checkDate(signature.date, fake.now(), mismatch)
  const caller = fake.callers.get(signature.accessKeyId)
  if (!caller || (caller.sessionToken ?? null) !== signature.sessionToken) {
    throw service === 'eks'
      ? new AwsError(
          403,
          'UnrecognizedClientException',
          'The security token included in the request is invalid.',
        )
      : new AwsError(
          403,
          'InvalidClientTokenId',
          'The security token included in the request is invalid.',
        )
  }
  if (caller.endsAt !== undefined && caller.endsAt <= fake.now()) {
    throw service === 'eks'
      ? new AwsError(
          403,
          'ExpiredTokenException',
          'The security token included in the request is expired',
        )
      : new AwsError(403, 'ExpiredToken', 'The security token included in the request is expired')
  }
  if (signature.service !== service || !isSignedBy(caller.secret, request, signature)) {
    throw new AwsError(
      403,
      mismatch,
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  }
  return [caller, signature]
}

function checkDate(date: string, now: number, code: string): void {
  const [, y, m, d, h, min, s] = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(date) ?? []
  const at = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`)
  const stamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
  if (at < now - windowMs) {
    throw new AwsError(
      403,
      code,
      `Signature expired: ${date} is now earlier than ${stamp(now - windowMs)} (${stamp(now)} - 15 min.)`,
    )
  }
  if (at > now + windowMs / 3) {
    throw new AwsError(
      403,
      code,
      `Signature not yet current: ${date} is still later than ${stamp(now + windowMs / 3)} (${stamp(now)} + 5 min.)`,
    )
  }
}

function describe(fake: FakeAws, region: string, name: string, { arn }: Caller): object {
  const account = arn.split(':')[4]
  if (!fake.allows(arn, 'eks:DescribeCluster')) {
    throw new AwsError(
      403,
      'AccessDeniedException',
      `User: ${arn} is not authorized to perform: eks:DescribeCluster on resource: arn:aws:eks:${region}:${account}:cluster/${name}`,
    )
  }
  const cluster = fake.clusters.get(`${region}/${name}`)
  if (!cluster) {
    throw new AwsError(404, 'ResourceNotFoundException', `No cluster found for name: ${name}.`)
  }
  const { status, endpoint, ca, isPublic = true } = cluster
  return {
    cluster: {
      name,
      arn: `arn:aws:eks:${region}:${account}:cluster/${name}`,
      status,
      ...(endpoint && { endpoint }),
      ...(ca && { certificateAuthority: { data: ca } }),
      resourcesVpcConfig: { endpointPublicAccess: isPublic },
    },
  }
}

function identityOf({ arn }: Caller): string {
  return `<Arn>${arn}</Arn><UserId>AIDA</UserId><Account>${arn.split(':')[4]}</Account>`
}

function assume(fake: FakeAws, fields: URLSearchParams, { arn }: Caller): string {
  const role = fields.get('RoleArn') ?? ''
  if (!fake.roles.has(role)) {
    throw new AwsError(
      403,
      'AccessDenied',
      `User: ${arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`,
    )
  }
  const [, partition, , , account] = role.split(':')
  const name = role.split('/').at(-1)
  const key = `ASIA${String(fake.callers.size).padStart(16, '0')}`
  const endsAt = fake.now() + 3_600_000
  const session = `arn:${partition}:sts::${account}:assumed-role/${name}/${fields.get('RoleSessionName')}`
  fake.callers.set(key, { secret: `s-${key}`, arn: session, sessionToken: `t/${key}+=`, endsAt })
  return `<Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>s-${key}</SecretAccessKey><SessionToken>t/${key}+=</SessionToken><Expiration>${new Date(endsAt).toISOString()}</Expiration></Credentials><AssumedRoleUser><Arn>${session}</Arn><AssumedRoleId>AROA:shopctl</AssumedRoleId></AssumedRoleUser>`
}

function send(response: ServerResponse, status: number, body: object, headers = {}): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify(body))
}

function sendXml(response: ServerResponse, action: string, result: string): void {
  response
    .writeHead(200, { 'content-type': 'text/xml' })
    .end(
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`,
    )
}

function escaped(message: string): string {
  return message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
