import { expect, it } from 'vitest'
import { checkDriver } from '../../src/config/gitops.ts'

it.each([
  ['nothing', 'gitops', undefined],
  ['an empty text', 'helm', ''],
  ['the same', 'gitops', 'gitops'],
])('a workflow that expects %s goes on', (_, driver, expected) => {
  expect(() => checkDriver('production', driver, expected)).not.toThrow()
})

it.each([
  ['helm', 'gitops'],
  ['gitops', 'helm'],
  ['helm', 'Helm'],
])('a driver %s is not %s', (driver, expected) => {
  expect(() => checkDriver('production', driver, expected)).toThrow(
    `production is released by ${driver}, and SHOPCTL_DRIVER says ${expected}.`,
  )
})
