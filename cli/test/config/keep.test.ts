// `keep` in shopctl.yaml: how long cleanup keeps a slot.
import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { configText } from '../fakes/config.ts'

function parse(settings: string) {
  const text = configText.replace('namespace: shop\n', `namespace: shop\n    ${settings}\n`)
  return parseConfig(text, 'shopctl.yaml').environments.local
}

it('is none unless the environment says so', () => {
  expect(parse('protected: true')?.keep).toBeUndefined()
})

it.each(['30m', '1h', '1.5h', '365d'])('may be %s', (span) => {
  expect(parse(`keep: ${span}`)?.keep).toBe(span)
})

it.each(['60', '0h', 'soon', '1w', '366d', '-1h', '[1h]'])('cannot be %s', (span) => {
  expect(() => parse(`keep: ${span}`)).toThrow(/shopctl\.yaml:\d+:\d+.*keep/)
})
