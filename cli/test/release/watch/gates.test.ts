// The gates of a watch that do not count failures, and those that count slow answers.
import { describe, expect, it } from 'vitest'
import { watchSchema } from '../../../src/config/watch.ts'
import type { PodReport, PodState } from '../../../src/release/ports/cluster.ts'
import { ageLimit, type Consumed, judgeAge } from '../../../src/release/watch/age.ts'
import { breachIn, conclude } from '../../../src/release/watch/conclude.ts'
import { uncounted } from '../../../src/release/watch/judged.ts'
import { forgiveOwn, lookOwn, ownVerdict, watchOwn } from '../../../src/release/watch/own.ts'
import { beginPods, podProblem, rememberPods } from '../../../src/release/watch/pods.ts'
import { addCounted, judgeService, watchService } from '../../../src/release/watch/service-watch.ts'
import { slowBound, slowCounts } from '../../../src/release/watch/slow.ts'
import type { GateRecord } from '../../../src/release/watch-record.ts'
import { createFakeMetrics } from '../../fakes/metrics.ts'
import { aTally } from '../../fakes/pod-metrics.ts'
import { aPodState } from '../../fakes/pods.ts'

describe('what is slow', () => {
  const within = (half: number, one: number, ten = 1_000) => ({
    ...{ '0.1': 0, '0.5': half, '1': one, '10': ten },
  })
  it.each<[string, Parameters<typeof aTally>[0], number, number | null]>([
    ['is above 500 ms', { requests: 1_000, within: within(999, 1_000) }, 500, 0.5],
    ['is above p99 before', { requests: 1_000, within: within(980, 995) }, 500, 1],
    ['is above the limit of shopctl.yaml', { requests: 1_000, within: within(999, 1_000) }, 800, 1],
    ['is not known of 299 requests', { requests: 299, within: within(299, 299) }, 500, null],
    ['is not known without a bound so high', { requests: 1_000, within: { '0.1': 0 } }, 500, null],
    [
      'is not known where 1 % take longer than any bound',
      { requests: 1_000, within: within(0, 0, 980) },
      500,
      null,
    ],
  ])('%s', (_, before, limit, bound) => {
    expect(slowBound(aTally(before), limit)).toBe(bound)
  })

  it('is counted by the bound', () => {
    const counted = aTally({ requests: 10, within: { '0.5': 7, '1': 9 } })
    expect(slowCounts(counted, 0.5)).toEqual({ requests: 10, failures: 3 })
    expect(slowCounts(counted, 1)).toEqual({ requests: 10, failures: 1 })
    expect(slowCounts(aTally(), 1)).toEqual({ requests: 0, failures: 0 })
  })

  it.each<[string, Parameters<typeof aTally>[0], Parameters<typeof aTally>[0], string, string]>([
    [
      'nobody knows after 299 requests',
      { requests: 299 },
      {},
      'off',
      'off: fewer than 300 requests before',
    ],
    [
      'nobody knows without a bound so high',
      { requests: 300, within: { '0.1': 300 } },
      { requests: 400 },
      'off',
      'off: no bound of the histogram is as high as p99 before and 500 ms',
    ],
    [
      'is not read where the new version has other bounds',
      { requests: 300 },
      { requests: 400, within: { '0.4': 400, '2': 400 } },
      'unread',
      'its histogram has no bound of 0.5 s',
    ],
  ])('%s', (_, before, counted, outcome, what) => {
    const config = watchSchema.parse({})
    const settings = { config, gates: 1, isNamed: true, at: 0 }
    const known = { tally: aTally(before), source: 'pods' } as const
    const watch = watchService('order', known, settings)
    addCounted(watch, aTally(counted), { at: 100, startedAt: 0 })
    watch.readAt = 100
    const slow = judgeService(watch, config, 100).find(({ gate }) => gate === 'slow')
    expect(slow).toMatchObject({ outcome, what })
  })
})

