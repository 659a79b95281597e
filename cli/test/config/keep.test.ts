// `keep` in shopctl.yaml: how long cleanup keeps a slot.
import { expect, it } from 'vitest'
import { environmentWith } from './environment.ts'

it('is none unless the environment says so', () => {
  expect(environmentWith('protected: true').keep).toBeUndefined()
})

it.each(['30m', '1h', '1.5h', '365d'])('may be %s', (span) => {
  expect(environmentWith(`keep: ${span}`).keep).toBe(span)
})

it.each(['60', '0h', 'soon', '1w', '366d', '-1h', '[1h]'])('cannot be %s', (span) => {
  expect(() => environmentWith(`keep: ${span}`)).toThrow(/shopctl\.yaml:\d+:\d+.*keep/)
})
