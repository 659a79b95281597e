// Checks the signatures of requests as AWS documents them (Signature Version 4), without the SDK that makes them.
import { createHash, createHmac } from 'node:crypto'

export interface SignedRequest {
  method: string
  url: URL
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
}

export interface Signature {
  accessKeyId: string
  region: string
  service: string
  /** `20261126T121431Z` */
  date: string
  signedHeaders: string[]
  signature: string
  sessionToken: string | null
}

/** From the query of a presigned request, or from its headers. null: it is not signed. */
export function readSignature({ url, headers }: SignedRequest): Signature | null {
  const query = url.searchParams
  const text = String(headers.authorization ?? '')
  const field = (name: string): string => new RegExp(`${name}=([^, ]+)`).exec(text)?.[1] ?? ''
  const isPresigned = query.has('X-Amz-Signature')
  if (!isPresigned && !text.startsWith('AWS4-HMAC-SHA256 ')) return null
  const credential = isPresigned ? query.get('X-Amz-Credential') : field('Credential')
  const [accessKeyId = '', , region = '', service = ''] = (credential ?? '').split('/')
  const token = isPresigned ? query.get('X-Amz-Security-Token') : headers['x-amz-security-token']
  return {
    accessKeyId,
    region,
    service,
    date: String(isPresigned ? query.get('X-Amz-Date') : headers['x-amz-date']),
    signedHeaders: (isPresigned
      ? (query.get('X-Amz-SignedHeaders') ?? '')
      : field('SignedHeaders')
    ).split(';'),
    signature: (isPresigned ? query.get('X-Amz-Signature') : field('Signature')) ?? '',
    sessionToken: token ? String(token) : null,
  }
}

export function isSignedBy(secret: string, request: SignedRequest, signature: Signature): boolean {
  const { date, region, service, signedHeaders } = signature
  const scope = [date.slice(0, 8), region, service, 'aws4_request']
  const canonical = [
    request.method,
    request.url.pathname || '/',
    queryOf(request.url),
    ...signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    signedHeaders.join(';'),
    hash(request.body),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash(canonical)].join('\n')
  const key = scope.reduce<Buffer>((made, part) => hmac(made, part), Buffer.from(`AWS4${secret}`))
  return hmac(key, text).toString('hex') === signature.signature
}

function queryOf(url: URL): string {
  return [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
