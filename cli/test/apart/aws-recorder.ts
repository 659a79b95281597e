// Stands before a fake AWS and notes which right each call needs. Of the registry it checks them too, as the fake does not.
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Servers } from '../fakes/api-server.ts'
import type { AwsFake } from './aws-fakes.ts'
import { account, allows, type Call, type Policy, region } from './aws-rights.ts'

export interface Recorder {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Since it was last emptied. */
  calls: Call[]
  /** What the sender may do in the registry. */
  policy: Policy
  /** How many more parts of layers are answered with 500. */
  broken: number
}

/** `change` gets the answer to a DescribeCluster. */
export async function startRecorder(
  servers: Servers,
  fake: AwsFake,
  change: (description: { cluster: object }) => object,
): Promise<Recorder> {
  const { hostname, port } = new URL(fake.url)
  const policy: Policy = { Version: '', Statement: [] }
  const recorder: Recorder = { url: '', calls: [], policy, broken: 0 }
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const body = await buffer(request)
    const call = callOf(request, body)
    if (call) recorder.calls.push(call)
    if (url.startsWith('/v2/') && !isAdmitted(recorder, request, call, response)) return
    if (call?.action === 'ecr:UploadLayerPart' && recorder.broken > 0) {
      recorder.broken -= 1
      return void response.writeHead(500).end()
    }
    if (call?.action === scanning) return answerScan(recorder, call, response)
    const upstream = send({ hostname, port, method, path: url, headers }, async (answer) => {
      const { statusCode = 502, headers: found } = answer
      if (call?.action !== 'eks:DescribeCluster' || statusCode !== 200) {
        response.writeHead(statusCode, found)
        return void answer.pipe(response)
      }
      const description = JSON.parse((await buffer(answer)).toString())
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(change(description)))
    })
    upstream.on('error', () => response.destroy())
    upstream.end(body)
  })
  recorder.url = `http://127.0.0.1:${await servers.start(server)}`
  return recorder
}

const scanning = 'ecr:DescribeImageScanFindings'

/** The fake has no scans: here each is complete, and found nothing. */
function answerScan({ policy }: Recorder, call: Call, response: ServerResponse): void {
  const isAllowed = allows(policy, call)
  response.writeHead(isAllowed ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' })
  const found = { imageScanStatus: { status: 'COMPLETE' }, imageScanFindings: { findings: [] } }
  response.end(JSON.stringify(isAllowed ? found : { __type: 'AccessDeniedException' }))
}

/** As Amazon ECR does it: it asks for a login, and says which right is missing. */
function isAdmitted(
  { policy }: Recorder,
  { headers }: IncomingMessage,
  call: Call | null,
  response: ServerResponse,
): boolean {
  const refuse = (status: number, code: string, message: string): false => {
    const realm = `https://${account}.dkr.ecr.${region}.amazonaws.com/`
    response.setHeader('www-authenticate', `Basic realm="${realm}",service="ecr.amazonaws.com"`)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ code, message }] }))
    return false
  }
  if (!headers.authorization) return refuse(401, 'UNAUTHORIZED', 'Not Authorized')
  if (!call || allows(policy, call)) return true
  const { action, resource } = call
  const who = `arn:aws:sts::${account}:assumed-role/it`
  const message = `User: ${who} is not authorized to perform: ${action} on resource: ${resource}`
  return refuse(403, 'DENIED', message)
}

/** null: a request that asks for nothing. */
function callOf(
  { method = 'GET', url = '/', headers }: IncomingMessage,
  body: Buffer,
): Call | null {
  const { pathname, searchParams } = new URL(url, 'http://aws')
  if (pathname.startsWith('/v2/')) return registryCall(method, pathname)
  const target = /^AmazonEC2ContainerRegistry_V\d+\.(\w+)$/.exec(String(headers['x-amz-target']))
  if (target) {
    const { repositoryName, repositoryNames } = JSON.parse(body.toString() || '{}')
    const name = repositoryName ?? repositoryNames?.join()
    return { action: `ecr:${target[1]}`, resource: name ? repositoryArn(name) : '*' }
  }
  const described = /^\/clusters\/([^/]+)$/.exec(pathname)?.[1]
  if (described && method === 'GET')
    return { action: 'eks:DescribeCluster', resource: clusterArn(described) }
  const form = method === 'POST' ? new URLSearchParams(body.toString()) : searchParams
  const action = form.get('Action')
  if (action) return { action: `sts:${action}`, resource: form.get('RoleArn') ?? '*' }
  return { action: `unknown:${method} ${pathname}`, resource: '*' }
}

/** The right that Amazon ECR asks for at each request of docker. */
const registryRights: Record<string, string> = {
  'HEAD manifests': 'ecr:BatchGetImage',
  'GET manifests': 'ecr:BatchGetImage',
  'PUT manifests': 'ecr:PutImage',
  'HEAD blobs': 'ecr:BatchCheckLayerAvailability',
  'GET referrers': 'ecr:BatchGetImage',
  'GET blobs': 'ecr:GetDownloadUrlForLayer',
  'POST uploads': 'ecr:InitiateLayerUpload',
  'PATCH uploads': 'ecr:UploadLayerPart',
  'PUT uploads': 'ecr:CompleteLayerUpload',
}

function registryCall(method: string, pathname: string): Call | null {
  const [, name = '', what = ''] = /^\/v2\/(.+)\/(manifests|blobs|referrers)\//.exec(pathname) ?? []
  if (!name) return null
  const path = pathname.includes('/blobs/uploads/') ? 'uploads' : what
  const action = registryRights[`${method} ${path}`] ?? `unknown:${method} ${pathname}`
  return { action, resource: repositoryArn(name.replace(/\/blobs\/uploads.*/, '')) }
}

function repositoryArn(name: string): string {
  return `arn:aws:ecr:${region}:${account}:repository/${name}`
}

function clusterArn(name: string): string {
  return `arn:aws:eks:${region}:${account}:cluster/${name}`
}