describe('the age of messages', () => {
  /** One message each second, of this age. */
  const points = (age: (at: number) => number): Consumed[] =>
    Array.from({ length: 60 }, (_, at) => ({ at, consumed: 1, ageSum: age(at) }))
  it.each<[string, Consumed[], boolean]>([
    ['that grows above the limit is a breach', points((at) => at), true],
    ['that is high and does not grow is none', points(() => 50), false],
    ['that becomes less is none: a backlog is worked off', points((at) => 200 - at), false],
    ['that grows below the limit is none', points((at) => at / 10), false],
    ['that is above it for 20 s only is none', points((at) => (at < 40 ? 1 : at)), false],
    ['of no messages is none', [], false],
  ])('%s', (_, consumed, isBreach) => {
    expect(judgeAge(consumed, 59, 10).isBreach).toBe(isBreach)
  })

  /** Told each 3 s. */
  const open = (age: (at: number) => number) =>
    Array.from({ length: 20 }, (_, index) => ({ at: 3 * index, age: age(3 * index) }))
  const seldom = Array.from({ length: 6 }, (_, index) => ({
    ...{ at: 5 + 10 * index, consumed: 1, ageSum: 0.1 },
  }))
  it.each<[string, Consumed[], ReturnType<typeof open>, boolean]>([
    ['of what is open is a breach if it grows', [], open((at) => at), true],
    ['of what is open is none if it does not grow', [], open(() => 50), false],
    ['of what is open is none below the limit', [], open((at) => at / 10), false],
    ['of what is open is none beside messages', seldom, open((at) => at), false],
    [
      'of messages goes on as that of what is open',
      points((at) => at).filter(({ at }) => at < 40),
      open((at) => at),
      true,
    ],
  ])('%s', (_, consumed, waiting, isBreach) => {
    expect(judgeAge(consumed, 59, 10, waiting).isBreach).toBe(isBreach)
  })

  it('may be three times what it was, and 10 s at least', () => {
    expect(ageLimit({ consumed: 10, ageSum: 100 }, 10)).toBe(30)
    expect(ageLimit({ consumed: 10, ageSum: 1 }, 10)).toBe(10)
    expect(ageLimit({ consumed: 0, ageSum: 0 }, 10)).toBe(10)
  })
})

describe('without messages', () => {
  it.each<[string, number, number, GateRecord['outcome']]>([
    ['since the switch, but before: nobody knows', 40, 0, 'inconclusive'],
    ['since the switch, nor before: there is nothing to judge', 0, 0, 'passes'],
    ['before, but since the switch', 0, 4, 'passes'],
  ])('%s', (_, before, since, outcome) => {
    const config = watchSchema.parse({})
    const known = { tally: aTally({ consumed: before }), source: 'prometheus' } as const
    const watch = watchService('order', known, { config, gates: 1, isNamed: true, at: 0 })
    addCounted(watch, aTally({ consumed: since }), { at: 100, startedAt: 0 })
    watch.readAt = 100
    const age = judgeService(watch, config, 100).find(({ gate }) => gate === 'age')
    expect(age?.outcome).toBe(outcome)
  })
})

describe('the pods of a live slot', () => {
  const live: PodReport = {
    ...{ role: 'live', epoch: 1, consuming: true, consumers: 1, inFlight: 0, login: null },
    ...{ gate: null, preview: null, connections: null },
  }
  const [a, b] = [aPodState('a'), aPodState('b')]
  const ended = (reason: string, restarts: number): PodState =>
    aPodState('a', {
      containers: [{ name: 'app', restarts, waiting: null, ended: { exitCode: 1, reason } }],
    })
  interface Step {
    pods: PodState[]
    reports?: Record<string, PodReport | null>
  }
  /** A look each second. */
  const problemAfter = (first: PodState[], seconds: number, { pods, reports = {} }: Step) => {
    let memory = beginPods(first)
    let found: ReturnType<typeof podProblem> = null
    for (let at = 1; at <= seconds; at++) {
      const look = { at, pods, reports }
      memory = rememberPods(memory, look)
      found = podProblem(memory, look, 10)
    }
    return found?.what ?? null
  }
  it.each<[string, PodState[], number, Step, string | null]>([
    ['are well', [a, b], 60, { pods: [a, b] }, null],
    ['may be unready for 9 s', [a, b], 10, { pods: [a, aPodState('b', { ready: false })] }, null],
    [
      'may not be unready for 10 s',
      [a, b],
      11,
      { pods: [a, aPodState('b', { ready: false })] },
      'b is not ready any more',
    ],
    [
      'may have one that is new and not ready yet',
      [a],
      60,
      { pods: [a, aPodState('n', { ready: false })] },
      null,
    ],
    [
      'may have one that was new when the watch began',
      [a, aPodState('n', { ready: false })],
      60,
      { pods: [a, aPodState('n', { ready: false })] },
      null,
    ],
    ['may be replaced', [a, b], 60, { pods: [aPodState('c'), aPodState('d')] }, null],
    ['may not all be gone', [a, b], 11, { pods: [] }, 'no pod is ready'],
    ['may restart once', [a], 60, { pods: [ended('Error', 1)] }, null],
    ['may not restart twice', [a], 1, { pods: [ended('Error', 2)] }, '2 restarts: a'],
    ['may have restarted before', [ended('Error', 7)], 60, { pods: [ended('Error', 7)] }, null],
    [
      'may not be killed for memory',
      [a],
      1,
      { pods: [ended('OOMKilled', 1)] },
      'a was killed, out of memory',
    ],
    [
      'may have been killed for memory before',
      [ended('OOMKilled', 3)],
      60,
      { pods: [ended('OOMKilled', 3)] },
      null,
    ],
    [
      'may be without a consumer for 9 s',
      [a],
      10,
      { pods: [a], reports: { a: { ...live, consuming: false } } },
      null,
    ],
    [
      'may not be without a consumer for 10 s',
      [a],
      11,
      { pods: [a], reports: { a: { ...live, consuming: false } } },
      'a is live and consumes nothing',
    ],
    ['may say nothing', [a], 60, { pods: [a], reports: { a: null } }, null],
  ])('%s', (_, first, seconds, step, what) => {
    expect(problemAfter(first, seconds, step)).toBe(what)
  })
})

