// Every check of a switch, each from facts alone.
import { describe, expect, it } from 'vitest'
import { refused } from '../../../src/errors.ts'
import type { Facts } from '../../../src/release/move/facts.ts'
import { type PreflightIntent, preflight } from '../../../src/release/move/preflight.ts'
import type { Login, PodReport } from '../../../src/release/ports/cluster.ts'
import { refuse } from '../../../src/release/refusal.ts'
import { anAlert } from '../../fakes/metrics.ts'
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
  emptyService,
  green,
  waiting,
} from '../../fakes/state.ts'
import { smallTopology } from '../../fakes/topology.ts'

const smoked = aSmoke({ order: 'b' }, ['order'])
const loginOk: Login = { state: 'ok', problem: null }
const loginRefused: Login = { state: 'refused', problem: 'database: no' }

function report(over: Partial<PodReport> = {}): PodReport {
  return {
    ...{
      role: 'live',
      consuming: true,
      consumers: 1,
      inFlight: 0,
      connections: 0,
      epoch: 1,
      login: loginOk,
    },
    ...{ gate: null, preview: null, ...over },
  }
}

const askedWell = { to: [report({ role: 'standby', consuming: false })], from: [report()] }

function facts(over: Partial<Facts> = {}): Facts {
  return {
    state: aState({ order: waiting() }, { closed: [smoked] }),
    ...{ held: null, freeze: null },
    topology: { value: { declared: smallTopology, found: smallTopology } },
    queues: { value: [{ vhost: '/', name: 'order', messages: 3 }] },
    queueLimit: 10,
    hasMetrics: true,
    alerts: [],
    asked: { order: askedWell },
    parties: [],
    ...over,
  }
}

const intent: PreflightIntent = {
  ...{ services: null, color: null, skipSmoke: false, despiteAlerts: false },
  overrideFreeze: false,
}

function check(name: string, over: Partial<Facts>, wanted: Partial<PreflightIntent> = {}) {
  const { checks } = preflight(facts(over), { ...intent, ...wanted })
  const found = checks.find((each) => each.name === name)
  if (!found) throw new Error(`there is no check ${name}`)
  return found
}

const christmas = {
  ...{ from: '2026-12-20T00:00:00Z', to: '2026-12-27T00:00:00Z', reason: 'Christmas' },
}

it('goes on in a freeze where the user overrides it, and says so', () => {
  const { state, message } = check('freeze', { freeze: christmas }, { overrideFreeze: true })
  expect(state).toBe('warning')
  expect(message).toBe('goes on in a freeze, until 2026-12-27T00:00:00Z: Christmas')
})

it('makes the same checks in the same order, whatever was found', () => {
  const names = (over: Partial<Facts>) =>
    preflight(facts(over), intent).checks.map((each) => each.name)
  const expected = [
    ...['freeze', 'lock', 'interrupted', 'standby', 'hold', 'ready', 'pods', 'smoke', 'logins'],
    ...['events', 'migrations', 'broker', 'queues', 'alerts', 'live'],
  ]
  expect(names({})).toEqual(expected)
  expect(names({ state: aState({ order: emptyService() }) })).toEqual(expected)
})

