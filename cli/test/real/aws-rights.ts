// The policies of templates/aws in a fake AWS that checks them, behind a proxy that notes which rights each call needs.
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Hash } from '@smithy/hash-node'
import { SignatureV4 } from '@smithy/signature-v4'
import { createShell } from '../../src/adapters/shell.ts'
import type { Servers } from '../fakes/api-server.ts'
import type { AwsFake } from './aws-fakes.ts'
import { root } from './shop.ts'

const shell = createShell()
export const templates = join(root, 'templates/aws')
export const account = '000000000000'
export const region = 'eu-central-1'
export const cluster = 'shop-production'
export const roles = ['push', 'deploy', 'read'] as const
export type Role = (typeof roles)[number]
export const issuer = 'token.actions.githubusercontent.com'

type OneOrMore = string | string[]

interface Statement {
  Action: OneOrMore
  Resource?: OneOrMore
  Condition?: { StringEquals: Record<string, OneOrMore> }
}

export interface Policy {
  Version: string
  Statement: Statement[]
}

export function listOf(value: OneOrMore): string[] {
  return typeof value === 'string' ? [value] : value
}

export function actionsOf({ Statement }: Policy): string[] {
  return Statement.flatMap(({ Action }) => listOf(Action)).sort()
}

/** A file of templates/aws, filled in as its user does it. The account is the fake's. */
export async function policyOf(file: string, folder: string): Promise<Policy> {
  const values = await readFile(join(templates, 'values.sed'), 'utf8')
  const own = join(folder, 'values.sed')
  await writeFile(own, values.replace('s|<account>|111122223333|g', `s|<account>|${account}|g`))
  const args = ['-f', own, join(templates, `${file}.json`)]
  return JSON.parse(await shell.check({ program: 'sed', args })) as Policy
}

/** Whether the policy allows it, by the rules of AWS for `Allow` without conditions. */
export function allows({ Statement }: Policy, { action, resource }: Call): boolean {
  return Statement.some(
    ({ Action, Resource = [] }) =>
      listOf(Action).includes(action) && listOf(Resource).some((each) => matches(each, resource)),
  )
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(text)
}

/** A call of AWS, as a policy names it. */
export interface Call {
  action: string
  /** ARN, or `*`. */
  resource: string
}

export interface Recorder {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Since it was last emptied. */
  calls: Call[]
}

/** `change` gets the answer to a DescribeCluster. */
export async function startRecorder(
  servers: Servers,
  fake: AwsFake,
  change: (description: { cluster: object }) => object,
): Promise<Recorder> {
  const { hostname, port } = new URL(fake.url)
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const body = await buffer(request)
    const call = callOf(request, body)
    if (call) calls.push(call)
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
  return { url: `http://127.0.0.1:${await servers.start(server)}`, calls }
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
  'GET blobs': 'ecr:GetDownloadUrlForLayer',
  'POST uploads': 'ecr:InitiateLayerUpload',
  'PATCH uploads': 'ecr:UploadLayerPart',
  'PUT uploads': 'ecr:CompleteLayerUpload',
}

function registryCall(method: string, pathname: string): Call | null {
  const [, name = '', what = ''] = /^\/v2\/(.+)\/(manifests|blobs)\//.exec(pathname) ?? []
  if (!name) return null
  const path = pathname.includes('/blobs/uploads/') ? 'uploads' : what
  const action = registryRights[`${method} ${path}`] ?? `unknown:${method} ${pathname}`
  return { action, resource: repositoryArn(name.replace(/\/blobs\/uploads.*/, '')) }
}

export function repositoryArn(name: string): string {
  return `arn:aws:ecr:${region}:${account}:repository/${name}`
}

function clusterArn(name: string): string {
  return `arn:aws:eks:${region}:${account}:cluster/${name}`
}

export function roleArn(role: Role): string {
  return `arn:aws:iam::${account}:role/${role}`
}

/** A signed request of the account's root user. */
export async function asRoot(
  fake: AwsFake,
  service: 'iam' | 'eks',
  path: string,
  body: string,
): Promise<void> {
  const { hostname, port, host } = new URL(fake.url)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const sha256 = Hash.bind(null, 'sha256')
  const signer = new SignatureV4({ credentials, region, service, sha256 })
  const type = service === 'iam' ? 'application/x-www-form-urlencoded' : 'application/json'
  const { headers } = await signer.sign({
    ...{ method: 'POST', protocol: 'http:', hostname, port: Number(port), path, body },
    headers: { host, 'content-type': type },
  })
  const answer = await fetch(`${fake.url}${path}`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}

/** The claims that the fake knows of a token. AWS knows those of GitHub besides. */
export const knownClaims = ['aud', 'sub']

/** The roles of templates/aws, with the provider of GitHub's tokens. `read` trusts what `deploy` trusts. */
export async function createRoles(fake: AwsFake, folder: string): Promise<void> {
  const iam = (fields: Record<string, string>): Promise<void> =>
    asRoot(fake, 'iam', '/', new URLSearchParams({ Version: '2010-05-08', ...fields }).toString())
  await iam({
    Action: 'CreateOpenIDConnectProvider',
    Url: `https://${issuer}`,
    'ClientIDList.member.1': 'sts.amazonaws.com',
  })
  for (const RoleName of roles) {
    const trust = await policyOf(RoleName === 'push' ? 'trust-push' : 'trust-deploy', folder)
    for (const { Condition } of trust.Statement) {
      const equal = Condition?.StringEquals ?? {}
      for (const key of Object.keys(equal))
        if (!knownClaims.some((claim) => key === `${issuer}:${claim}`)) delete equal[key]
    }
    const policy = await policyOf(RoleName, folder)
    // The fake does not see the repository in this call: it asks for the right to all.
    if (actionsOf(policy).includes('ecr:DescribeRepositories'))
      policy.Statement.push({
        ...{ Effect: 'Allow' },
        Action: 'ecr:DescribeRepositories',
        Resource: '*',
      })
    const AssumeRolePolicyDocument = JSON.stringify(trust)
    await iam({ Action: 'CreateRole', RoleName, AssumeRolePolicyDocument })
    const PolicyDocument = JSON.stringify(policy)
    await iam({ Action: 'PutRolePolicy', RoleName, PolicyName: RoleName, PolicyDocument })
  }
}

/** An unsigned token of GitHub, which the fake accepts. */
export function tokenOf(claims: Record<string, unknown>): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

/** The claims of a job of octo-org/shop in this GitHub environment. */
export function claimsOf(environment: string): Record<string, string> {
  return {
    iss: `https://${issuer}`,
    aud: 'sts.amazonaws.com',
    sub: `repo:octo-org@123456/shop@456789:environment:${environment}`,
    environment,
    repository_id: '456789',
    job_workflow_ref: 'octo-org/shop/.github/workflows/shopctl.yml@refs/heads/main',
  }
}
