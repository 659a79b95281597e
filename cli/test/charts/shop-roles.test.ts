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

const argocd = { system: 'shop', environment: 'production' }
const gitops = { driver: 'gitops', argocd }

async function rulesOf(role: string, values: object = gitops): Promise<Rule[]> {
  return pick(await roles(values), 'Role', `shopctl-${role}`).rules as Rule[]
}

/** Those that can change something. */
function writes(rules: readonly Rule[]): Record<string, unknown> {
  const found = rules.flatMap(({ resources, resourceNames, verbs }) =>
    resources.flatMap((resource) =>
      verbs
        .filter((verb) => !['get', 'list', 'watch'].includes(verb))
        .map((verb) => [`${verb} ${resource}`, resourceNames ?? 'all'] as const),
    ),
  )
  return Object.fromEntries(found)
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
  ['releaser', 'shopctl-releasers'],
  ['viewer', 'shopctl-viewers'],
  ['shop.production.deployer', 'shopctl-deployers'],
  ['shop.production.releaser', 'shopctl-releasers'],
  ['shop.production.viewer', 'shopctl-viewers'],
])('binds the %s to the group %s', async (role, group) => {
  const binding = pick(await roles(gitops), 'RoleBinding', `shopctl-${role}`)
  expect(binding.roleRef).toMatchObject({ kind: 'Role', name: `shopctl-${role}` })
  expect(binding.subjects).toEqual([
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group },
  ])
})

it('binds other groups', async () => {
  const groups = { deployer: 'release', releaser: 'ci', viewer: 'on-call' }
  const { subjects } = pick(await roles({ groups }), 'RoleBinding', 'shopctl-viewer')
  expect(subjects).toMatchObject([{ name: 'on-call' }])
})

it.each(['deployer', 'releaser', 'viewer'])('names each right of the %s', async (role) => {
  expect(JSON.stringify(await rulesOf(role))).not.toContain('*')
})

it('lets a viewer read, and no Secret', async () => {
  const rules = await rulesOf('viewer')
  expect(new Set(rules.flatMap(({ verbs }) => verbs))).toEqual(new Set(['get', 'list']))
  expect(rules.flatMap(({ resources }) => resources)).not.toContain('secrets')
})

it.each(['deployer', 'releaser', 'viewer'])('lets a %s read the logs of pods', async (role) => {
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

describe('with Argo CD', () => {
  const slots = ['order-blue', 'order-green', 'payment-blue', 'payment-green']

  it('has no other rights outside of its namespace than to the Applications', async () => {
    const outside = (await roles(gitops)).filter(({ metadata }) => metadata.namespace === 'argocd')
    expect(names(outside)).toEqual([
      ...['Role/shopctl-shop.production.deployer', 'Role/shopctl-shop.production.releaser'],
      ...['Role/shopctl-shop.production.viewer', 'RoleBinding/shopctl-shop.production.deployer'],
      ...[
        'RoleBinding/shopctl-shop.production.releaser',
        'RoleBinding/shopctl-shop.production.viewer',
      ],
    ])
    const of = { apiGroups: ['argoproj.io'], resources: ['applications'] }
    const resourceNames = ['services', ...slots].map((name) => `shop.production.${name}`)
    for (const role of ['deployer', 'releaser'])
      expect(await rulesOf(`shop.production.${role}`)).toEqual([
        { ...of, verbs: ['list', 'watch'] },
        { ...of, resourceNames, verbs: ['get', 'patch'] },
      ])
    expect(await rulesOf('shop.production.viewer')).toEqual([{ ...of, verbs: ['list'] }])
  })

  const least = {
    'create pods/portforward': 'all',
    ...Object.fromEntries(
      ['create', 'update', 'patch', 'delete'].flatMap((verb) => [
        [`${verb} services/proxy`, ['order-preview:http', 'payment-preview:http']],
        [`${verb} configmaps`, 'all'],
      ]),
    ),
    ...{ 'create secrets': 'all', 'delete secrets': 'all' },
    'delete jobs': slots.map((slot) => `${slot}-migrate`),
    ...{ 'create leases': 'all', 'update leases': ['shopctl'], 'delete leases': ['shopctl'] },
  }

  it('a releaser writes the lock, the journal and the copies, and neither slots nor Services', async () => {
    expect(writes(await rulesOf('releaser'))).toEqual(least)
  })

  it('a releaser may also move the Services and scale the slots, by their names', async () => {
    const rules = await rulesOf('releaser', {
      ...gitops,
      releaser: { services: true, scale: true },
    })
    expect(writes(rules)).toEqual({
      ...least,
      'patch services': ['order', 'order-preview', 'payment', 'payment-preview'],
      ...{ 'patch deployments': slots, 'patch horizontalpodautoscalers': slots },
    })
  })

  it('may be in another namespace', async () => {
    const elsewhere = { ...argocd, namespace: 'cd' }
    const outside = (await roles({ ...gitops, argocd: elsewhere })).map(
      ({ metadata }) => metadata.namespace,
    )
    expect(new Set(outside)).toEqual(new Set([undefined, 'cd']))
  })
})

it.each([
  ['Argo CD without an environment', { driver: 'gitops' }, "at '/argocd/environment'"],
  ['another driver', { driver: 'flux' }, "at '/driver'"],
  ['no services', { services: [] }, "at '/services': minItems: got 0, want 1"],
  ['a service that is no name', { services: ['Order'] }, "at '/services/0'"],
  ['an unknown role', { groups: { admin: 'a' } }, "additional properties 'admin' not allowed"],
])('refuses %s', async (_, values, message) => {
  await expect(roles(values)).rejects.toThrow(message)
})
