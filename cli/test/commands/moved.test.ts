// What a switch did, as JSON and as text.
import { describe, expect, it } from 'vitest'
import { moveDocument, movedResult } from '../../src/commands/moved.ts'
import { aSide, aSlot } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

describe('a switch', () => {
  const proof = {
    ...{ name: 'notification', from: aSide('blue', 'a'), to: aSide('green', 'b') },
    ...{ endpointsMs: 132, consumersMs: null, epoch: null },
    recycled: { tookMs: 1_900, drained: 1, killed: 1, unknown: 1 },
  }

  it('as JSON has the epoch of each service', () => {
    const slot = aSlot('green', 'b')
    const services = [{ name: 'order', from: null, to: slot, epoch: 7, recycled: null }]
    expect(moveDocument('r-1', services)).toEqual({
      version: 1,
      release: 'r-1',
      services: [{ name: 'order', from: null, to: 'green', epoch: 7 }],
      probe: null,
    })
  })

  const open = { openBefore: 12, finishedByOld: 3, finishedByNew: 8, openAfter: 2 }

  it('as JSON has the open work of a service that tells it', () => {
    const services = [
      { name: 'order', from: null, to: aSlot('green', 'b'), epoch: 7, recycled: null, ...open },
    ]
    expect(moveDocument('r-1', services)).toMatchObject({
      services: [{ name: 'order', from: null, to: 'green', epoch: 7, ...open }],
    })
  })

  it.each(widths)('fits into %s columns, with its open work as a line', (width) => {
    const order = { ...proof, ...open, name: 'order', recycled: null }
    const { text } = movedResult({ release: 'r-1', services: [proof, order] })
    const found = words(plain(text, width))
    expect(found).toContain('order: 12 open before, 3 finished by blue, 8 by green; 2 open after')
    expect(found).not.toContain('notification: ')
  })

  it('tells a workflow its release and the live colors, without what no slot is live of', () => {
    const gone = { ...proof, name: 'order', to: null }
    expect(movedResult({ release: 'r-1', services: [proof, gone] }).outputs).toEqual({
      release: 'r-1',
      colors: { notification: 'green' },
    })
  })

  it.each(widths)('fits into %s columns, with what was restarted', (width) => {
    const { text } = movedResult({ release: 'r-1', services: [proof] })
    const found = words(plain(text, width))
    expect(found).toContain('notification blue v-a green v-b 132 ms -')
    expect(found).toContain(
      'notification blue restarted: 1 drained, 1 killed with open connections, 1 not seen to end in 1.9 s',
    )
  })
})
