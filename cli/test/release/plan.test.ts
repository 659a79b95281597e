import { describe, expect, it } from 'vitest'
import {
  type MovePlan,
  planCleanup,
  planDeploy,
  planSwitch,
  type Refusal,
  type Wanted,
} from '../../src/release/plan.ts'
import { planRollback } from '../../src/release/plan-rollback.ts'
import type {
  EnvironmentState,
  Operation,
  Release,
  ServiceState,
  Slot,
  Target,
} from '../../src/release/state.ts'
import { aSlot, emptyService, recordsOf } from '../fakes/world.ts'

function service(
  slots: { blue?: Slot; green?: Slot },
  stable: Target | null,
  preview: Target | null,
): ServiceState {
  return {
    slots: { blue: slots.blue ?? null, green: slots.green ?? null },
    stable: { target: stable, resourceVersion: '1' },
    preview: { target: preview, resourceVersion: '1' },
  }
}

const blue = { color: 'blue', revision: 'a' } as const
const green = { color: 'green', revision: 'b' } as const
function side(slot: Slot) {
  return {
    color: slot.color,
    digest: slot.digest,
    version: slot.version,
    revision: slot.revision,
  }
}
const blueSide = side(aSlot('blue', 'a'))
const greenSide = side(aSlot('green', 'b'))

const both = { blue: aSlot('blue', 'a'), green: aSlot('green', 'b') }
/** Blue serves, green was deployed and waits. */
function waiting(): ServiceState {
  return service(both, blue, green)
}
/** Green serves since the switch, blue is kept. */
function switched(): ServiceState {
  return service(both, green, green)
}

function state(services: Record<string, ServiceState>, records = {}): EnvironmentState {
  return {
    services,
    records: recordsOf(records),
  }
}

function wanted(revision: string): Wanted {
  return {
    digest: `sha256:${revision}`,
    version: `v-${revision}`,
    revision,
  }
}

function release(
  id: string,
  verb: 'switch' | 'rollback',
  names: string[],
  over: Partial<Release> = {},
): Release {
  return {
    id,
    verb,
    at: '2026-01-01T00:00:00Z',
    by: 'me@here',
    reason: null,
    outcome: 'done',
    services: names.map((name) => ({ name, from: blueSide, to: greenSide })),
    ...over,
  }
}

function operation(verb: 'switch' | 'rollback', names: string[]): Operation {
  const { outcome: _, ...rest } = release('r-2', verb, names)
  return rest
}

function smoked(combination: Record<string, string>, services: string[]) {
  return {
    at: '2026-01-01T00:00:00Z',
    services,
    combination: Object.fromEntries(
      Object.entries(combination).map(([name, revision]) => [
        name,
        { revision, digest: `sha256:${revision}` },
      ]),
    ),
  }
}