describe('a gate of the user', () => {
  const gate = { name: 'open', query: 'q', limit: 5, mode: 'on' as const }
  it.each<[string, number | null, { value: number | null } | null, GateRecord['outcome']]>([
    ['passes at its limit', null, { value: 5 }, 'passes'],
    ['passes without a value', null, { value: null }, 'passes'],
    ['is a breach above it', 5, { value: 5.1 }, 'breach'],
    ['is off where it was above it before', 6, { value: 7 }, 'off'],
    ['is unread without an answer', 1, null, 'unread'],
  ])('%s', (_, before, now, outcome) => {
    expect(ownVerdict(gate, { before, isForgiven: false }, now, true).outcome).toBe(outcome)
  })

  /** `forgive`: the cause of what was found up to then is outside. */
  it.each<[string, (number | null | 'unread' | 'forgive')[], GateRecord['outcome'][]]>([
    ['that looks back is off until it has been below', [9, 'forgive', 9, 6], ['off', 'off']],
    ['is on again once it has been below', [9, 'forgive', 5, 9], ['passes', 'breach']],
    ['that was below is not forgiven what comes later', [5, 'forgive', 9], ['breach']],
    ['that nobody could read then may have been above', ['unread', 'forgive', 9], ['off']],
    ['is unread without an answer', [9, 'forgive', 'unread', 9], ['unread', 'off']],
    ['is not below without a value', [9, 'forgive', null, 9], ['off', 'off']],
  ])('%s', async (_, steps, outcomes) => {
    const metrics = createFakeMetrics()
    const watches = await watchOwn(metrics, [gate], new Date(0))
    const found: GateRecord['outcome'][] = []
    for (const step of steps) {
      if (step === 'forgive') {
        forgiveOwn(watches)
        found.length = 0
        continue
      }
      const value = async () => (step === 'unread' ? null : { value: step })
      await lookOwn({ ...metrics, value }, watches)
      found.push(...watches.map(({ latest }) => latest.outcome))
    }
    expect(found).toEqual(outcomes)
  })
})

describe('all gates together', () => {
  const of = (
    gate: string,
    service: string | null,
    outcome: GateRecord['outcome'],
    mode: GateRecord['mode'] = 'on',
  ): GateRecord => ({ ...uncounted, gate, service, outcome, mode, what: '' })
  const probed = 'order'
  it.each<[string, GateRecord[], ReturnType<typeof conclude>]>([
    ['pass by the errors', [of('errors', 'order', 'passes')], { kind: 'passed' }],
    [
      'pass by the messages where there are no requests',
      [of('errors', 'order', 'inconclusive'), of('handlers', 'order', 'passes')],
      { kind: 'passed' },
    ],
    [
      'pass by the probe',
      [of('probe', null, 'passes'), of('errors', 'order', 'off')],
      { kind: 'passed' },
    ],
    [
      'do not pass by slow answers alone',
      [of('errors', 'order', 'off'), of('slow', 'order', 'passes')],
      { kind: 'inconclusive', why: 'nothing judges order' },
    ],
    [
      'wait for more requests',
      [of('errors', 'order', 'inconclusive')],
      { kind: 'short', services: ['order'] },
    ],
    [
      'do not pass unread',
      [of('errors', 'order', 'passes'), of('pods', 'order', 'unread')],
      { kind: 'inconclusive', why: 'unread: pods of order' },
    ],
    [
      'do not pass where messages stay away',
      [of('errors', 'order', 'passes'), of('age', 'order', 'inconclusive')],
      { kind: 'inconclusive', why: 'no message since the switch: age of order' },
    ],
    [
      'pass with a dry-run that is unread',
      [of('errors', 'order', 'passes'), of('open', null, 'unread', 'dry-run')],
      { kind: 'passed' },
    ],
    [
      'pass where nobody wants to count failures',
      [of('pods', 'order', 'passes')],
      { kind: 'passed' },
    ],
  ])('%s', (_, gates, conclusion) => {
    expect(conclude(gates, ['order'], probed)).toEqual(conclusion)
  })

  it('go back for a breach, and not for a dry-run', () => {
    const [named, real] = [of('slow', 'order', 'breach', 'dry-run'), of('age', 'order', 'breach')]
    expect(breachIn([named])).toBeNull()
    expect(breachIn([named, real])).toBe(real)
  })
})
