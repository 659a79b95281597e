// Where the Services of a service lead, and which change of the shared part the pods that serve could not bear.
import { describe, expect, it } from 'vitest'
import { checkShared, findPorts } from '../../../src/release/deploy/shared.ts'
import type { AccessRule, PodTemplate } from '../../../src/release/ports/cluster.ts'
import type { Manifest } from '../../../src/release/ports/driver.ts'
import { isRefusal } from '../../../src/release/refusal.ts'
import { deployment, object, service } from '../../fakes/manifests.ts'

describe('the port that takes HTTP', () => {
  const ofPorts = (...ports: [string | null, number][]) => [
    object('ConfigMap', 'order-green'),
    deployment('green', {
      containers: [
        { name: 'proxy' },
        {
          name: 'order',
          ports: ports.map(([name, containerPort]) => ({ ...(name && { name }), containerPort })),
        },
      ],
    }),
  ]
  const find = (manifests: Manifest[], port: string | number | null = null) =>
    findPorts('order', 'green', manifests, port)

  it.each<[string, [string | null, number][], string | number | null, object]>([
    [
      'is the one named http',
      [
        ['metrics', 9090],
        ['http', 80],
      ],
      null,
      { stable: 'http', preview: 'http' },
    ],
    ['is the only one, by its name', [['web', 3000]], null, { stable: 'web', preview: 'web' }],
    ['is the only one, by its number', [[null, 3000]], null, { stable: 3000, preview: 3000 }],
    [
      'is the one that shopctl.yaml names',
      [
        ['http', 80],
        ['web', 3000],
      ],
      'web',
      { stable: 'web', preview: 'web' },
    ],
    [
      'is the one whose number it names',
      [
        [null, 80],
        [null, 3000],
      ],
      3000,
      { stable: 3000, preview: 3000 },
    ],
    [
      'has a name where it has one, also by number',
      [
        ['web', 3000],
        ['b', 1],
      ],
      3000,
      { stable: 'web', preview: 'web' },
    ],
    [
      'has the preview plane beside it',
      [
        ['http', 80],
        ['preview', 81],
      ],
      null,
      { stable: 'http', preview: 'preview' },
    ],
  ])('%s', (_, ports, port, expected) => {
    expect(find(ofPorts(...ports), port)).toEqual(expected)
  })

  it.each<[string, [string | null, number][], string | number | null, string]>([
    ['there is none', [], null, 'have the ports (none).'],
    [
      'none of two is named http',
      [
        ['web', 80],
        [null, 81],
      ],
      null,
      'have the ports web (80), 81.',
    ],
    [
      'the one that was named is not there',
      [['http', 80]],
      'web',
      'have the ports http (80), not web.',
    ],
    ['no port has that number', [['http', 80]], 8080, 'have the ports http (80), not 8080.'],
    ['a name is asked for by its number in quotes', [['http', 80]], '80', 'not 80.'],
  ])('is unknown where %s', (_, ports, port, message) => {
    const found = find(ofPorts(...ports), port)
    expect(found).toMatchObject({
      code: 'no-port',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('services.order.port'),
    })
    expect(isRefusal(found)).toBe(true)
  })

  it('is one of the slot, whatever other workloads the chart has', () => {
    const containers = [{ name: 'cache', ports: [{ name: 'http', containerPort: 6379 }] }]
    const other = deployment('green', { name: 'order-green-cache', containers })
    expect(find([other, ...ofPorts(['web', 3000])])).toEqual({ stable: 'web', preview: 'web' })
    expect(find([other])).toMatchObject({ code: 'no-slot' })
  })
})

describe('what the slots share', () => {
  const live: PodTemplate = {
    ports: [
      { name: 'http', number: 8080 },
      { name: null, number: 9090 },
    ],
    serviceAccount: 'order',
    labels: {},
  }
  const follow = { resources: ['services'], resourceNames: ['order'], verbs: ['get', 'watch'] }
  const withRole = (rules: AccessRule[], account = 'order'): Manifest[] => [
    object('ServiceAccount', account),
    { ...object('Role', 'order', { group: 'rbac.authorization.k8s.io' }), rules },
  ]
  const leading = (targetPort?: string | number): Manifest[] => [
    service('order', undefined, {
      spec: { ports: [{ port: 80, ...(targetPort !== undefined && { targetPort }) }] },
    }),
  ]

  it.each<[string, Manifest[], PodTemplate]>([
    ['leads to a port by name', leading('http'), live],
    ['leads to a port by number', leading(9090), live],
    ['leads to a named port by its number', leading(8080), live],
    ['leads to its own port', leading(), { ...live, ports: [{ name: null, number: 80 }] }],
    ['has no Service', [], live],
  ])('is written when it %s of the live pods', (_, manifests, template) => {
    expect(checkShared('order', manifests, template, [])).toBeNull()
  })

  it.each<[string, Manifest[]]>([
    ['a name', leading('web')],
    ['a number', leading(3000)],
    ['its own number', leading()],
  ])('is refused when the live pods lack the port that it leads to by %s', (_, manifests) => {
    expect(checkShared('order', manifests, live, [])).toMatchObject({
      code: 'live-lacks-port',
      message: expect.stringContaining('The Service order would route to the port'),
      hint: expect.stringContaining('shopctl release --service order'),
    })
  })

  it.each<[string, AccessRule[]]>([
    ['a verb', [{ ...follow, verbs: ['get'] }]],
    ['an object', [{ ...follow, resourceNames: ['payment'] }]],
    ['a resource', [{ ...follow, resources: ['secrets'] }]],
    ['everything', []],
  ])('is refused when it would take %s from the pods that serve', (_, rules) => {
    expect(checkShared('order', withRole(rules), live, [follow])).toMatchObject({
      code: 'live-lacks-right',
      message: expect.stringMatching(/lose the right to (get|watch) services order\./),
    })
  })

  it.each<[string, Manifest[], PodTemplate, AccessRule[]]>([
    ['keeps every right', withRole([follow]), live, [follow]],
    ['gives more', withRole([{ ...follow, verbs: ['get', 'list', 'watch'] }]), live, [follow]],
    [
      'says the same in two rules',
      withRole([
        { ...follow, verbs: ['watch'] },
        { ...follow, verbs: ['get'] },
      ]),
      live,
      [follow],
    ],
    [
      'takes nothing from an account that nobody runs as',
      withRole([]),
      { ...live, serviceAccount: 'own' },
      [follow],
    ],
    [
      'takes nothing from pods without an account',
      withRole([]),
      { ...live, serviceAccount: null },
      [follow],
    ],
    ['had given nothing', withRole([]), live, []],
  ])('is written when it %s', (_, manifests, template, rules) => {
    expect(checkShared('order', manifests, template, rules)).toBeNull()
  })
})