describe('deploy', () => {
  const cases: [string, ServiceState, string, 'blue' | 'green' | null, string][] = [
    ['the very first goes to blue', emptyService(), 'a', null, 'upgrade blue'],
    ['the very first goes where --color says', emptyService(), 'a', 'green', 'upgrade green'],
    [
      'before the first switch it stays with the slot it began with',
      service({ green: aSlot('green', 'b') }, null, green),
      'c',
      null,
      'upgrade green',
    ],
    [
      'to the standby of what serves',
      service({ blue: aSlot('blue', 'a') }, blue, blue),
      'b',
      null,
      'upgrade green',
    ],
    ['over the slot that is kept', switched(), 'c', null, 'upgrade blue'],
    ['not what serves already', switched(), 'b', null, 'live green'],
    ['not what stands by already', waiting(), 'b', null, 'ready green'],
    [
      'again what stands by and is not ready',
      service({ ...both, green: aSlot('green', 'b', { ready: 1 }) }, blue, green),
      'b',
      null,
      'upgrade green',
    ],
    ['never to the slot that serves', waiting(), 'c', 'blue', 'slot-is-live'],
  ]
  it.each(cases)('%s', (_, now, revision, color, expected) => {
    const plan = planDeploy(state({ order: now }), {
      wanted: { order: wanted(revision) },
      color,
      unfinished: [],
    })
    const said =
      plan.kind === 'refusal'
        ? plan.code
        : plan.steps.map(({ action, color }) => `${action} ${color}`).join()
    expect(said).toBe(expected)
  })

  it('names the other color only where it would do', () => {
    const hint = (others: Record<string, ServiceState>) =>
      planDeploy(state({ order: waiting(), ...others }), {
        wanted: { order: wanted('c'), payment: wanted('c') },
        color: 'blue',
        unfinished: [],
      })
    expect(hint({ payment: waiting() })).toMatchObject({ hint: expect.stringMatching(/green/) })
    const mixed = expect.stringMatching(/^Leave --color out/)
    expect(hint({ payment: switched() })).toMatchObject({ hint: mixed })
  })

  it("takes each service's own standby", () => {
    const plan = planDeploy(state({ order: waiting(), payment: switched() }), {
      wanted: { order: wanted('c'), payment: wanted('c') },
      color: null,
      unfinished: [],
    })
    expect(plan).toMatchObject({ steps: [{ color: 'green' }, { color: 'blue' }] })
  })

  it('takes back a candidate when what serves is wanted again', () => {
    const plan = planDeploy(state({ order: waiting() }), {
      wanted: { order: wanted('a') },
      color: null,
      unfinished: [],
    })
    expect(plan).toMatchObject({ steps: [{ action: 'live', preview: blue }] })
  })

  it('writes a slot again that stands while the Helm release is unfinished, and none that serves', () => {
    const actionOf = (revision: string, unfinished: string[]) =>
      planDeploy(state({ order: waiting() }), {
        wanted: { order: wanted(revision) },
        color: null,
        unfinished,
      })
    expect(actionOf('b', ['order'])).toMatchObject({ steps: [{ action: 'upgrade' }] })
    expect(actionOf('b', ['payment'])).toMatchObject({ steps: [{ action: 'ready' }] })
    expect(actionOf('a', ['order'])).toMatchObject({ steps: [{ action: 'live' }] })
  })

  it('waits for an interrupted switch to be finished', () => {
    const now = state({ order: waiting() }, { operation: operation('switch', ['order']) })
    expect(planDeploy(now, { wanted: {}, color: null, unfinished: [] })).toMatchObject({
      code: 'interrupted-operation',
    })
  })
})

describe('switch', () => {
  const ready = smoked({ order: 'b', payment: 'a' }, ['order'])
  const two = { order: waiting(), payment: service({ blue: aSlot('blue', 'a') }, blue, blue) }
  const rolledBack = [
    release('r-1', 'switch', ['order']),
    release('r-2', 'rollback', ['order'], {
      services: [{ name: 'order', from: greenSide, to: blueSide }],
    }),
  ]
  const refusalOf = (plan: MovePlan | Refusal): string =>
    plan.kind === 'refusal' ? plan.code : 'planned'

  it('takes what waits, and leaves alone what does not', () => {
    const plan = planSwitch(state(two, { smoked: [ready] }), {
      services: null,
      color: null,
      skipSmoke: false,
    })
    expect(plan).toEqual({
      kind: 'switch',
      finishes: null,
      moves: [{ name: 'order', from: blueSide, to: greenSide }],
    })
  })

  it('does not lead to where a service serves already', () => {
    const live = { order: service({ blue: aSlot('blue', 'a') }, blue, blue) }
    const intent = { services: ['order'], color: 'blue', skipSmoke: true } as const
    expect(planSwitch(state(live), intent)).toMatchObject({
      code: 'slot-is-live',
      message: 'order serves from blue already.',
    })
  })

  it('has nothing to come from the first time', () => {
    const first = { order: service({ blue: aSlot('blue', 'a') }, null, blue) }
    const plan = planSwitch(state(first), { services: null, color: null, skipSmoke: true })
    expect(plan).toMatchObject({ moves: [{ from: null, to: blueSide }] })
  })

  const cases: [string, Record<string, ServiceState>, object, string[] | null, string][] = [
    ['not without a smoke test', two, {}, null, 'not-smoked'],
    [
      'not with a smoke test of another combination',
      two,
      { smoked: [smoked({ order: 'b', payment: 'z' }, ['order'])] },
      null,
      'not-smoked',
    ],
    [
      'not with a smoke test of the other service only',
      two,
      { smoked: [smoked({ order: 'b', payment: 'a' }, ['payment'])] },
      null,
      'not-smoked',
    ],
    ['not when nothing was deployed', { order: switched() }, {}, null, 'nothing-deployed'],
    ['not to a slot that does not exist', two, { smoked: [ready] }, ['payment'], 'slot-missing'],
    [
      'not back to the slot that served before, however often it is asked',
      { order: switched() },
      {
        history: [release('r-1', 'switch', ['order'])],
        smoked: [smoked({ order: 'a' }, ['order'])],
      },
      ['order'],
      'slot-not-new',
    ],
    [
      'forward again to a slot that was rolled back, by name',
      { order: service(both, blue, blue) },
      { history: rolledBack, smoked: [smoked({ order: 'b' }, ['order'])] },
      ['order'],
      'planned',
    ],
    [
      'forward again not untested',
      { order: service(both, blue, blue) },
      { history: rolledBack },
      ['order'],
      'not-smoked',
    ],
    [
      'forward again not without a name',
      { order: service(both, blue, blue) },
      { history: rolledBack, smoked: [smoked({ order: 'b' }, ['order'])] },
      null,
      'nothing-deployed',
    ],
    [
      'forward again only to what was rolled back',
      { order: service({ ...both, green: aSlot('green', 'z') }, blue, blue) },
      { history: rolledBack, smoked: [smoked({ order: 'z' }, ['order'])] },
      ['order'],
      'slot-not-new',
    ],
    [
      'forward again though a later attempt was undone',
      { order: service(both, blue, blue) },
      {
        history: [...rolledBack, release('r-3', 'switch', ['order'], { outcome: 'undone' })],
        smoked: [smoked({ order: 'b' }, ['order'])],
      },
      ['order'],
      'planned',
    ],
    [
      'not to a slot that is not ready',
      { order: service({ ...both, green: aSlot('green', 'b', { ready: 1 }) }, blue, green) },
      {},
      null,
      'slot-not-ready',
    ],
    [
      'not over an interrupted one',
      two,
      { smoked: [ready], operation: operation('switch', ['order']) },
      null,
      'interrupted-operation',
    ],
  ]
  it.each(cases)('%s', (_, services, records, chosen, expected) => {
    expect(
      refusalOf(
        planSwitch(state(services, records), { services: chosen, color: null, skipSmoke: false }),
      ),
    ).toBe(expected)
  })
})

