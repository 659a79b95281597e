// The names of what Argo CD knows of an environment.
import { expect, it } from 'vitest'
import {
  manifestsOf,
  servicesApplication,
  slotApplication,
} from '../../../src/drivers/gitops/manifests.ts'

const long = 'a'.repeat(40)
const options = {
  ...{ services: ['order'], namespace: 'shop', argoNamespace: 'argocd' },
  ...{ url: 'http://git/config.git', branch: 'main' },
}
/** All that can be mixed up with one another. */
const places = [
  ...['a', 'a-b', 'a-b-c', long, `${long.slice(1)}b`].flatMap((system) =>
    ['a', 'b', 'b-c', 'c', long, `${long.slice(1)}b`].map((env) => ({ system, env })),
  ),
]

it('fit into a label, and no two places have one name', () => {
  const names = places.flatMap((place) => [
    servicesApplication(place),
    ...['order-blue', 'c-order-blue', `${long}-blue`, `${long}-green`].map((slot) =>
      slotApplication(place, slot),
    ),
  ])
  for (const name of names) expect(name).toMatch(/^(?=.{1,63}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
  for (const name of names) expect(name).not.toMatch(/[.-]\.|\.-/)
  expect(new Set(names).size).toBe(names.length)
  const projects = places.map((place) => manifestsOf({ ...options, ...place })[0]?.metadata.name)
  expect(new Set(projects).size).toBe(places.length)
  for (const name of projects) expect(name?.length).toBeLessThanOrEqual(63)
})

it('name system, environment and slot', () => {
  const place = { system: 'shop', env: 'production' }
  expect(slotApplication(place, 'order-green')).toBe('shop.production.order-green')
  expect(servicesApplication(place)).toBe('shop.production.services')
})
