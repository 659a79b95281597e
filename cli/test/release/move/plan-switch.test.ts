// Where a switch leads, and when it is refused.
import { expect, it } from 'vitest'
import { planSwitch } from '../../../src/release/move/plan-switch.ts'
import type { Operation } from '../../../src/release/record.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import {
  aMove,
  anOpenOperation,
  anOperation,
  aService,
  aSide,
  aSlot,
  aSmoke,
  aState,
  blue,
  bothSlots,
  green,
  switched,
  waiting,
} from '../../fakes/state.ts'

const blueSide = aSide('blue', 'a')
const greenSide = aSide('green', 'b')
const passed = aSmoke({ order: 'b', payment: 'a' }, ['order'])
const two = { order: waiting(), payment: aService({ blue: aSlot('blue', 'a') }, blue, blue) }
const rolledBack = [
  aMove('r-1', 'switch', ['order']),
  aMove('r-2', 'rollback', [], {
    services: [{ name: 'order', from: greenSide, to: blueSide }],
  }),
]

it('takes what waits, and leaves alone what does not', () => {
  const plan = planSwitch(aState(two, { closed: [passed] }), {
    services: null,
    color: null,
    skipSmoke: false,
  })
  expect(plan).toEqual({
    kind: 'switch',
    moves: [{ name: 'order', from: blueSide, to: greenSide }],
  })
})

it('does not lead to where a service serves already', () => {
  const live = { order: aService({ blue: aSlot('blue', 'a') }, blue, blue) }
  const intent = { services: ['order'], color: 'blue', skipSmoke: true } as const
  expect(planSwitch(aState(live), intent)).toMatchObject({
    code: 'slot-is-live',
    message: 'order is live on blue already.',
  })
})

it('does not lead to another color than the one that was named', () => {
  const intent = { services: null, color: 'blue', skipSmoke: true } as const
  expect(planSwitch(aState({ order: waiting() }), intent)).toMatchObject({
    code: 'slot-is-live',
    message: 'The standby of order is green, not blue.',
    hint: 'Use --color green, or leave out --color.',
  })
})

it('has nothing to come from the first time', () => {
  const first = { order: aService({ blue: aSlot('blue', 'a') }, null, blue) }
  const plan = planSwitch(aState(first), { services: null, color: null, skipSmoke: true })
  expect(plan).toMatchObject({ moves: [{ from: null, to: blueSide }] })
})

it.each([
  [
    'the slot before the last switch, and how to go back to it',
    switched(),
    [aMove('r-2', 'switch', ['order'])],
    'order green (v-b) is live since r-2. order blue (v-a) is the slot before it.',
    '`shopctl rollback --service order` goes back to it. For a new slot, run `shopctl deploy --service order` first.',
  ],
  [
    'a slot that was live before, to which no rollback leads',
    switched(),
    [
      aMove('r-1', 'switch', [], { services: [{ name: 'order', from: null, to: blueSide }] }),
      aMove('r-2', 'switch', [], { services: [{ name: 'order', from: null, to: greenSide }] }),
    ],
    'order green (v-b) is live since r-2. order blue (v-a) is an earlier slot, not a newly deployed one.',
    'Run `shopctl deploy --service order` first.',
  ],
  [
    'a new slot from which a stopped cleanup took the preview Service',
    aService(bothSlots, blue, blue),
    [aMove('r-1', 'switch', [], { services: [{ name: 'order', from: null, to: blueSide }] })],
    'order blue (v-a) is live since r-1. order green (v-b) cannot go live: the preview Service does not select it.',
    'Run `shopctl deploy --service order` first, or `shopctl cleanup --service order` to delete it.',
  ],
  [
    'the same where the journal does not say since when',
    aService(bothSlots, blue, blue),
    [],
    'order blue (v-a) is live. order green (v-b) cannot go live: the preview Service does not select it.',
    'Run `shopctl deploy --service order` first, or `shopctl cleanup --service order` to delete it.',
  ],
])('names %s', (_, order, closed, message, hint) => {
  const intent = { services: ['order'], color: null, skipSmoke: true }
  const plan = planSwitch(aState({ order }, { closed }), intent)
  expect(plan).toMatchObject({ code: 'slot-not-new', message, hint })
})

interface Records {
  closed?: Operation[]
  open?: Operation
}