describe('rollback', () => {
  const plan = (services: Record<string, ServiceState>, records: object, over: object = {}) =>
    planRollback(state(services, records), { services: null, to: null, ...over })
  const said = (result: MovePlan | Refusal): string =>
    result.kind === 'refusal'
      ? result.code
      : result.moves.map(({ name, to }) => `${name} ${to?.color ?? 'nowhere'}`).join()
  const two = { order: switched(), payment: switched() }
  const last = release('r-1', 'switch', ['order', 'payment'])
  const backOf = (name: string): Release =>
    release('r-2', 'rollback', [name], { services: [{ name, from: greenSide, to: blueSide }] })

  const cases: [string, Record<string, ServiceState>, object, object, string][] = [
    ['takes all of the last switch', two, { history: [last] }, {}, 'order blue,payment blue'],
    ['takes one of them', two, { history: [last] }, { services: ['payment'] }, 'payment blue'],
    [
      'takes the others after one went back',
      { ...two, order: waiting() },
      { history: [last, backOf('order')] },
      {},
      'payment blue',
    ],
    [
      'never undoes itself',
      { order: waiting() },
      { history: [release('r-1', 'switch', ['order']), backOf('order')] },
      {},
      'already-rolled-back',
    ],
    [
      'never undoes itself for one service',
      two,
      { history: [last, backOf('order')] },
      { services: ['order'] },
      'already-rolled-back',
    ],
    [
      'passes over what was undone',
      two,
      { history: [last, release('r-2', 'switch', ['order'], { outcome: 'undone' })] },
      {},
      'order blue,payment blue',
    ],
    ['needs a switch', two, {}, {}, 'nothing-to-roll-back'],
    [
      'needs a slot that served before',
      { order: switched() },
      {
        history: [
          release('r-1', 'switch', ['order'], {
            services: [{ name: 'order', from: null, to: greenSide }],
          }),
        ],
      },
      {},
      'nothing-to-roll-back',
    ],
    [
      'needs the slot to stand',
      { order: service({ green: aSlot('green', 'b') }, green, green) },
      { history: [release('r-1', 'switch', ['order'])] },
      {},
      'slot-gone',
    ],
    [
      'needs the slot to be what it was',
      { order: service({ blue: aSlot('blue', 'z'), green: aSlot('green', 'b') }, green, green) },
      { history: [release('r-1', 'switch', ['order'])] },
      {},
      'slot-gone',
    ],
    [
      'needs the slot to be ready',
      { order: service({ ...both, blue: aSlot('blue', 'a', { ready: 0 }) }, green, green) },
      { history: [release('r-1', 'switch', ['order'])] },
      {},
      'slot-not-ready',
    ],
    [
      'goes to a release by name',
      { order: waiting() },
      { history: [release('r-1', 'switch', ['order'])] },
      { to: 'r-1' },
      'order green',
    ],
    ['knows the releases', two, { history: [last] }, { to: 'r-9' }, 'unknown-release'],
    [
      'has nothing to do when it serves',
      two,
      { history: [last] },
      { to: 'r-1' },
      'nothing-to-roll-back',
    ],
    [
      'puts an interrupted switch back',
      { order: switched(), payment: waiting() },
      { operation: operation('switch', ['order', 'payment']) },
      {},
      'order blue',
    ],
    [
      'finishes an interrupted switch as a whole',
      two,
      { operation: operation('switch', ['order', 'payment']) },
      { services: ['order'] },
      'interrupted-operation',
    ],
    [
      'carries an interrupted rollback on',
      { order: switched(), payment: waiting() },
      { operation: operation('rollback', ['order', 'payment']) },
      {},
      'payment green',
    ],
    [
      'leaves nothing live when an interrupted first switch goes back',
      { order: switched() },
      {
        operation: {
          ...operation('switch', ['order']),
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
    const alone = service({ green: aSlot('green', 'b') }, green, green)
    const records = { operation: operation('switch', ['order', 'payment']) }
    expect(plan({ order: alone, payment: switched() }, records)).toMatchObject({
      kind: 'rollback',
      moves: [{ name: 'payment', to: blueSide }],
      finishes: 'r-2',
      stays: [expect.stringMatching(/order keeps serving from green.*blue with v-a is gone/)],
    })
    expect(plan({ order: alone, payment: alone }, records)).toMatchObject({ moves: [] })
  })

  it('waits for a slot of an interrupted switch that is there and not ready', () => {
    const unready = service({ ...both, blue: aSlot('blue', 'a', { ready: 1 }) }, green, green)
    const records = { operation: operation('switch', ['order']) }
    expect(plan({ order: unready }, records)).toMatchObject({ code: 'slot-not-ready' })
  })

  it('says so when what it would go back to serves already', () => {
    const result = plan({ order: waiting() }, { history: [release('r-1', 'switch', ['order'])] })
    expect(result).toMatchObject({ message: expect.stringMatching(/^What served before.*already/) })
  })

  it('says after a cleanup how to come back, naming rollback --to', () => {
    const gone = { order: service({ green: aSlot('green', 'b') }, green, green) }
    const first = release('r-1', 'switch', ['order'], {
      services: [{ name: 'order', from: null, to: blueSide }],
    })
    const result = plan(gone, { history: [first, release('r-2', 'switch', ['order'])] })
    expect(result).toMatchObject({
      code: 'slot-gone',
      hint: expect.stringContaining('rollback --to r-1'),
    })
  })
})

describe('cleanup', () => {
  it('removes what does not serve, and leads the preview back', () => {
    expect(planCleanup(state({ order: waiting() }), { services: null })).toEqual({
      kind: 'cleanup',
      deletions: [{ service: 'order', slot: both.green }],
      previews: [{ service: 'order', target: blue }],
    })
  })

  it('keeps the way back while what serves is not ready', () => {
    const broken = { ...both, green: aSlot('green', 'b', { ready: 1 }) }
    const now = { order: service(broken, green, green) }
    expect(planCleanup(state(now), { services: null })).toMatchObject({ code: 'live-not-ready' })
    expect(planCleanup(state(now), { services: [] })).toMatchObject({ kind: 'cleanup' })
  })

  it('leaves a first deploy alone', () => {
    const first = { order: service({ blue: aSlot('blue', 'a') }, null, blue) }
    expect(planCleanup(state(first), { services: null })).toMatchObject({
      deletions: [],
      previews: [],
    })
  })
})
