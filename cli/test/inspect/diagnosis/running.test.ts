// What is said of pods that run: what is missing to them, and whether they take their part.
import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import type { SlotFacts } from '../../../src/inspect/diagnosis/facts.ts'
import type { PodReport } from '../../../src/release/ports/cluster.ts'
import { aMove, aService, blue, bothSlots, green as greenTarget } from '../../fakes/state.ts'
import { aContainer, aPod, aReport, aRollout, aScene, before, codesOf, unready } from './scene.ts'

const running = aRollout({ pods: [aPod({ containers: [aContainer()] })] })

/** What is found of green, whose only pod answers this. */
function answering(text: string, more: Partial<SlotFacts> = {}, over: object = {}) {
  const answers = [{ pod: 'order-green-1', text }]
  return findingsOf(
    aScene({ service: unready(), green: { rollout: running, answers, ...more }, ...over }),
  )
}

function json(over: object): string {
  const all = { database: true, migrations: true, broker: true, preview: true }
  return JSON.stringify({ ready: false, ...all, ...over })
}

describe('a pod that says what is missing', () => {
  it.each<[object, string[]]>([
    [{ database: false, migrations: false }, ['database-away']],
    [{ migrations: false }, ['migrations-missing']],
    [{ broker: false }, ['broker-away']],
    [{ broker: false, database: false }, ['database-away', 'broker-away']],
    [{ preview: false }, ['preview-plane']],
    [{ preview: false, broker: false }, ['broker-away']],
    [{ database: false, login: 'database: password authentication failed' }, ['login-refused']],
    [{ broker: false, login: 'broker: ACCESS_REFUSED - Login was refused' }, ['login-refused']],
    [
      { broker: false, login: 'database: password authentication failed' },
      ['login-refused', 'broker-away'],
    ],
    [{ broker: false, login: 'broker: connect ECONNREFUSED' }, ['broker-away']],
  ])('%j: %s', (over, causes) => {
    expect(answering(json(over)).map(({ cause }) => cause)).toEqual(causes)
  })

  it('is quoted, with its last lines and what ails the broker', () => {
    const text = json({ broker: false })
    const logs = [
      { pod: 'order-green-1', container: 'order', text: '{"level":"warn","msg":"no broker"}' },
    ]
    const dependencies = [{ name: 'rabbitmq', isBroker: true, rollout: aRollout() }]
    const found = answering(text, { logs }, { dependencies })
    expect(codesOf(found)).toEqual(['all: dependency-down', 'order green: broker-away'])
    expect(found[1]?.evidence).toEqual([
      `order-green-1 answers its readiness probe: ${text}`,
      'rabbitmq is not ready',
      'the last lines of order-green-1:\n  warn no broker',
    ])
  })

  it('names a database that is down, and not the broker', () => {
    const dependencies = [
      { name: 'rabbitmq', isBroker: true, rollout: aRollout({ pods: [aPod({ ready: true })] }) },
      { name: 'postgres', isBroker: false, rollout: aRollout() },
    ]
    const [first, second] = answering(json({ database: false }), {}, { dependencies })
    expect(first).toMatchObject({ cause: 'dependency-down', service: null })
    expect(second?.evidence).toContain('postgres is not ready')
  })

  it.each([
    ['something else', 'warming up', 'not-ready'],
    ['null', 'null', 'not-ready'],
    ['nothing', 'no answer', 'probe'],
  ])('%s is shown as it is', (_, text, cause) => {
    expect(answering(text)).toMatchObject([
      { cause, evidence: [`order-green-1 answers its readiness probe: ${text}`] },
    ])
  })

  it('is not asked without a path: the kubelet says what its probe got', () => {
    const message = 'Readiness probe failed: dial tcp 10.0.0.1:9090: connect: connection refused'
    const complaints = [{ reason: 'Unhealthy', message, at: before(3) }]
    const rollout = aRollout({ pods: [aPod({ containers: [aContainer()], complaints })] })
    expect(answering('not ready', { rollout })).toMatchObject([
      { cause: 'probe', evidence: [`order-green-1: Unhealthy, 3 s ago: ${message}`] },
    ])
  })

  it('says nothing of a pod that is ready by now', () => {
    const complaints = [{ reason: 'Unhealthy', message: 'Readiness probe failed: 503' }]
    const rollout = aRollout({ pods: [aPod({ ready: true, complaints })] })
    expect(findingsOf(aScene({ green: { rollout } }))).toEqual([])
  })
})

describe('a slot that is not ready without a reason', () => {
  it.each([
    [before(10), 'starting'],
    [before(600), 'unknown'],
    [null, 'unknown'],
  ])('since %s: %s', (unavailableSince, cause) => {
    const rollout = aRollout({ ...running, unavailableSince })
    const [first, ...others] = findingsOf(aScene({ service: unready(), green: { rollout } }))
    expect(first).toMatchObject({ cause, color: 'green' })
    expect(first?.evidence[0]).toBe('0 of 2 pods are ready')
    expect(others).toEqual([])
  })

  it('is said where its pods may not be read', () => {
    const found = findingsOf(aScene({ service: unready(), green: { rollout: null } }))
    expect(found).toMatchObject([
      { cause: 'unknown', hint: expect.stringContaining('describe deployment order-green') },
    ])
  })
})

