// Where a rollback leads, and when there is nowhere to go.
import { expect, it } from 'vitest'
import { planRollback } from '../../../src/release/move/plan-rollback.ts'
import type { MovePlan } from '../../../src/release/move/plan-switch.ts'
import type { MoveOperation, Operation } from '../../../src/release/record.ts'
import type { Refusal } from '../../../src/release/refusal.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import {
  aMove,
  anOpenOperation,
  aService,
  aSide,
  aSlot,
  aState,
  blue,
  bothSlots,
  green,
  switched,
  waiting,
} from '../../fakes/state.ts'

const blueSide = aSide('blue', 'a')
const greenSide = aSide('green', 'b')
const alone = aService({ green: aSlot('green', 'b') }, green, green)

interface Records {
  closed?: Operation[]
  open?: Operation
}

interface Intent {
  services?: string[]
  to?: string
}

function plan(services: Record<string, ServiceState>, records: Records, over: Intent = {}) {
  return planRollback(aState(services, records), { services: null, to: null, ...over })
}

function said(result: MovePlan | Refusal): string {
  return result.kind === 'refusal'
    ? result.code
    : result.moves.map(({ name, to }) => `${name} ${to?.color ?? 'nowhere'}`).join()
}

const two = { order: switched(), payment: switched() }
const last = aMove('r-1', 'switch', ['order', 'payment'])
const one = aMove('r-1', 'switch', ['order'])
function backOf(name: string): MoveOperation {
  return aMove('r-2', 'rollback', [], { services: [{ name, from: greenSide, to: blueSide }] })
}
function openMove(verb: 'switch' | 'rollback', names: string[]): Operation {
  return anOpenOperation(aMove('r-2', verb, names))
}

const cases: [string, Record<string, ServiceState>, Records, Intent, string][] = [
  ['takes all of the last switch', two, { closed: [last] }, {}, 'order blue,payment blue'],
  ['takes one of them', two, { closed: [last] }, { services: ['payment'] }, 'payment blue'],
  [
    'takes the others after one went back',
    { ...two, order: waiting() },
    { closed: [last, backOf('order')] },
    {},
    'payment blue',
  ],
  [
    'never undoes itself',
    { order: waiting() },
    { closed: [one, backOf('order')] },
    {},
    'already-rolled-back',
  ],
  [
    'never undoes itself for one service',
    two,
    { closed: [last, backOf('order')] },
    { services: ['order'] },
    'already-rolled-back',
  ],
  [
    'passes over what was undone',
    two,
    { closed: [last, aMove('r-2', 'switch', ['order'], { outcome: 'undone' })] },
    {},
    'order blue,payment blue',
  ],
  [
    'passes over the rollback that undid an interrupted switch half-way',
    two,
    {
      closed: [
        last,
        aMove('r-2', 'switch', ['order', 'payment'], { outcome: 'undone' }),
        aMove('r-3', 'rollback', [], {
          services: [{ name: 'order', from: aSide('blue', 'c'), to: greenSide }],
        }),
      ],
    },
    {},
    'order blue,payment blue',
  ],
  [
    'passes over a deploy and a smoke test that came after',
    two,
    { closed: [last, anOpenOperation({ outcome: 'interrupted' })] },
    {},
    'order blue,payment blue',
  ],
  ['needs a switch', two, {}, {}, 'nothing-to-roll-back'],
  [
    'needs a slot that served before',
    { order: switched() },
    {
      closed: [
        aMove('r-1', 'switch', [], { services: [{ name: 'order', from: null, to: greenSide }] }),
      ],
    },
    {},
    'nothing-to-roll-back',
  ],
  ['needs the slot to stand', { order: alone }, { closed: [one] }, {}, 'slot-gone'],
  [
    'needs the slot to be what it was',
    { order: aService({ blue: aSlot('blue', 'z'), green: aSlot('green', 'b') }, green, green) },
    { closed: [one] },
    {},
    'slot-gone',
  ],
  [
    'needs the slot to be ready',
    { order: aService({ ...bothSlots, blue: aSlot('blue', 'a', { ready: 0 }) }, green, green) },
    { closed: [one] },
    {},
    'slot-not-ready',
  ],
  [
    'goes to a release by name',
    { order: waiting() },
    { closed: [one] },
    { to: 'r-1' },
    'order green',
  ],
  ['knows the releases', two, { closed: [last] }, { to: 'r-9' }, 'unknown-release'],
  [
    'has nothing to do when it serves',
    two,
    { closed: [last] },
    { to: 'r-1' },
    'nothing-to-roll-back',
  ],
  [
    'puts an interrupted switch back',
    { order: switched(), payment: waiting() },
    { open: openMove('switch', ['order', 'payment']) },
    {},
    'order blue',
  ],
  [
    'finishes an interrupted switch as a whole',
    two,
    { open: openMove('switch', ['order', 'payment']) },
    { services: ['order'] },
    'interrupted-operation',
  ],
  [
    'carries an interrupted rollback on',
    { order: switched(), payment: waiting() },
    { open: openMove('rollback', ['order', 'payment']) },
    {},
    'payment green',
  ],
  [
    'takes an interrupted deploy for no switch',
    two,
    { closed: [last], open: anOpenOperation({ verb: 'deploy' }) },
    {},
    'order blue,payment blue',
  ],
  [
    'leaves nothing live when an interrupted first switch goes back',
    { order: switched() },
    {
      open: {
        ...openMove('switch', []),
        services: [{ name: 'order', from: null, to: greenSide }],
      },
    },
    {},
    'order nowhere',
  ],
]
it.each(cases)('%s', (_, services, records, over, expected) => {
  expect(said(plan(services, records, over))).toBe(expected)
})