const stood = { order: aService(bothSlots, blue, blue) }
const freed = [
  ...rolledBack,
  anOperation({
    verb: 'hold-release',
    services: [{ name: 'order', from: null, to: aSide('green', 'b') }],
  }),
]
const again = aSmoke({ order: 'b' }, ['order'])
const cases: [string, Record<string, ServiceState>, Records, string[] | null, string][] = [
  ['not without a smoke test', two, {}, null, 'not-smoked'],
  [
    'not with a smoke test of another combination',
    two,
    { closed: [aSmoke({ order: 'b', payment: 'z' }, ['order'])] },
    null,
    'not-smoked',
  ],
  [
    'not with a smoke test of fewer services',
    two,
    { closed: [aSmoke({ order: 'b' }, ['order'])] },
    null,
    'not-smoked',
  ],
  [
    'not with a smoke test of the other service only',
    two,
    { closed: [aSmoke({ order: 'b', payment: 'a' }, ['payment'])] },
    null,
    'not-smoked',
  ],
  [
    'not when a later smoke test of the same failed',
    two,
    { closed: [passed, { ...passed, outcome: 'failed' }] },
    null,
    'not-smoked',
  ],
  [
    'not when a later smoke test of the same was interrupted',
    two,
    { closed: [passed, { ...passed, outcome: 'interrupted' }] },
    null,
    'not-smoked',
  ],
  [
    'not while a later smoke test of the same is open',
    two,
    { closed: [passed], open: { ...passed, endedAt: null, outcome: null } },
    null,
    'not-smoked',
  ],
  [
    'though a later smoke test of another combination failed',
    two,
    {
      closed: [
        passed,
        aSmoke({ order: 'b', payment: 'z' }, ['order'], { outcome: 'failed' }),
        aSmoke({ order: 'b', payment: 'a' }, ['payment'], { outcome: 'failed' }),
      ],
    },
    null,
    'planned',
  ],
  ['not when nothing was deployed', { order: switched() }, {}, null, 'nothing-deployed'],
  ['not to a slot that does not exist', two, { closed: [passed] }, ['payment'], 'slot-missing'],
  [
    'not back to the slot that served before, however often it is asked',
    { order: switched() },
    { closed: [aMove('r-1', 'switch', ['order']), aSmoke({ order: 'a' }, ['order'])] },
    ['order'],
    'slot-not-new',
  ],
  [
    'forward again to a slot that was rolled back and released, by name',
    stood,
    { closed: [...freed, again] },
    ['order'],
    'planned',
  ],
  [
    'forward again not while it is on hold',
    stood,
    { closed: [...rolledBack, again] },
    ['order'],
    'on-hold',
  ],
  ['forward again not untested', stood, { closed: freed }, ['order'], 'not-smoked'],
  [
    'forward again not without a name',
    stood,
    { closed: [...rolledBack, again] },
    null,
    'nothing-deployed',
  ],
  [
    'forward again only to what was rolled back',
    { order: aService({ ...bothSlots, green: aSlot('green', 'z') }, blue, blue) },
    { closed: [...rolledBack, aSmoke({ order: 'z' }, ['order'])] },
    ['order'],
    'slot-not-new',
  ],
  [
    'forward again though a later attempt was undone',
    stood,
    { closed: [...freed, aMove('r-3', 'switch', ['order'], { outcome: 'undone' }), again] },
    ['order'],
    'planned',
  ],
  [
    'not to a slot that is not ready',
    { order: aService({ ...bothSlots, green: aSlot('green', 'b', { ready: 1 }) }, blue, green) },
    {},
    null,
    'slot-not-ready',
  ],
  [
    'not over an interrupted one',
    two,
    { closed: [passed], open: anOpenOperation(aMove('r-2', 'switch', ['order'])) },
    null,
    'interrupted-operation',
  ],
  [
    'over an interrupted deploy',
    two,
    { closed: [passed], open: anOpenOperation({ verb: 'deploy' }) },
    null,
    'planned',
  ],
]
it.each(cases)('%s', (_, services, records, chosen, expected) => {
  const intent = { services: chosen, color: null, skipSmoke: false }
  const plan = planSwitch(aState(services, records), intent)
  expect(plan.kind === 'refusal' ? plan.code : 'planned').toBe(expected)
})
