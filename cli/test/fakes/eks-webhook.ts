// Answers TokenReviews as EKS does: replays the token's request to STS, and looks up the caller's access entry.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface EksWebhook {
  url: string
  /** Groups by the ARN of a principal. */
  entries: Map<string, string[]>
  /** The tokens that were asked about, each once. */
  seen: Set<string>
  /** Milliseconds since 1970. */
  now: () => number
  close(): Promise<void>
}

interface User {
  username: string
  groups: string[]
}

const lifeMs = 15 * 60_000
const known =
  /^(Action|Version|X-Amz-(Algorithm|Credential|Date|Expires|Security-Token|Signature|SignedHeaders))$/

/** `sts` is the only STS that it asks. */
export async function startWebhook(cluster: string, sts: string): Promise<EksWebhook> {
  const server = createServer(async (request, response) => {
    const review = JSON.parse(await text(request)) as {
      apiVersion: string
      spec: { token: string }
    }
    webhook.seen.add(review.spec.token)
    const user = await identify(review.spec.token).catch(() => null)
    const { apiVersion } = review
    const status = user ? { authenticated: true, user } : { authenticated: false }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ apiVersion, kind: 'TokenReview', status }))
  })
  const identify = async (token: string): Promise<User | null> => {
    const url = urlOf(token, sts, webhook.now())
    if (!url) return null
    const answer = await fetch(url, { headers: { 'x-k8s-aws-id': cluster } })
    const arn = /<Arn>(.*?)<\/Arn>/.exec(await answer.text())?.[1]
    if (!answer.ok || !arn) return null
    const principal = principalOf(arn)
    const groups = webhook.entries.get(principal)
    return groups ? { username: arn, groups } : null
  }
  const webhook: EksWebhook = {
    url: '',
    entries: new Map(),
    seen: new Set(),
    now: Date.now,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  webhook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return webhook
}

/** What aws-iam-authenticator checks before it sends the request. null: it does not send it. */
function urlOf(token: string, sts: string, now: number): URL | null {
  if (!token.startsWith('k8s-aws-v1.') || token.length > 4096) return null
  const url = URL.parse(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString())
  if (!url || url.origin !== sts || url.pathname !== '/') return null
  const query = url.searchParams
  const names = [...query.keys()]
  if (new Set(names).size !== names.length || names.some((name) => !known.test(name))) return null
  if (query.get('Action') !== 'GetCallerIdentity') return null
  if (!query.get('X-Amz-SignedHeaders')?.split(';').includes('x-k8s-aws-id')) return null
  if (!(Number(query.get('X-Amz-Expires')) <= lifeMs / 1000)) return null
  const [, y, m, d, h, min, s] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '') ?? []
  const at = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`)
  return at + lifeMs > now ? url : null
}

function principalOf(arn: string): string {
  return arn.replace(/^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/.*$/, 'arn:$1:iam::$2:role/$3')
}
