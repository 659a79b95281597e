import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { bundling } from '../../bundle.ts'

describe('a bundle', () => {
  it.each(['order', 'inventory', 'payment', 'notification'])(
    'of %s has no place where a test could kill it',
    async (service) => {
      const { outputFiles = [] } = await build({ ...bundling(service), write: false })
      expect(outputFiles).toHaveLength(2)
      for (const { text } of outputFiles) {
        expect(text).not.toContain('SHOP_FAULT')
        expect(text).not.toContain('relay.confirmed')
      }
    },
  )
})