describe('a login', () => {
  const login = { state: 'refused' as const, problem: 'database: password authentication failed' }
  const of = (report: Partial<PodReport>) =>
    findingsOf(aScene({ green: { reports: [{ pod: 'p', report: aReport(report) }] } }))

  it('that is refused is said of a slot that seems to be ready', () => {
    expect(of({ login })).toMatchObject([
      {
        ...{ cause: 'login-refused', evidence: [`p: ${login.problem}`] },
        hint: expect.stringContaining('`shopctl release --service order`'),
      },
    ])
    const preview = { ...aReport(), login }
    expect(codesOf(of({ preview }))).toEqual(['order green: login-refused'])
  })

  it('that cannot be tried says nothing of it', () => {
    expect(of({ login: { state: 'unreachable', problem: 'timeout' } })).toEqual([])
  })
})

describe('the consumers', () => {
  const live = { role: 'live', consuming: true, consumers: 1, epoch: 1 } as const
  const ofLive = (report: Partial<PodReport> | null) => {
    const reports = [{ pod: 'b-1', report: report && aReport({ ...live, ...report }) }]
    return findingsOf(aScene({ blue: { reports } }))
  }

  it.each<[string, Partial<PodReport> | null, string[]]>([
    ['are there', {}, []],
    ['are missing', { consuming: false, consumers: 0 }, ['order blue: not-consuming']],
    ['of a pod that does not know it is live', { role: 'unknown' }, ['order blue: not-consuming']],
    [
      'of a pod that cannot read its gate',
      { consuming: false, gate: null },
      ['order blue: not-consuming'],
    ],
    [
      'while the gate names the other slot',
      { consuming: false, gate: { epoch: 2, color: 'green', revision: 'b' } },
      ['order blue: gate-elsewhere'],
    ],
    [
      'while the gate names another revision',
      { consuming: false, gate: { epoch: 2, color: 'blue', revision: 'z' } },
      ['order blue: gate-elsewhere'],
    ],
    ['are not known', null, ['order blue: no-report']],
  ])('%s', (_, report, codes) => {
    expect(codesOf(ofLive(report))).toEqual(codes)
  })

  it('that are missing are quoted as their pod reports them', () => {
    const gate = { epoch: 2, color: 'green', revision: 'b' }
    expect(ofLive({ consuming: false, consumers: 0, gate })[0]?.evidence).toEqual([
      'b-1 reports: live, 0 consumers, not consuming; its gate names green b, epoch 2',
    ])
  })

  it('of a standby slot are trouble', () => {
    const reports = [{ pod: 'g-1', report: aReport({ consuming: true, consumers: 1 }) }]
    expect(codesOf(findingsOf(aScene({ green: { reports } })))).toEqual([
      'order green: standby-consumes',
    ])
  })
})

describe('a live slot that does not serve', () => {
  /** Green is live since r-2, and not ready. */
  const switched = (more: object = {}) => {
    const service = aService(structuredClone(bothSlots), greenTarget, greenTarget)
    Object.assign(service.slots.green ?? {}, { ready: 0 })
    Object.assign(service.slots.blue ?? {}, more)
    const closed = [aMove('r-2', 'switch', ['order'])]
    const answers = [{ pod: 'order-green-1', text: json({ migrations: false }) }]
    return aScene({ service, journal: { closed }, green: { rollout: running, answers } })
  }

  it('is left by a rollback first', () => {
    expect(findingsOf(switched())[0]?.hint).toBe(
      '`shopctl rollback --service order` makes blue v-a live again. `shopctl deploy --service order` applies them.',
    )
  })

  it('is not left for a slot that is not ready', () => {
    const found = findingsOf(switched({ ready: 1 }))
    expect(found[0]).toMatchObject({ color: 'green', cause: 'migrations-missing' })
    expect(found[0]?.hint).not.toContain('rollback')
    expect(codesOf(found)).toEqual(['order green: migrations-missing', 'order blue: unknown'])
  })

  it('has no way back where that was deleted, and who did it is said', () => {
    const facts = switched()
    const order = facts.state.services.order
    if (order) order.slots.blue = null
    const { closed } = facts.state.journal
    const from = { ...bothSlots.blue }
    const move = closed[0]
    if (!move) throw new Error('no move')
    closed.unshift({ ...move, release: 'r-1', services: [{ name: 'order', from: null, to: from }] })
    closed.push({
      ...move,
      ...{ verb: 'cleanup', release: null, number: 12, by: 'ann@ci', startedAt: before(120) },
      services: [{ name: 'order', from, to: null }],
    })
    const found = findingsOf(facts)
    expect(codesOf(found)).toEqual(['order green: migrations-missing', 'order blue: slot-gone'])
    expect(found[1]).toMatchObject({
      evidence: ['op-12, cleanup by ann@ci, 2 min ago: deleted it'],
      hint: '`shopctl rollback --service order --to r-1` deploys it again first.',
    })
    expect(found[1]?.what).toContain('blue v-a')
    expect(facts.state.services.order?.stable?.target).not.toEqual(blue)
  })
})