it('plans the switch where none refuses it', () => {
  const { checks, plan } = preflight(facts(), intent)
  expect(checks.filter(({ state }) => state !== 'passed').map(({ name }) => name)).toEqual([
    ...['events', 'migrations'],
  ])
  expect(plan).toEqual({
    kind: 'switch',
    moves: [{ name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') }],
  })
})

it('has all that is wrong, and no plan', () => {
  const unready = aService(
    { blue: aSlot('blue', 'a'), green: aSlot('green', 'b', { replicas: 1, ready: 0 }) },
    blue,
    green,
  )
  const { checks, plan } = preflight(
    facts({
      state: aState({ order: unready }),
      held: refuse('lock-held', 'me', 'wait'),
      freeze: christmas,
      topology: { value: { declared: smallTopology, found: {} } },
      queues: { value: [{ vhost: '/', name: 'order', messages: 11 }] },
      alerts: [anAlert()],
      asked: { order: { to: [report({ login: loginRefused })], from: [report()] } },
    }),
    intent,
  )
  expect(plan).toBeNull()
  expect(checks.flatMap(({ state, code }) => (state === 'refused' ? [code] : []))).toEqual([
    ...['frozen', 'lock-held', 'slot-not-ready', 'too-few-pods', 'not-smoked', 'no-login'],
    ...['broker-differs', 'queues-full', 'alerts-fire'],
  ])
})

const deploy = anOperation({
  services: [{ name: 'order', from: null, to: aSide('green', 'b') }],
})
const migrating = (closed = [smoked, deploy], migrations: string | null = 'm2') =>
  aState(
    {
      order: aService(
        {
          blue: aSlot('blue', 'a', { migrations: 'm1' }),
          green: aSlot('green', 'b', { migrations }),
        },
        blue,
        green,
      ),
    },
    { closed },
  )
const changed = { ...bothSlots, green: aSlot('green', 'b', { digest: 'sha256:other' }) }
const busy = { value: [{ vhost: '/', name: 'order', messages: 11 }] }
const illService = aService({ ...bothSlots, blue: aSlot('blue', 'a', { ready: 1 }) }, blue, green)
const ill = aState({ order: illService }, { closed: [smoked] })
const problem = refused({ code: 'broker-unreachable', message: 'no way', hint: 'look' })
const interruptedState = aState(
  { order: waiting() },
  { closed: [smoked], open: anOpenOperation(aMove('r-2', 'switch', ['order'])) },
)

const cases: [string, string, Partial<Facts>, string, RegExp][] = [
  ['lock', 'of another command', { held: refuse('lock-held', 'me', 'wait') }, 'refused', /^me$/],
  [
    'interrupted',
    'a killed switch',
    { state: interruptedState },
    'refused',
    /switch r-2 .* interrupted/,
  ],
  [
    ...(['interrupted', 'a switch under way'] as const),
    { state: interruptedState, held: refuse('lock-held', 'me', 'wait') },
    ...(['unknown', /^switch r-2 is under way$/] as const),
  ],
  ['standby', 'a slot', {}, 'passed', /^order green v-b$/],
  ['standby', 'nothing', { state: aState({ order: emptyService() }) }, 'refused', /newly deployed/],
  [
    'ready',
    'nothing to look at',
    { state: aState({ order: emptyService() }) },
    'unknown',
    /no slot/,
  ],
  [
    ...(['standby', 'an image that somebody has changed'] as const),
    { state: aState({ order: aService(changed, blue, green) }, { closed: [deploy] }) },
    ...(['warning', /order green runs another image .*sha256:other/] as const),
  ],
  ['ready', 'all pods', {}, 'passed', /order 2 of 2/],
  ['logins', 'that work', {}, 'passed', /can log in/],
  ['logins', 'of pods without a report', { asked: {} }, 'skipped', /no pod/],
  [
    ...(['logins', 'that no slot has'] as const),
    {
      asked: {
        order: { to: [report({ login: loginRefused })], from: [report({ login: loginRefused })] },
      },
    },
    ...(['warning', /^order green cannot log in now: database: no$/] as const),
  ],
  ['migrations', 'that deploy checked', { state: migrating() }, 'passed', /checked by deploy op-2/],
  ['migrations', 'that are applied', { state: migrating([smoked], 'm1') }, 'skipped', /none/],
  ['migrations', 'of none', { state: migrating([smoked], null) }, 'skipped', /none/],
  [
    ...(['migrations', 'of a forgotten deploy'] as const),
    { state: migrating([smoked]) },
    ...(['unknown', /no deploy of order green/] as const),
  ],
  ['broker', 'that is none', { topology: null, queues: null }, 'skipped', /names no broker/],
  ['broker', 'that is away', { topology: { problem } }, 'refused', /^no way$/],
  ['queues', 'without a broker', { topology: null, queues: null }, 'skipped', /names no broker/],
  ['queues', 'that cannot be read', { queues: { problem } }, 'unknown', /^no way$/],
  ['queues', 'whose declaration cannot be read', { topology: { problem } }, 'unknown', /^no way$/],
  ['queues', 'that are short', {}, 'passed', /at most 3 messages .* of 10/],
  [
    ...(['queues', 'at the limit'] as const),
    { queues: { value: [{ vhost: '/', name: 'order', messages: 10 }] } },
    ...(['passed', /at most 10 messages/] as const),
  ],
  ['queues', 'that are long', { queues: busy }, 'refused', /10 messages .* order in vhost \/ 11\./],
  [
    ...(['queues', 'of others'] as const),
    { queues: { value: [{ vhost: '/', name: 'theirs', messages: 99 }] } },
    ...(['passed', /at most 0/] as const),
  ],
  [
    ...(['queues', 'of another vhost'] as const),
    { queues: { value: [{ vhost: 'theirs', name: 'order', messages: 99 }] } },
    ...(['passed', /at most 0/] as const),
  ],
  [
    ...(['queues', 'of a node that is down'] as const),
    { queues: { value: [{ vhost: '/', name: 'order', messages: null }] } },
    ...(['unknown', /does not count order$/] as const),
  ],
  [
    'queues',
    'whose consumers the switch may put right',
    { queues: busy, state: ill },
    'warning',
    /11/,
  ],
  ['alerts', 'without Prometheus', { hasMetrics: false, alerts: null }, 'skipped', /names no/],
  ['alerts', 'that nobody knows', { alerts: null }, 'unknown', /does not answer/],
  ['alerts', 'that are no danger', { alerts: [anAlert({ severity: 'warning' })] }, 'passed', /./],
  ['live', 'well', {}, 'passed', /ready, and consumes/],
  ['live', 'nothing', { state: aState({ order: emptyService() }) }, 'skipped', /nothing is live/],
  [
    ...(['live', 'with too few pods'] as const),
    { state: ill },
    ...([
      'warning',
      /^order blue, which is live, is not ready: 1 of 2 pods\. .*may be the fix$/,
    ] as const),
  ],
  [
    ...(['live', 'of a service that does not move'] as const),
    {
      state: aState(
        {
          order: waiting(),
          payment: aService({ blue: aSlot('blue', 'a', { ready: 0 }) }, blue, blue),
        },
        { closed: [smoked] },
      ),
    },
    ...(['warning', /^payment blue, which is live, is not ready: 0 of 2/] as const),
  ],
  [
    ...(['live', 'that hangs'] as const),
    { asked: { order: { ...askedWell, from: [null, null] } } },
    ...(['warning', /does not answer/] as const),
  ],
  [
    ...(['live', 'that does not consume'] as const),
    { asked: { order: { ...askedWell, from: [report({ consuming: false }), null] } } },
    ...(['warning', /does not consume/] as const),
  ],
  [
    ...(['live', 'of which one pod consumes'] as const),
    { asked: { order: { ...askedWell, from: [report({ consuming: false }), report()] } } },
    ...(['passed', /./] as const),
  ],
]

describe('a check', () => {
  it.each(cases)('%s: %s', (name, _, over, state, text) => {
    const found = check(name, over)
    expect(found).toMatchObject({ state, message: expect.stringMatching(text) })
    expect(found.code !== null).toBe(state === 'refused')
  })

  it('that the user leaves out is no answer', () => {
    const state = aState({ order: waiting() })
    expect(check('smoke', { state })).toMatchObject({ state: 'refused', code: 'not-smoked' })
    expect(check('smoke', { state }, { skipSmoke: true }).state).toBe('skipped')
  })

  it('of alerts that the user goes on in spite of is a warning', () => {
    const alerts = [anAlert(), anAlert({ name: 'B', summary: '' })]
    const { state, message } = check('alerts', { alerts }, { despiteAlerts: true })
    expect([state, message]).toEqual([
      'warning',
      'OutboxStuck (Events of order are not published) fires, B fires',
    ])
  })

  it('of the queue refuses a switch of another service than the ill one', () => {
    const payment = aService({ blue: aSlot('blue', 'a'), green: aSlot('green', 'b') }, blue, green)
    const state = aState({ order: illService, payment })
    expect(check('queues', { state, queues: busy }, { services: ['payment'] }).state).toBe(
      'refused',
    )
    expect(check('queues', { state, queues: busy }, { services: ['order'] }).state).toBe('warning')
  })

  it('of the queues refuses a switch that puts only one of them right', () => {
    const queue = { vhost: '/', name: 'payment', messages: 11 }
    const declared = { ...smallTopology, queues: [...(smallTopology.queues ?? []), queue] }
    const topology = { value: { declared, found: declared } }
    const queues = { value: [...busy.value, queue] }
    expect(check('queues', { state: ill, topology, queues: busy }).state).toBe('warning')
    expect(check('queues', { state: ill, topology, queues }).state).toBe('refused')
  })
})
