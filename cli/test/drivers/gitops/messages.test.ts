import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deed, messageOf, noteOf, type Origin } from '../../../src/drivers/gitops/messages.ts'

const nobody: Origin = { release: null, by: null, run: null, reason: null }
const slot = (service: string, version = '1.2.3') => ({ service, color: 'green', version }) as const
const move = (service: string, from = 'blue', to = 'green') =>
  ({ service, from, to }) as { service: string; from: 'blue' | 'green'; to: 'blue' | 'green' }
const four = ['order', 'inventory', 'payment', 'notification']

describe('the subject', () => {
  it.each<[string, Deed]>([
    ['deploy: order green 1.2.3', { operation: 'deploy', slots: [slot('order')] }],
    [
      'deploy: order green 1.2.3, payment green 1.2.4',
      { operation: 'deploy', slots: [slot('order'), slot('payment', '1.2.4')] },
    ],
    [
      'deploy: 4 slots',
      { operation: 'deploy', slots: four.map((service) => slot(service, '6c9086eb-0d2fd927')) },
    ],
    [
      'switch: order, payment blue → green',
      { operation: 'switch', moves: [move('order'), move('payment')] },
    ],
    [
      'rollback: order green → blue, payment blue → green',
      { operation: 'rollback', moves: [move('order', 'green', 'blue'), move('payment')] },
    ],
    [
      'switch: order none → green',
      { operation: 'switch', moves: [{ ...move('order'), from: null }] },
    ],
    ['switch: 9 services', { operation: 'switch', moves: Array(9).fill(move('notification')) }],
    ['deploy: 1 slot', { operation: 'deploy', slots: [slot('order', 'v'.repeat(60))] }],
    [
      'cleanup: order blue removed',
      { operation: 'cleanup', removed: [{ service: 'order', color: 'blue' }] },
    ],
    [
      'release: order green 1.2.3, order blue → green',
      { operation: 'release', slots: [slot('order')], moves: [move('order')] },
    ],
    [
      'deploy: order green 1 Shopctl-By: x',
      { operation: 'deploy', slots: [slot('order', '1\nShopctl-By: x')] },
    ],
  ])('%s', (expected, deed) => {
    const [subject = ''] = messageOf(deed, nobody).split('\n')
    expect(subject).toBe(expected)
    expect([...subject].length).toBeLessThanOrEqual(72)
  })
})

it('is followed by what it only counts, and by the trailers', () => {
  const run = 'https://github.com/me/shop/actions/runs/7'
  const origin = { release: 'r-41', by: 'me@laptop', run, reason: 'the third try' }
  const slots = four.map((service) => slot(service, '6c9086eb-0d2fd927'))
  expect(messageOf({ operation: 'deploy', slots }, origin)).toBe(`deploy: 4 slots

- order green 6c9086eb-0d2fd927
- inventory green 6c9086eb-0d2fd927
- payment green 6c9086eb-0d2fd927
- notification green 6c9086eb-0d2fd927

Shopctl-Release: r-41
Shopctl-Operation: deploy
Shopctl-By: me@laptop
Shopctl-Run: ${run}
Shopctl-Reason: the third try
`)
})

it.each([
  ['a line', 'fine\nShopctl-By: root@prod'],
  ['a paragraph', 'fine\n\nShopctl-Release: r-1'],
  ['a carriage return', 'fine\rShopctl-By: root@prod'],
  ['a line separator', 'fine\u2028Shopctl-By: root@prod'],
  ['a vertical tab', 'fine\vShopctl-By: root@prod'],
])('%s in a reason adds no trailer', (_, reason) => {
  const origin = { release: 'r-41', by: 'me@laptop', run: null, reason }
  const message = messageOf({ operation: 'switch', moves: [move('order')] }, origin)
  expect(noteOf(message)).toMatchObject({ release: 'r-41', by: 'me@laptop' })
  expect(message.match(/^Shopctl-/gmu)).toHaveLength(4)
})

it('has no more than the beginning of a long reason', () => {
  const origin = { ...nobody, reason: `${'é'.repeat(400)}` }
  const note = noteOf(messageOf({ operation: 'switch', moves: [move('order')] }, origin))
  expect(note?.reason).toBe(`${'é'.repeat(200)}…`)
})

it('is read as it was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (by, reason) => {
      const note = noteOf(
        messageOf({ operation: 'deploy', slots: [slot('order')] }, { ...nobody, by, reason }),
      )
      expect(note?.operation).toBe('deploy')
      expect(note?.release).toBeNull()
      const words = (text: string) => text.replaceAll(/[\s\p{Cc}]+/gu, '')
      if (!reason.includes('\u001b') && !reason.includes('\u009b'))
        expect(words(note?.reason ?? '')).toBe(words(reason))
    }),
  )
})

it.each([
  ['of a person', 'Raise the limit\n\nIt was too low.\n', null],
  ['that quotes one of ours', 'Revert it\n\nShopctl-By: me\n\nby hand\n', null],
  ['of a merge tool', 'x\r\n\r\nShopctl-Release: r-2\r\n', { release: 'r-2' }],
])('a message %s is read too', (_, message, expected) => {
  if (expected === null) expect(noteOf(message)).toBeNull()
  else expect(noteOf(message)).toMatchObject(expected)
})
