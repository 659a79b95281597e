// Users who have nothing but a Role of charts/shop-roles, and which rights their requests need.
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import { type ApiProxy, startApiProxy } from './api-proxy.ts'
import { kubectlOk, namespace, platformEnv, root } from './shop.ts'

const shell = createShell()
/** Those of an environment that helm releases. */
export const roles = ['deployer', 'viewer'] as const
export type Role = (typeof roles)[number] | 'releaser'
const services = ['order', 'inventory', 'payment', 'notification']

const account = 'user'

/** A user of the role: a ServiceAccount of a namespace of its own, whose group the chart binds. */
function homeOf(role: Role): string {
  return `${namespace}-${role}s`
}

/** Installs the chart as an administrator, with other values too. Returns what it grants. */
export async function installRoles(
  wanted: readonly Role[] = roles,
  more: readonly string[] = [],
): Promise<Record<Role, string[]>> {
  const groups = wanted.map((role) => `groups.${role}=system:serviceaccounts:${homeOf(role)}`)
  const chart = join(root, 'charts/shop-roles')
  const args = ['shop-roles', chart, '--namespace', namespace]
  const values = ['--set', `services={${services.join()}}`, '--set', [...groups, ...more].join()]
  const helm = (verb: string[]): Promise<string> =>
    platformEnv().then((env) =>
      shell.check({
        program: 'sh',
        args: ['-c', 'exec helm "$@"', 'helm', ...verb, ...args, ...values],
        env,
      }),
    )
  await helm(['upgrade', '--install'])
  for (const role of wanted) {
    await kubectlOk('delete', 'namespace', homeOf(role), '--ignore-not-found')
    await kubectlOk('create', 'namespace', homeOf(role))
    await kubectlOk('create', 'serviceaccount', account, '--namespace', homeOf(role))
  }
  const objects = parseAllDocuments(await helm(['template'])).map((each) => each.toJS())
  const granted = (role: Role): string[] =>
    objects
      .filter(({ kind, metadata }) => kind === 'Role' && metadata.name.endsWith(`-${role}`))
      .flatMap(({ rules }) => rules.flatMap(rightsOf))
  return {
    ...{ deployer: granted('deployer'), viewer: granted('viewer') },
    releaser: granted('releaser'),
  }
}

export async function removeRoles(wanted: readonly Role[] = roles): Promise<void> {
  for (const role of wanted)
    await kubectlOk('delete', 'namespace', homeOf(role), '--ignore-not-found', '--wait=false')
  const env = await platformEnv()
  const args = ['-c', 'exec helm "$@"', 'helm', 'uninstall', 'shop-roles', '--namespace', namespace]
  await shell.run({ program: 'sh', args, env })
}

/** For kubectl: as this user. */
export function asUser(role: Role): string[] {
  return [
    `--as=system:serviceaccount:${homeOf(role)}:${account}`,
    '--as-group=system:authenticated',
    `--as-group=system:serviceaccounts:${homeOf(role)}`,
  ]
}

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

function rightsOf({ apiGroups, resources, verbs }: Rule): string[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.map((verb) => textOf(verb, resource, group))),
  )
}

/** `patch deployments.apps`, `create serviceaccounts/token` */
function textOf(verb: string, resource: string, group: string): string {
  const [kind, subresource] = resource.split('/')
  return `${verb} ${kind}${group ? `.${group}` : ''}${subresource ? `/${subresource}` : ''}`
}

export interface User extends ApiProxy {
  /** The rights that its requests needed. */
  used: Set<string>
}

/** `context` is the name in its kubeconfig. */
export async function logInAs(role: Role, context: string): Promise<User> {
  const token = await kubectlOk('create', 'token', account, '--namespace', homeOf(role))
  const used = new Set<string>()
  const proxy = await startApiProxy({
    context,
    token: token.trim(),
    each(request) {
      const right = rightOf(request)
      if (right) used.add(right)
      return false
    },
  })
  return { ...proxy, used }
}

const verbs: Record<string, string> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** As the API server reads a request. null: it is about no object. */
function rightOf({ method = 'GET', url = '' }: IncomingMessage): string | null {
  const { pathname, searchParams } = new URL(url, 'http://cluster')
  const [, group = '', rest = ''] = /^\/(?:api|apis\/([^/]+))\/v\d\w*\/(.+)$/.exec(pathname) ?? []
  const [, inside] = /^namespaces\/[^/]+\/(.+)$/.exec(rest) ?? []
  const [resource, name, subresource] = (inside ?? rest).split('/')
  if (!resource) return null
  const isWatch = ['1', 'true'].includes(searchParams.get('watch') ?? '')
  const reads = isWatch ? 'watch' : name ? 'get' : 'list'
  const verb = verbs[method] ?? reads
  return textOf(verb, subresource ? `${resource}/${subresource}` : resource, group)
}
