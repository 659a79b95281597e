// Releases with the Roles of charts/shop-roles and no other right, on the real cluster.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finished } from '../../src/adapters/shell.ts'
import { reachThrough } from './api-proxy.ts'
import { asUser, installRoles, logInAs, type Role, removeRoles, roles, type User } from './roles.ts'
import {
  copyTree,
  ensureLive,
  kubectl,
  namespace,
  platformEnv,
  shopctl,
  shopctlOk,
  status,
  type Tree,
} from './shop.ts'

let tree: Tree
let granted: Record<Role, string[]>
const users = {} as Record<Role, User>

beforeAll(async () => {
  await ensureLive()
  granted = await installRoles()
  for (const role of roles) users[role] = await logInAs(role, 'limited')
  tree = await copyTree()
  await reachThrough(tree, 'limited')
}, 300_000)

afterAll(async () => {
  for (const role of roles) await users[role]?.close()
  await tree?.remove()
  await removeRoles()
})

async function runAs(role: Role, ...args: string[]): Promise<Finished> {
  const env = { ...(await platformEnv()), KUBECONFIG: users[role].kubeconfig }
  return shopctl(args, { cwd: tree.dir, env })
}

async function okAs(role: Role, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runAs(role, ...args)
  if (exitCode === 0) return stdout
  throw new Error(`${role}: shopctl ${args.join(' ')} → ${exitCode}\n${stdout}\n${stderr}`)
}

function rights(verbs: string, ...kinds: string[]): string[] {
  return kinds.flatMap((kind) => verbs.split(' ').map((verb) => `${verb} ${kind}`))
}

const rbac = 'rbac.authorization.k8s.io'

/** The rights of a deployer that the release here does not need, by what needs them. */
const otherUses = {
  'the first deploy of a service': rights(
    'get create patch delete',
    ...[`roles.${rbac}`, `rolebindings.${rbac}`, 'serviceaccounts'],
  ),
  'why a slot is broken': ['get pods/log'],
  'messages replay': ['create pods/proxy'],
  'a smoke test that sends other requests': rights('update patch delete', 'services/proxy'),
  'a slot with an autoscaler': rights(
    'get create patch delete',
    'horizontalpodautoscalers.autoscaling',
  ),
  'a broker of three nodes': rights('list watch', 'poddisruptionbudgets.policy'),
  'Kubernetes from 1.35 on': ['create pods/portforward'],
}

describe('a deployer', () => {
  const payment = ['--service', 'payment']

  it('releases, goes back and cleans up', async () => {
    const before = (await status()).services.payment?.active
    await tree.append('services/payment/main.ts', `\n// ${Date.now()}\n`)
    // The broker is upgraded too.
    await tree.edit('charts/rabbitmq/values.yaml', 'memory: 768Mi', 'memory: 800Mi')
    for (const args of [
      ['build', ...payment],
      ['push', ...payment],
      ['plan', ...payment],
      ['deploy', ...payment],
      ['smoke'],
      ['switch', ...payment],
      ['rollback'],
      ['messages', 'list'],
      ['audit', '--wait', '60'],
      ['cleanup', ...payment],
    ])
      await okAs('deployer', ...args)
    expect((await status()).services.payment).toMatchObject({ active: before })
    // The broker as the other tests expect it.
    await shopctlOk(['deploy', ...payment])
  }, 300_000)

  it('has no right that shopctl does not use', () => {
    const { used } = users.deployer
    const isUsed = (right: string): boolean => {
      const [verb, what] = right.split(' ')
      // Helm's `patch` creates what is missing, and it deletes what a chart does not have any more.
      if (verb === 'create' || verb === 'delete')
        return used.has(right) || used.has(`patch ${what}`)
      // A list that shows nothing yet is followed by a watch.
      return used.has(right) || (verb === 'watch' && used.has(`list ${what}`))
    }
    const unused = granted.deployer.filter((right) => !isUsed(right))
    expect(unused.sort()).toEqual(Object.values(otherUses).flat().sort())
  })

  it.each([
    ['a pod', ['create', 'pods']],
    ['a command in a pod', ['create', 'pods', '--subresource=exec']],
    ['the end of a pod', ['delete', 'pods']],
    ['the namespace', ['delete', `namespaces/${namespace}`]],
    ['its labels', ['patch', `namespaces/${namespace}`]],
    ['a Role', ['create', 'roles.rbac.authorization.k8s.io']],
    ['its own Role', ['patch', 'roles.rbac.authorization.k8s.io/shopctl-deployer']],
    ['its own RoleBinding', ['patch', 'rolebindings.rbac.authorization.k8s.io/shopctl-deployer']],
    ['a ClusterRole', ['create', 'clusterroles.rbac.authorization.k8s.io']],
    ['the nodes', ['list', 'nodes']],
    ['the guard', ['patch', 'validatingadmissionpolicies.admissionregistration.k8s.io']],
    ['a quota', ['create', 'resourcequotas']],
    ['a NetworkPolicy', ['delete', 'networkpolicies.networking.k8s.io']],
    ['the token of a pod', ['create', 'serviceaccounts/payment', '--subresource=token']],
    ['another lock', ['update', 'leases.coordination.k8s.io/other']],
    ['the live plane', ['create', 'services/payment:http', '--subresource=proxy']],
    ['Secrets of others', ['list', 'secrets', '--namespace=kube-system']],
    ['Deployments of others', ['create', 'deployments.apps', '--namespace=default']],
    ['namespaces', ['list', 'namespaces']],
  ])('has no right to %s', async (_, right) => {
    expect(await answerTo('deployer', right)).toBe('no')
  })

  it('cannot grant what it does not have', async () => {
    const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] }]
    const patch = ['patch', 'role/payment', '--type=merge', '-p', JSON.stringify({ rules })]
    const { stderr } = await kubectl(...patch, '--dry-run=server', ...asUser('deployer'))
    expect(stderr).toContain('is attempting to grant RBAC permissions not currently held')
  })
})

