// Which slots may go.
import { expect, it } from 'vitest'
import { planCleanup } from '../../../src/release/cleanup/plan.ts'
import {
  aMove,
  anOpenOperation,
  aService,
  aSlot,
  aState,
  blue,
  bothSlots,
  green,
  waiting,
} from '../../fakes/state.ts'

it('removes what does not serve, and leads the preview back', () => {
  expect(planCleanup(aState({ order: waiting() }), { services: null })).toEqual({
    kind: 'cleanup',
    removals: [{ name: 'order', slot: bothSlots.green }],
    kept: [],
    rests: [],
    previews: [{ service: 'order', target: blue }],
  })
})

it('keeps the way back while what serves is not ready', () => {
  const broken = { ...bothSlots, green: aSlot('green', 'b', { ready: 1 }) }
  const now = { order: aService(broken, green, green) }
  expect(planCleanup(aState(now), { services: null })).toMatchObject({ code: 'live-not-ready' })
  expect(planCleanup(aState(now), { services: [] })).toMatchObject({ kind: 'cleanup' })
})

it('leaves a first deploy alone', () => {
  const first = { order: aService({ blue: aSlot('blue', 'a') }, null, blue) }
  expect(planCleanup(aState(first), { services: null })).toMatchObject({
    removals: [],
    previews: [],
  })
})

it('waits for an interrupted switch to be finished', () => {
  const open = anOpenOperation(aMove('r-2', 'switch', ['order']))
  expect(planCleanup(aState({ order: waiting() }, { open }), { services: null })).toMatchObject({
    code: 'interrupted-operation',
  })
})

it('removes what a killed uninstall or install has left of a slot', () => {
  const now = { order: aService({ blue: aSlot('blue', 'a') }, blue, blue) }
  const release = { finished: false, marks: {} }
  const recorded = { 'order-green': release, 'order-blue': release, order: release }
  const rests = [{ service: 'order', slot: { color: 'green', revision: '' } }]
  expect(planCleanup(aState(now), { services: null }, recorded)).toMatchObject({ rests })
  expect(planCleanup(aState(now), { services: null }, {})).toMatchObject({ rests: [] })
})
