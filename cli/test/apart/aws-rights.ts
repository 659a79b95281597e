// The policies of templates/aws, and a fake AWS that checks them.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Hash } from '@smithy/hash-node'
import { SignatureV4 } from '@smithy/signature-v4'
import { createShell } from '../../src/adapters/shell.ts'
import { root } from '../real/shop.ts'
import type { AwsFake } from './aws-fakes.ts'

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
  Effect: 'Allow'
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

type Iam = (fields: Record<string, string>) => Promise<void>

function iamOf(fake: AwsFake): Iam {
  return (fields) =>
    asRoot(fake, 'iam', '/', new URLSearchParams({ Version: '2010-05-08', ...fields }).toString())
}

/** A role with these policies and no others. */
export async function createRole(
  fake: AwsFake,
  RoleName: string,
  { trust, policies }: { trust: object; policies: Policy[] },
): Promise<void> {
  const iam = iamOf(fake)
  await iam({ Action: 'CreateRole', RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) })
  for (const [at, policy] of policies.entries()) {
    const Statement = [...policy.Statement]
    // The fake does not see the repository in this call: it asks for the right to all.
    if (actionsOf(policy).includes('ecr:DescribeRepositories'))
      Statement.push({ Effect: 'Allow', Action: 'ecr:DescribeRepositories', Resource: '*' })
    const PolicyDocument = JSON.stringify({ ...policy, Statement })
    await iam({
      Action: 'PutRolePolicy',
      RoleName,
      PolicyName: `${RoleName}-${at}`,
      PolicyDocument,
    })
  }
}

/** The roles of templates/aws, with the provider of GitHub's tokens. `read` trusts what `deploy` trusts. */
export async function createRoles(fake: AwsFake, folder: string): Promise<void> {
  await iamOf(fake)({
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
    await createRole(fake, RoleName, { trust, policies: [await policyOf(RoleName, folder)] })
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