it('leaves a service of an interrupted switch where it is when there is no slot to put it back to', () => {
  const records = { open: openMove('switch', ['order', 'payment']) }
  expect(plan({ order: alone, payment: switched() }, records)).toMatchObject({
    kind: 'rollback',
    moves: [{ name: 'payment', to: blueSide }],
    stays: [expect.stringMatching(/order stays live on green.*blue with v-a no longer exists/)],
  })
  expect(plan({ order: alone, payment: alone }, records)).toMatchObject({ moves: [] })
})

it('waits for a slot of an interrupted switch that is there and not ready', () => {
  const unready = aService({ ...bothSlots, blue: aSlot('blue', 'a', { ready: 1 }) }, green, green)
  const records = { open: openMove('switch', ['order']) }
  expect(plan({ order: unready }, records)).toMatchObject({ code: 'slot-not-ready' })
})

it('says how to scale up a slot that was scaled to zero', () => {
  const none = aSlot('blue', 'a', { replicas: 0, ready: 0 })
  const zero = aService({ ...bothSlots, blue: none }, green, green)
  expect(plan({ order: zero }, { closed: [one] })).toMatchObject({
    code: 'slot-not-ready',
    message: 'order blue was scaled to zero pods.',
    hint: expect.stringContaining('kubectl scale deployment/order-blue --replicas='),
  })
})

it('says so when what it would go back to serves already', () => {
  const result = plan({ order: aService(bothSlots, blue, green) }, { closed: [one] })
  expect(result).toMatchObject({
    message: expect.stringMatching(/^The slots that were live before.*already/),
  })
})

it('says after a cleanup how to come back, naming rollback --to', () => {
  const first = aMove('r-1', 'switch', [], {
    services: [{ name: 'order', from: null, to: blueSide }],
  })
  const second = aMove('r-2', 'switch', ['order'])
  expect(plan({ order: alone }, { closed: [first, second] })).toMatchObject({
    code: 'slot-gone',
    hint: expect.stringContaining('rollback --to r-1'),
  })
})

it('says how to come back when the slot of several services is gone', () => {
  const first = aMove('r-1', 'switch', ['order', 'payment'])
  const records = { closed: [first, aMove('r-2', 'switch', ['order', 'payment'])] }
  expect(plan({ order: alone, payment: alone }, records)).toMatchObject({
    message: 'order blue with v-a no longer exists: it was cleaned up.',
    hint: 'Run `shopctl rollback --to r-1 --service order,payment`: it deploys that release again.',
  })
})

it('with a release by name deploys again what is gone, and moves the rest', () => {
  const first = aMove('r-1', 'switch', [], {
    services: ['order', 'payment'].map((name) => ({ name, from: null, to: blueSide })),
  })
  const records = { closed: [first, aMove('r-2', 'switch', ['order', 'payment'])] }
  const services = { order: alone, payment: switched() }
  expect(plan(services, records, { to: 'r-1' })).toEqual({
    kind: 'rollback',
    moves: [{ name: 'payment', from: greenSide, to: blueSide }],
    again: [{ name: 'order', side: blueSide }],
  })
})
