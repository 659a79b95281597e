// Which pods the API server accepts in the namespace of an environment.
import { expect, it } from 'vitest'
import { missingLabels } from '../../../src/release/deploy/pod-security.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

const prefix = 'pod-security.kubernetes.io'
const all = (level: string) => ({
  [`${prefix}/enforce`]: level,
  [`${prefix}/audit`]: level,
  [`${prefix}/warn`]: level,
})

it.each([
  ['none', {}, 'restricted', all('restricted')],
  ['none', {}, 'privileged', all('privileged')],
  ['the same', all('baseline'), 'baseline', {}],
  ['lower ones', all('baseline'), 'restricted', all('restricted')],
  ['stricter ones', all('restricted'), 'baseline', {}],
  [
    'some that are stricter',
    { [`${prefix}/enforce`]: 'baseline', [`${prefix}/warn`]: 'restricted' },
    'restricted',
    { [`${prefix}/enforce`]: 'restricted', [`${prefix}/audit`]: 'restricted' },
  ],
  [
    'a version that an administrator chose',
    { ...all('restricted'), [`${prefix}/enforce-version`]: 'v1.30' },
    'restricted',
    {},
  ],
] as const)('where a namespace has %s', (_, found, level, missing) => {
  expect(missingLabels(level, found)).toEqual(missing)
})

function aShop(level: string | null): Shop {
  const setting = level ? `namespace: shop\n    podSecurity: ${level}` : 'namespace: shop'
  return createShop({ config: aFullConfig((text) => text.replace('namespace: shop', setting)) })
}

it('is set before anything else is installed, once', async () => {
  const shop = aShop('restricted')
  await shop.deploy()
  expect(shop.world.labels).toEqual(all('restricted'))
  expect(shop.world.log[0]).toMatch(/^label /)
  shop.commit('b')
  await shop.deploy()
  expect(shop.world.log.filter((line) => line.startsWith('label'))).toHaveLength(1)
})

it('is set by a deploy that has nothing else to do', async () => {
  const shop = aShop('baseline')
  await shop.deploy()
  for (const name of Object.keys(shop.world.labels)) delete shop.world.labels[name]
  await shop.deploy()
  expect(shop.world.labels).toEqual(all('baseline'))
})

it('stays as it is where shopctl.yaml names none', async () => {
  const shop = aShop(null)
  await shop.deploy()
  expect(shop.world.labels).toEqual({})
})

it('is refused while pods run that it forbids, and nothing is changed', async () => {
  const shop = aShop('restricted')
  const fault = 'order-blue-7: allowPrivilegeEscalation != false'
  shop.world.labelWarnings = ['existing pods violate it', fault]
  await expect(shop.deploy()).rejects.toMatchObject({
    code: 'pods-not-fit',
    exitCode: 2,
    message: expect.stringContaining(fault),
    hint: expect.stringContaining('shopctl cleanup'),
  })
  expect(shop.world.labels).toEqual({})
  expect(shop.world.driver.installs).toEqual([])
})

it('is left to an administrator where this account may not set it', async () => {
  const shop = aShop('restricted')
  shop.world.labelWarnings = null
  await shop.deploy()
  expect(shop.world.progress.lines.join('\n')).toMatch(
    /! The namespace does not enforce `podSecurity: restricted`: your account may not label it/,
  )
  expect(shop.world.labels).toEqual({})
  expect(outcomes(shop.world)).toEqual(['op-1 done'])
})
