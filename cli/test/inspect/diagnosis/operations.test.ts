// What the journal and the lock say.
import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../../src/inspect/diagnosis/diagnose.ts'
import { aHolder } from '../../fakes/journal.ts'
import { aMove, anOpenOperation, anOperation, aSide } from '../../fakes/state.ts'
import { aRollout, aScene, before, codesOf, type SceneOptions, unready } from './scene.ts'

function found(options: SceneOptions) {
  return findingsOf(aScene(options))
}

describe('an operation', () => {
  const lock = aHolder({ holder: 'ann@ci 7', reason: 'switch', since: before(30) })
  const open = anOpenOperation({ verb: 'switch', by: 'ann@ci', startedAt: before(30) })

  it('that runs is said first', () => {
    const all = found({ lock, service: unready(), journal: { open } })
    expect(codesOf(all)).toEqual(['all: operation-running', 'order green: unknown'])
    expect(all[0]?.what).toContain('the switch r-2 of ann@ci is under way')
    expect(all[0]?.evidence).toEqual(['locked by ann@ci 7, 30 s ago: switch'])
  })

  it.each([
    ['switch', '`shopctl resume` finishes it, `shopctl rollback` undoes it.'],
    ['rollback', '`shopctl resume` finishes it, and so does `shopctl rollback`.'],
    ['deploy', 'Run `shopctl deploy` again.'],
  ] as const)('that was interrupted has its way out: %s', (verb, hint) => {
    const interrupted = anOpenOperation({ verb, phases: [{ name: 'write', tookMs: 1_200 }] })
    const [first] = found({ journal: { open: interrupted } })
    expect(first).toMatchObject({ service: null, cause: 'operation-interrupted', hint })
    expect(first?.evidence[1]).toBe('its phases: write 1.2 s')
  })

  const late =
    'order green: g-1 did not start to consume within 10 s (it reports: live, 0 consumers, not consuming; its gate names blue a, epoch 4)'
  const undone = (error: string | null, names = ['order']) => ({
    ...aMove('r-41', 'switch', names, {
      ...{ outcome: 'undone', error, by: 'ann@ci', endedAt: before(300) },
      phases: [
        { name: 'write', tookMs: 40 },
        { name: 'take over', tookMs: 10_000 },
      ],
    }),
  })

  it('that went back says what went wrong, from its record', () => {
    expect(found({ journal: { closed: [undone(late)] } })).toEqual([
      {
        ...{ service: 'order', color: null, cause: 'operation-failed' },
        what: 'its last switch went back: the slots before it are live again.',
        evidence: [
          'r-41, switch by ann@ci, ended 5 min ago',
          late,
          'its phases: write 0.0 s, take over 10.0 s',
        ],
        hint: '`shopctl history show r-41` shows its record, `shopctl logs order` what the pods wrote.',
      },
    ])
  })

  it('that went back because of another service names that', () => {
    const error = late.replaceAll('order', 'payment')
    const [first] = found({ journal: { closed: [undone(error, ['order', 'payment'])] } })
    expect(first?.what).toContain('because of payment.')
    expect(first?.evidence).toContain(error)
    expect(first?.hint).toContain('`shopctl logs payment`')
  })

  it('has only its own lines where several services failed', () => {
    const error = `${late}\n${late.replaceAll('order', 'payment')}`
    const [first] = found({ journal: { closed: [undone(error, ['order', 'payment'])] } })
    expect(first?.evidence).toContain(late)
    expect(first?.evidence.join('\n')).not.toContain('payment')
  })

  it('has no login in its record', () => {
    const error = 'order green: connect amqp://a:s3cr3t@rabbitmq failed'
    const [first] = found({ journal: { closed: [undone(error)] } })
    expect(JSON.stringify(first)).not.toContain('s3cr3t')
  })

  it.each<[string, Parameters<typeof anOperation>[0][], string[]]>([
    ['that failed', [{ outcome: 'failed', error: 'helm: no' }], ['order: operation-failed']],
    ['that was stopped', [{ outcome: 'interrupted' }], ['order: operation-failed']],
    ['that was done', [{}], []],
    ['that failed before one that was done', [{ outcome: 'failed' }, {}], []],
    [
      'that failed before one of another service',
      [{ outcome: 'failed' }, { services: [{ name: 'payment', from: null, to: null }] }],
      ['order: operation-failed'],
    ],
  ])('%s', (_, given, codes) => {
    const services = [{ name: 'order', from: null, to: aSide('green', 'b') }]
    const closed = given.map((each) => anOperation({ services, ...each }))
    expect(codesOf(found({ journal: { closed } }))).toEqual(codes)
  })

  it('that failed comes after why its slot is not ready', () => {
    const services = [{ name: 'order', from: null, to: aSide('green', 'b') }]
    const closed = [anOperation({ services, outcome: 'failed', error: 'order green: no' })]
    const complaints = [{ reason: 'FailedCreate', message: 'exceeded quota: a' }]
    const rollout = aRollout({ complaints })
    const all = found({ service: unready(), green: { rollout }, journal: { closed } })
    expect(codesOf(all)).toEqual(['order green: quota', 'order: operation-failed'])
  })
})
