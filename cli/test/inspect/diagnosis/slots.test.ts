// What is said of slots and of what all services share.
import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import type { BrokerFacts } from '../../../src/inspect/diagnosis/facts.ts'
import { aHolder } from '../../fakes/journal.ts'
import { anAlert } from '../../fakes/metrics.ts'
import {
  aMove,
  anOpenOperation,
  anOperation,
  aService,
  aSide,
  aSlot,
  blue,
  bothSlots,
  green,
  waiting,
} from '../../fakes/state.ts'
import { aPod, aRollout, aScene, before, codesOf, type SceneOptions, unready } from './scene.ts'

function found(options: SceneOptions) {
  return findingsOf(aScene(options))
}

it('nothing is wrong where all is well', () => {
  expect(found({})).toEqual([])
})

describe('a slot', () => {
  it.each<[string, SceneOptions, string[]]>([
    [
      'that its Service selects and that is gone',
      { service: aService({ green: bothSlots.green }, blue, green) },
      ['order blue: slot-gone'],
    ],
    [
      'that its Service selects by another revision',
      { service: aService({ blue: aSlot('blue', 'z') }, blue, blue) },
      ['order blue: slot-gone'],
    ],
    [
      'that was scaled to zero',
      { service: unready({ replicas: 0 }) },
      ['order green: scaled-to-zero'],
    ],
    [
      'that is smaller than the live one',
      { service: unready({ replicas: 1, ready: 1 }) },
      ['order green: too-few-pods'],
    ],
    [
      'that is smaller, and is not the next to go live',
      {
        service: aService(
          { ...bothSlots, green: aSlot('green', 'b', { replicas: 1, ready: 1 }) },
          blue,
          blue,
        ),
      },
      [],
    ],
    [
      'that nobody needs any more and is not there',
      { service: aService({ blue: bothSlots.blue }, blue, blue) },
      [],
    ],
    [
      'that waits to go live for the first time',
      { service: aService({ blue: bothSlots.blue }, null, blue) },
      ['order: nothing-live'],
    ],
    ['that was never deployed', { service: aService({}, null, null) }, ['order: nothing-live']],
  ])('%s', (_, options, codes) => {
    expect(codesOf(found(options))).toEqual(codes)
  })

  it('that a rollback would need is no trouble while all is well', () => {
    const closed = [aMove('r-2', 'switch', ['order'])]
    const service = aService({ green: bothSlots.green }, green, green)
    expect(found({ service, journal: { closed } })).toEqual([])
  })

  it('that comes up for the first time has its own trouble alone', () => {
    const service = aService({ blue: aSlot('blue', 'a', { ready: 0 }) }, null, blue)
    expect(codesOf(found({ service }))).toEqual(['order blue: unknown'])
  })

  it('that is gone has the way to another one', () => {
    const [first] = found({ service: aService({ green: bothSlots.green }, blue, green) })
    expect(first).toMatchObject({
      what: 'its Service selects blue a, which does not exist.',
      evidence: ['the journal has no operation that deleted it'],
      hint: '`shopctl rollback --service order` makes green live. `shopctl deploy --service order` makes a new slot.',
    })
  })

  it('that was written over names the deploy', () => {
    const services = [{ name: 'order', from: null, to: aSide('blue', 'z') }]
    const closed = [anOperation({ services, startedAt: before(60), by: 'ann@ci' })]
    const service = aService({ blue: aSlot('blue', 'z') }, blue, blue)
    expect(found({ service, journal: { closed } })[0]?.evidence).toEqual([
      'blue has revision z now',
      'op-1, deploy by ann@ci, 60 s ago: wrote over it',
    ])
  })

  it('that was never deployed is deployed, one that is ready is switched to', () => {
    expect(found({ service: aService({}, null, null) })[0]?.hint).toContain('`shopctl deploy')
    const [first] = found({ service: aService({ blue: bothSlots.blue }, null, blue) })
    expect(first).toMatchObject({
      evidence: ['blue v-a is deployed'],
      hint: '`shopctl smoke`, then `shopctl switch`.',
    })
  })
})

it('commands are for the environment', () => {
  const service = unready({ replicas: 1, ready: 1 })
  expect(found({ service, env: 'test' })[0]?.hint).toBe(
    '`shopctl deploy --service order --env test` gives it as many.',
  )
})

