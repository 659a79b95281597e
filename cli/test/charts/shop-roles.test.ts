import { describe, expect, it } from 'vitest'
import { type KubernetesObject, names, pick, render } from './helm.ts'

interface Rule {
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
  verbs: string[]
}

function roles(values: object = {}): Promise<KubernetesObject[]> {
  const all = { services: ['order', 'payment'], ...values }
  return render({ chart: 'shop-roles', release: 'shop-roles', values: all })
}

async function rulesOf(role: string): Promise<Rule[]> {
  return pick(await roles(), 'Role', `shopctl-${role}`).rules as Rule[]
}

it('has rights in its namespace alone', async () => {
  expect(names(await roles())).toEqual([
    'Role/shopctl-deployer',
    'Role/shopctl-viewer',
    'RoleBinding/shopctl-deployer',
    'RoleBinding/shopctl-viewer',
  ])
})

it.each([
  ['deployer', 'shopctl-deployers'],
  ['viewer', 'shopctl-viewers'],
])('binds the %s to the group %s', async (role, group) => {
  const binding = pick(await roles(), 'RoleBinding', `shopctl-${role}`)
  expect(binding.roleRef).toMatchObject({ kind: 'Role', name: `shopctl-${role}` })
  expect(binding.subjects).toEqual([
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group },
  ])
})

it('binds other groups', async () => {
  const groups = { deployer: 'release', viewer: 'on-call' }
  const { subjects } = pick(await roles({ groups }), 'RoleBinding', 'shopctl-viewer')
  expect(subjects).toMatchObject([{ name: 'on-call' }])
})

it.each(['deployer', 'viewer'])('names each right of the %s', async (role) => {
  expect(JSON.stringify(await rulesOf(role))).not.toContain('*')
})

it('lets a viewer read, and no Secret', async () => {
  const rules = await rulesOf('viewer')
  expect(new Set(rules.flatMap(({ verbs }) => verbs))).toEqual(new Set(['get', 'list']))
  expect(rules.flatMap(({ resources }) => resources)).not.toContain('secrets')
})

it('lets a viewer see the Applications where Argo CD is', async () => {
  const all = await roles({ argocd: { namespace: 'argo' } })
  const [role, binding] = ['Role', 'RoleBinding'].map((kind) =>
    pick(all, kind, 'shop-shopctl-viewer'),
  )
  expect([role?.metadata.namespace, binding?.metadata.namespace]).toEqual(['argo', 'argo'])
  expect(role?.rules).toEqual([
    { apiGroups: ['argoproj.io'], resources: ['applications'], verbs: ['get', 'list'] },
  ])
  expect(binding?.roleRef).toMatchObject({ kind: 'Role', name: 'shop-shopctl-viewer' })
  expect(binding?.subjects).toMatchObject([{ kind: 'Group', name: 'shopctl-viewers' }])
})

it.each(['deployer', 'viewer'])('lets a %s read the logs of pods', async (role) => {
  const rules = await rulesOf(role)
  const found = rules.filter(({ resources }) => resources.includes('pods/log'))
  expect(found).toEqual([{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }])
})

describe('a deployer', () => {
  it.each([
    [
      ['roles', 'rolebindings'],
      ['order', 'payment'],
    ],
    [['serviceaccounts'], ['order', 'payment', 'order-operator', 'payment-operator']],
    [['serviceaccounts/token'], ['order-operator', 'payment-operator']],
    [['services/proxy'], ['order-preview:http', 'payment-preview:http']],
  ])('has rights to %j of the services only', async (resources, names) => {
    const found = (await rulesOf('deployer')).filter((rule) =>
      rule.resources.some((each) => resources.includes(each)),
    )
    expect(found.map(({ resourceNames }) => resourceNames)).toEqual([names])
  })
})

it.each([
  ['no services', { services: [] }, "at '/services': minItems: got 0, want 1"],
  ['a service that is no name', { services: ['Order'] }, "at '/services/0'"],
  ['an unknown role', { groups: { admin: 'a' } }, "additional properties 'admin' not allowed"],
])('refuses %s', async (_, values, message) => {
  await expect(roles(values)).rejects.toThrow(message)
})