describe('a viewer', () => {
  it('sees status, diagnosis, history and logs', async () => {
    const { services } = JSON.parse(await okAs('viewer', 'status', '--json'))
    expect(services.payment).toMatchObject({
      active: expect.stringMatching(/blue|green/),
      epoch: expect.any(Number),
    })
    const { unread } = JSON.parse(await okAs('viewer', 'diagnose', 'payment', '--json'))
    expect(unread).toEqual([
      expect.stringMatching(/^the broker: The cluster does not let you/),
      expect.stringMatching(/^the topology of the broker: The cluster does not let you/),
    ])
    expect(await okAs('viewer', 'history')).toMatch(/payment/)
    const logs = JSON.parse(await okAs('viewer', 'logs', 'payment', '--since', '1d', '--json'))
    expect(logs.lines.length).toBeGreaterThan(0)
  })

  it('has no right that shopctl does not use', () => {
    expect(granted.viewer.filter((right) => !users.viewer.used.has(right))).toEqual([])
  })

  it.each([
    ['deploy', /cannot get resource "namespaces"/, `get namespaces/${namespace}`],
    ['switch', /cannot create resource "leases"/, 'create leases.coordination.k8s.io'],
    ['rollback', /cannot create resource "leases"/, 'create leases.coordination.k8s.io'],
    ['cleanup', /cannot create resource "leases"/, 'create leases.coordination.k8s.io'],
    ['smoke', /cannot create resource "leases"/, 'create leases.coordination.k8s.io'],
    [
      'audit',
      /cannot create resource "serviceaccounts\/token"/,
      'create serviceaccounts/order-operator --subresource=token',
    ],
  ])('cannot %s, and the message names the right', async (verb, message, right) => {
    const { exitCode, stderr } = await runAs('viewer', verb)
    expect(stderr).toMatch(message)
    expect(stderr).toContain(`kubectl auth can-i ${right} --namespace ${namespace}`)
    expect(exitCode).toBe(2)
  })

  it.each([
    ['Secrets', ['get', 'secrets']],
    ['a list of Secrets', ['list', 'secrets']],
    ['another selector', ['patch', 'services/payment']],
    ['a Deployment', ['patch', 'deployments.apps']],
    ['a record of the journal', ['delete', 'configmaps']],
    ['a command in a pod', ['create', 'pods', '--subresource=exec']],
    ['a request to a pod', ['create', 'pods', '--subresource=proxy']],
    ['a port of a pod', ['create', 'pods', '--subresource=portforward']],
    ['pods of others', ['list', 'pods', '--namespace=kube-system']],
  ])('has no right to %s', async (_, right) => {
    expect(await answerTo('viewer', right)).toBe('no')
  })
})

/** `yes` or `no`. */
async function answerTo(role: Role, right: string[]): Promise<string> {
  const { stdout } = await kubectl('auth', 'can-i', ...right, ...asUser(role))
  return stdout.trim()
}
