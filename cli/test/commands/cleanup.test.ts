// What cleanup prints.
import { expect, it } from 'vitest'
import { cleanupResult } from '../../src/commands/cleanup.ts'
import { aSlot, named } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

const removed = [named('order', aSlot('blue', 'a'))]
const until = '2026-01-01T13:00:00.500Z'
const kept = [{ ...named('payment', aSlot('green', 'b')), until }]

it.each(widths)(
  'says what is gone, what stays until when, and the ways back, in %s columns',
  (width) => {
    const { text, document, summary } = cleanupResult('prod', { removed, kept })
    expect(document).toEqual({
      ...{ version: 1, env: 'prod' },
      removed: [{ name: 'order', color: 'blue', version: 'v-a' }],
      kept: [{ name: 'payment', color: 'green', version: 'v-b', until }],
    })
    expect(summary).toBe('order blue')
    const found = words(plain(text, width))
    expect(found).toContain('order blue v-a `shopctl deploy` writes a standby slot again')
    expect(found).toMatch(
      /payment green until 2026-01-01T13:00:00Z\. `shopctl cleanup --now` deletes what is kept\.$/,
    )
  },
)

it('says when nothing is left over', () => {
  const { text, tables } = cleanupResult('prod', { removed: [], kept: [] })
  expect([plain(text), tables]).toEqual(['Nothing to clean up.', []])
})
