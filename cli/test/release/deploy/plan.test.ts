// Where a deploy writes, and where it may not.
import { describe, expect, it } from 'vitest'
import { planDeploy, type Wanted } from '../../../src/release/deploy/plan.ts'
import type { Color } from '../../../src/release/slot.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import {
  aMove,
  anOpenOperation,
  aService,
  aSlot,
  aState,
  blue,
  bothSlots,
  emptyService,
  green,
  switched,
  waiting,
} from '../../fakes/state.ts'

function wanted(revision: string, replicas: number | null = null): Wanted {
  return { digest: `sha256:${revision}`, version: `v-${revision}`, revision, replicas }
}

const cases: [string, ServiceState, string, Color | null, string][] = [
  ['the very first goes to blue', emptyService(), 'a', null, 'upgrade blue'],
  ['the very first goes where --color says', emptyService(), 'a', 'green', 'upgrade green'],
  [
    'before the first switch it stays with the slot it began with',
    aService({ green: aSlot('green', 'b') }, null, green),
    'c',
    null,
    'upgrade green',
  ],
  [
    'to the standby of what serves',
    aService({ blue: aSlot('blue', 'a') }, blue, blue),
    'b',
    null,
    'upgrade green',
  ],
  ['over the slot that is kept', switched(), 'c', null, 'upgrade blue'],
  ['not what serves already', switched(), 'b', null, 'live green'],
  ['not what stands by already', waiting(), 'b', null, 'ready green'],
  [
    'again what stands by and is not ready',
    aService({ ...bothSlots, green: aSlot('green', 'b', { ready: 1 }) }, blue, green),
    'b',
    null,
    'upgrade green',
  ],
  [
    'not what serves already and is down',
    aService({ blue: aSlot('blue', 'a', { ready: 0, migrations: 'm' }) }, blue, blue),
    'a',
    null,
    'live blue',
  ],
  ['never to the slot that serves', waiting(), 'c', 'blue', 'slot-is-live'],
]
it.each(cases)('%s', (_, now, revision, color, expected) => {
  const plan = planDeploy(aState({ order: now }), {
    wanted: { order: wanted(revision) },
    color,
    unfinished: [],
    unmigrated: [],
  })
  const said =
    plan.kind === 'refusal'
      ? plan.code
      : plan.steps.map(({ action, color }) => `${action} ${color}`).join()
  expect(said).toBe(expected)
})

it('names the other color only where it would do', () => {
  const hint = (others: Record<string, ServiceState>) =>
    planDeploy(aState({ order: waiting(), ...others }), {
      wanted: { order: wanted('c'), payment: wanted('c') },
      color: 'blue',
      unfinished: [],
      unmigrated: [],
    })
  expect(hint({ payment: waiting() })).toMatchObject({ hint: expect.stringMatching(/green/) })
  const mixed = expect.stringMatching(/^Leave out --color/)
  expect(hint({ payment: switched() })).toMatchObject({ hint: mixed })
})

it("takes each service's own standby", () => {
  const plan = planDeploy(aState({ order: waiting(), payment: switched() }), {
    wanted: { order: wanted('c'), payment: wanted('c') },
    color: null,
    unfinished: [],
    unmigrated: [],
  })
  expect(plan).toMatchObject({ steps: [{ color: 'green' }, { color: 'blue' }] })
})

it('takes back a candidate when what serves is wanted again', () => {
  const plan = planDeploy(aState({ order: waiting() }), {
    wanted: { order: wanted('a') },
    color: null,
    unfinished: [],
    unmigrated: [],
  })
  expect(plan).toMatchObject({ steps: [{ action: 'live', preview: blue }] })
})

it('writes a slot again that stands while something of it is unfinished, and none that serves', () => {
  const planOf = (revision: string, unfinished: string[]) =>
    planDeploy(aState({ order: waiting() }), {
      wanted: { order: wanted(revision) },
      color: null,
      unfinished,
      unmigrated: [],
    })
  expect(planOf('b', ['order'])).toMatchObject({ steps: [{ action: 'upgrade' }] })
  expect(planOf('b', ['payment'])).toMatchObject({ steps: [{ action: 'ready' }] })
  expect(planOf('a', ['order'])).toMatchObject({ steps: [{ action: 'live' }] })
})

it.each(['serves', 'stands by'])('applies the migrations again of what %s already', (where) => {
  const revision = where === 'serves' ? 'b' : 'a'
  const plan = planDeploy(aState({ order: switched(), payment: switched() }), {
    wanted: { order: wanted(revision), payment: wanted('b') },
    color: null,
    unfinished: [],
    unmigrated: ['order'],
  })
  expect(plan).toMatchObject({ steps: [{ action: 'upgrade', color: 'blue' }, { action: 'live' }] })
})

describe('an interrupted', () => {
  const planAfter = (verb: 'switch' | 'rollback' | 'deploy' | 'smoke' | 'cleanup') => {
    const { services } = aMove('r-2', 'switch', ['order'])
    const now = aState({ order: waiting() }, { open: anOpenOperation({ verb, services }) })
    return planDeploy(now, { wanted: {}, color: null, unfinished: [], unmigrated: [] })
  }
  it.each(['switch', 'rollback'] as const)('%s has to be finished first', (verb) => {
    expect(planAfter(verb)).toMatchObject({ code: 'interrupted-operation' })
  })
  it.each(['deploy', 'smoke', 'cleanup'] as const)('%s blocks nothing', (verb) => {
    expect(planAfter(verb)).toMatchObject({ kind: 'deploy' })
  })
})
