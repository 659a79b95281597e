import { describe, expect, it } from 'vitest'
import { render, renderService, renderSlot, serviceValues, slotValues } from './helm.ts'

const edges: [string, object, string][] = [
  [
    'half an edge',
    { edge: { nodePort: 30080 } },
    "at '/edge': properties 'previewNodePort' required, if 'nodePort' exists",
  ],
  [
    'an edge port out of range',
    { edge: { nodePort: 80, previewNodePort: 30081 } },
    "at '/edge/nodePort': minimum: got 80",
  ],
  ['an unknown edge', { edge: { port: 80 } }, "at '/edge': additional properties 'port'"],
  ['nothing where a map belongs', { edge: null }, "missing property 'edge'"],
]

describe('charts/shop-slot refuses, and says where,', () => {
  const given = (more: object) => slotValues('order', 'green', more)
  it.each([
    ['an unknown key', { replcas: 3 }, "additional properties 'replcas' not allowed"],
    ['no replicas', { replicas: 0 }, "at '/replicas': minimum: got 0, want 1"],
    ['a wrong type', { replicas: 'two' }, "at '/replicas': got string, want integer"],
    [
      'a color',
      given({ color: 'red' }),
      "at '/shopctl/color': value must be one of 'blue', 'green'",
    ],
    [
      'a tag',
      given({ image: 'shop/order:latest' }),
      "at '/shopctl/image': 'shop/order:latest' does not match",
    ],
    [
      'a number as setting',
      { config: { RETRIES: 3 } },
      "at '/config/RETRIES': got number, want string",
    ],
    [
      'a lower-case setting',
      { config: { retries: '3' } },
      "at '/config': additional properties 'retries' not allowed",
    ],
    [
      'a setting of the chart',
      { config: { PORT: '1' } },
      'config.PORT: the chart sets this variable itself',
    ],
    [
      'a setting of the preview plane',
      { config: { PREVIEW_DATABASE_URL: 'postgresql://postgres/order' } },
      'config.PREVIEW_DATABASE_URL: the chart sets this variable itself',
    ],
    ['a list where a map belongs', { edge: [] }, "at '/edge': got array, want object"],
    ['nothing where a map belongs', { config: null }, "missing property 'config'"],
    [
      'a maximum without a target',
      { autoscaling: { maxReplicas: 3 } },
      "at '/autoscaling': properties 'targetCPUUtilizationPercentage' required",
    ],
    [
      'a target without a maximum',
      { autoscaling: { targetCPUUtilizationPercentage: 80 } },
      "at '/autoscaling': properties 'maxReplicas' required",
    ],
    [
      'an unknown key of the autoscaler',
      { autoscaling: { minReplicas: 3 } },
      "at '/autoscaling': additional properties 'minReplicas' not allowed",
    ],
    ['no system', given({ system: null }), "at '/shopctl/system': got null, want string"],
    [
      'an unknown key of shopctl',
      given({ digest: 'x' }),
      "additional properties 'digest' not allowed",
    ],
    [
      'migrations without a word whether to apply them',
      given({ migrate: undefined }),
      "at '/shopctl': properties 'migrate' required, if 'migrations' exists",
    ],
    [
      'a bad quantity',
      { resources: { requests: { memory: '64 MB' } } },
      "at '/resources/requests/memory': '64 MB' does not match",
    ],
    ['no slot', { shopctl: null }, "at '/shopctl': got null, want object"],
  ])('%s', async (_, values, message) => {
    await expect(
      renderSlot('order', 'green', { values: { ...slotValues('order', 'green'), ...values } }),
    ).rejects.toThrow(message)
  })
})

describe('charts/shop-service refuses, and says where,', () => {
  const given = (more: object) => serviceValues('order', more)
  it.each([
    ...edges,
    [
      'no port',
      given({ ports: { stable: 'http' } }),
      "at '/shopctl/ports': missing property 'preview'",
    ],
    [
      'a port out of range',
      given({ ports: { stable: 'http', preview: 70000 } }),
      "at '/shopctl/ports/preview': maximum: got 70,000, want 65,535",
    ],
    [
      'a name that none can have',
      given({ service: 'Order' }),
      "at '/shopctl/service': 'Order' does not match",
    ],
    ['no system', given({ system: null }), "at '/shopctl/system': got null, want string"],
    ['nothing of shopctl', { shopctl: null }, "at '/shopctl': got null, want object"],
    ['an unknown key', { replicas: 2 }, "additional properties 'replicas' not allowed"],
    ['an unknown key of shopctl', given({ color: 'blue' }), "additional properties 'color'"],
  ] as [string, object, string][])('%s', async (_, values, message) => {
    await expect(renderService('order', { ...serviceValues('order'), ...values })).rejects.toThrow(
      message,
    )
  })
})

describe('charts/shop-guard refuses, and says where,', () => {
  it.each([
    [{ namespaceUid: 'shop' }, "at '/namespaceUid': 'shop' does not match pattern"],
    [{ uid: 'x' }, "additional properties 'uid' not allowed"],
  ])('%j', async (values, message) => {
    await expect(render({ chart: 'shop-guard', release: 'shopctl-guard', values })).rejects.toThrow(
      message,
    )
  })
})

describe('charts/postgres and charts/rabbitmq refuse, and say where,', () => {
  it.each([
    ['postgres', { databases: [] }, "at '/databases': minItems: got 0, want 1"],
    ['postgres', { databases: ['Order'] }, "at '/databases/0': 'Order' does not match pattern"],
    ['postgres', { databases: ['monitor'] }, "at '/databases/0': 'not' failed"],
    ['postgres', { storage: 'big' }, "at '/storage': 'big' does not match pattern"],
    ['postgres', { password: 'x' }, "additional properties 'password' not allowed"],
    [
      'rabbitmq',
      { services: { order: 'stock.reserved.v1' } },
      "at '/services/order': got string, want array",
    ],
    [
      'rabbitmq',
      { services: { order: ['a..b'] } },
      "at '/services/order/0': 'a..b' does not match pattern",
    ],
    ['rabbitmq', { queues: {} }, "additional properties 'queues' not allowed"],
    ['rabbitmq', { nodes: 2 }, "at '/nodes': value must be one of 1, 3"],
    ['rabbitmq', { vhosts: [{ name: '/' }] }, "at '/vhosts/0': missing property 'userSuffix'"],
  ] as const)('%s %j', async (chart, values, message) => {
    await expect(
      render({ chart, release: chart, files: [`${chart}.yaml`], values }),
    ).rejects.toThrow(message)
  })
})