describe('Argo CD', () => {
  const problem = { kind: 'wrong', service: 'order', color: 'green' } as const
  const application = 'shop.local.order-green'

  it('has its words about the Application of a slot', () => {
    const what = `${application}: Deployment order-green: denied`
    const argocd = [
      { ...problem, application, what },
      { ...problem, application: 'x', service: 'payment', what: 'of another service' },
    ]
    expect(found({ argocd })).toEqual([
      {
        ...{ service: 'order', color: 'green', cause: 'argocd' },
        what: 'Argo CD has not carried out what git says.',
        evidence: [what],
        hint: `\`kubectl --namespace argocd get application ${application} --output yaml\` shows all of it. Correct the cause, then run \`shopctl status\`.`,
      },
    ])
  })

  it.each([
    ['a Service', 'order', 'order: argocd'],
    ['all', null, 'all: argocd'],
  ])('has what git says otherwise of %s', (_, service, code) => {
    const argocd = [{ ...problem, service, color: null, application: null, what: 'git says blue' }]
    expect(codesOf(found({ argocd }))).toEqual([code])
  })

  it('that could not be looked at is no finding', () => {
    const argocd = [{ ...problem, kind: 'unread' as const, application: null, what: 'away' }]
    expect(found({ argocd })).toEqual([])
  })
})

describe('what all services share', () => {
  const broker: BrokerFacts = { problems: [], differences: [], unreachable: null }
  const down = { name: 'rabbitmq', isBroker: true, rollout: aRollout() }
  const pending = aPod({
    name: 'postgres-0',
    complaints: [{ reason: 'FailedMount', message: 'no' }],
  })

  it.each<[string, SceneOptions, string[]]>([
    ['a broker that is well', { broker }, []],
    ['its alarm', { broker: { ...broker, problems: ['memory alarm'] } }, ['broker-alarm']],
    [
      'its topology',
      { broker: { ...broker, differences: ['queue a is missing'] } },
      ['broker-topology'],
    ],
    [
      'one that cannot be asked',
      { broker: { ...broker, unreachable: 'away' } },
      ['broker-unreachable'],
    ],
    [
      'one that is down, once',
      { broker: { ...broker, unreachable: 'away' }, dependencies: [down] },
      ['dependency-down'],
    ],
    [
      'a lock',
      { lock: aHolder({ holder: 'ann@ci 7', reason: 'deploy', since: before(30) }) },
      ['operation-running'],
    ],
    [
      'a lock by hand, and what was interrupted before it',
      {
        lock: aHolder({ reason: 'repairs', since: before(30), byHand: true }),
        journal: { open: anOpenOperation({ verb: 'switch', startedAt: before(30) }) },
      },
      ['locked-by-hand', 'operation-interrupted'],
    ],
    ['an alert about none of them', { alerts: [anAlert({ service: null })] }, ['alert']],
  ])('%s', (_, options, causes) => {
    expect(codesOf(found(options))).toEqual(causes.map((cause) => `all: ${cause}`))
  })

  it('names a dependency that was never installed', () => {
    expect(found({ dependencies: [down] })[0]?.what).toBe('the dependency rabbitmq lacks pods.')
  })

  it('names what a dependency says', () => {
    const dependencies = [
      { name: 'postgres', isBroker: false, rollout: aRollout({ pods: [pending] }) },
    ]
    expect(found({ dependencies })).toMatchObject([
      {
        what: 'the dependency postgres is not ready: 0 of 1 pods.',
        evidence: ['postgres-0: FailedMount: no'],
        hint: '`kubectl --namespace shop describe pod postgres-0` shows more.',
      },
    ])
  })

  it('puts an alert about a service last, with its first command', () => {
    const alerts = [anAlert({ since: before(60) })]
    const all = found({ alerts, service: unready() })
    expect(codesOf(all)).toEqual(['order green: unknown', 'order: alert'])
    expect(all[1]).toMatchObject({
      evidence: ['critical, 60 s ago'],
      hint: '`shopctl messages list --service order` is its first command.',
    })
  })
})

it('the live slot comes before the other one', () => {
  const service = waiting()
  for (const slot of [service.slots.blue, service.slots.green]) if (slot) slot.ready = 0
  expect(codesOf(found({ service }))).toEqual(['order blue: unknown', 'order green: unknown'])
  const other = aService(service.slots as never, green, green)
  expect(codesOf(found({ service: other }))).toEqual([
    'order green: unknown',
    'order blue: unknown',
  ])
})
