// A switch is watched whose version accepts orders, and does not finish all of them.
import { describe, expect, it } from 'vitest'
import { watchSchema } from '../../../src/config/watch.ts'
import type { OpenWork, OpenWorkQuestion } from '../../../src/release/ports/open-work.ts'
import { movesOf } from '../../../src/release/record.ts'
import type { Watched } from '../../../src/release/watch/act.ts'
import { beginWatching } from '../../../src/release/watch/look.ts'
import { createTest } from '../../../src/release/watch/sequential.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { aReading, aTally } from '../../fakes/pod-metrics.ts'
import { createShop, names, releasedTwice, type Shop } from '../../fakes/shop.ts'

const [old, fresh] = ['blue 1a2b3c4d', 'green bbbbbbbb']
/** Orders in a second. */
const rate = 10

interface Orders {
  /** Share of those since the switch that is never finished, and of those before it. */
  late?: number
  lateBefore?: number
  /** Milliseconds of the fake clock after which no pod answers. */
  silentFrom?: number
  /** Nothing is consumed any more. */
  isDeaf?: boolean
  /** Open orders of since the switch, and the age of the oldest, so many seconds after it. */
  young?: number
  oldest?: (seconds: number) => number | null
}

/** Requests and messages are well, and order tells its open work: as its database would count it. */
function serve(
  shop: Shop,
  {
    late = 0,
    lateBefore = 0,
    silentFrom = Infinity,
    isDeaf = false,
    young = 0,
    oldest = () => null,
  }: Orders,
) {
  const { clock, podMetrics, metrics, faults } = shop.world
  const usual = { requests: 18_000, attempts: 18_000, consumed: 18_000 }
  metrics.tallies = Object.fromEntries(names.map((name) => [name, aTally(usual)]))
  const begun = clock.monotonic()
  const switchedAt = clock.now().getTime() / 1_000
  podMetrics.reading = () => {
    const requests = Math.floor((clock.monotonic() - begun) / 100)
    return aReading({ requests, attempts: requests, consumed: isDeaf ? 0 : requests })
  }
  const questions: OpenWorkQuestion[] = []
  faults.openWork.order = (question): OpenWork | null => {
    if (clock.monotonic() - begun > silentFrom) return null
    questions.push(question)
    const now = clock.now().getTime() / 1_000
    const [from, until] = [now - question.ago, now - question.late]
    const count = (a: number, b: number) => Math.floor(Math.max(0, b - a) * rate + 1e-6)
    const before = count(from, Math.min(until, switchedAt))
    const since = count(Math.max(from, switchedAt), until)
    const lateNow = Math.floor(before * lateBefore) + Math.floor(since * late)
    return {
      open: lateNow,
      before: { open: 0, finished: {} },
      since: {
        ...{ due: before + since, late: lateNow },
        ...{ open: young, oldestSeconds: oldest(now - switchedAt) },
      },
    }
  }
  return questions
}

function gateOf({ record }: Watched) {
  const found = record.gates.filter(({ gate }) => gate === 'unfinished')
  expect(found.map(({ service }) => service)).toEqual(found.length > 0 ? ['order'] : [])
  return found[0]
}

describe('a version', () => {
  it.each([
    [0.2, 50],
    [1, 45],
  ])('that never finishes %s of its orders is rolled back within %s s', async (late, seconds) => {
    const shop = await releasedTwice()
    serve(shop, { late })
    const from = shop.world.clock.monotonic()
    const { failure } = await shop.watch()
    expect(failure).toMatchObject({
      code: 'rolled-back',
      message: expect.stringMatching(
        /^r-2 was rolled back by its watch \(r-3\)\. unfinished of order: \d+ of \d+ were not finished within 30 s, since 12:00:\d\dZ, \d+ are a breach, 0\.5 % tolerated \(0 of \d+,\d+ in the half hour before, by its database\)/,
      ),
    })
    expect(names.map(shop.live)).toEqual([old, old])
    expect(shop.world.clock.monotonic() - from).toBeLessThan(seconds * 1_000)
  })

  it('that finishes its orders passes, and says what was counted', async () => {
    const shop = await releasedTwice()
    const questions = serve(shop, {})
    const from = shop.world.clock.monotonic()
    const watched = await shop.watch()
    expect(watched.record.outcome).toBe('passed')
    expect(gateOf(watched)).toMatchObject({ outcome: 'passes', failures: 0, tolerated: 0.005 })
    expect(gateOf(watched)?.requests).toBeGreaterThan(2_600)
    const took = shop.world.clock.monotonic() - from
    expect(took).toBeLessThan(305_000)
    // Three times at the beginning, then each third second.
    expect(questions.length).toBeLessThanOrEqual(took / 3_000 + 3)
    expect(questions.length).toBeGreaterThan(95)
  })

  it('passes though its orders are not due at the end', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const watched = await shop.watch({ forMs: 45_000 })
    expect(watched.record.outcome).toBe('passed')
    expect(gateOf(watched)).toMatchObject({ outcome: 'inconclusive' })
  })

  it('may leave as many unfinished as the one before', async () => {
    const shop = await releasedTwice()
    serve(shop, { late: 0.05, lateBefore: 0.04 })
    const watched = await shop.watch()
    expect(watched.record.outcome).toBe('passed')
    expect(gateOf(watched)?.tolerated).toBeGreaterThan(0.08)
  })

  it('is only named in a dry-run, and not asked where the gate is off', async () => {
    for (const [mode, outcome] of [
      ['dry-run', 'breach'],
      ['off', undefined],
    ] as const) {
      const config = aFullConfig((text) => `${text}    watch: { unfinished: ${mode} }\n`)
      const shop = createShop({ config })
      await shop.release()
      shop.commit('b')
      await shop.release()
      const questions = serve(shop, { late: 0.2 })
      const watched = await shop.watch()
      expect([watched.record.outcome, gateOf(watched)?.outcome]).toEqual(['passed', outcome])
      expect(names.map(shop.live)).toEqual([fresh, fresh])
      expect(questions.length > 0).toBe(mode === 'dry-run')
    }
  })

  it('whose pods tell nothing of it has no such gate', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    shop.world.faults.openWork = {}
    const watched = await shop.watch()
    expect([watched.record.outcome, gateOf(watched)]).toEqual(['passed', undefined])
  })

  it('is not said to have passed where no pod answers any more, and the user is told', async () => {
    const shop = await releasedTwice()
    serve(shop, { silentFrom: 100_000 })
    const watched = await shop.watch()
    expect(watched.record).toMatchObject({
      outcome: 'inconclusive',
      note: 'unread: unfinished of order',
    })
    expect(gateOf(watched)?.what).toMatch(
      /^no pod tells its open work any more\. Before: 0 of \d{3} were/,
    )
    expect(shop.world.progress.lines.join('\n')).toMatch(
      /! r-2 goes on, is not judged for now\. unfinished of order: no pod tells/,
    )
  })

  it('stays where both slots fail, and its orders of that time are not counted', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { programs, clock, faults } = shop.world
    const from = clock.monotonic()
    const isOut = (ms: number) => clock.monotonic() - from > ms && clock.monotonic() - from < 75_000
    const well = faults.openWork.order
    // What was begun from 30 s to 65 s is late, which shows until 95 s.
    faults.openWork.order = (question) => {
      const told = well?.(question) ?? null
      const seconds = (clock.monotonic() - from) / 1_000 - 30
      const late = Math.floor(Math.max(0, Math.min(seconds, 65) - 30) * rate)
      return told && { ...told, since: { ...told.since, late } }
    }
    const script: typeof programs.script = async (...args) =>
      isOut(30_000) ? { exitCode: 1, stdout: '', output: 'away' } : programs.script(...args)
    const watched = await shop.watch({}, { programs: { ...programs, script } })
    expect([watched.record.outcome, watched.failure]).toEqual(['outside', null])
    expect(gateOf(watched)).toMatchObject({ outcome: 'passes' })
    expect(names.map(shop.live)).toEqual([fresh, fresh])
  })
})

describe('a version that consumes nothing', () => {
  it('goes back for the oldest of its open orders', async () => {
    const shop = await releasedTwice()
    serve(shop, { isDeaf: true, young: 3, oldest: (seconds) => seconds - 2 })
    const { failure } = await shop.watch()
    expect(failure?.message).toMatch(
      /age of order: the oldest open work was \d\d\.\d s old, and no message was consumed, growing for 30 s; the limit is 10 s/,
    )
    expect(names.map(shop.live)).toEqual([old, old])
  })

  it.each<[string, Orders, object]>([
    ['is not judged where nothing is open', {}, { outcome: 'inconclusive' }],
    [
      'is not judged by two orders, which may wait for something else',
      { young: 2, oldest: (seconds) => seconds - 2 },
      { outcome: 'inconclusive' },
    ],
    [
      'passes where orders are open, but not for long',
      { young: 5, oldest: () => 8 },
      {
        outcome: 'passes',
        what: 'the oldest open work was 8.0 s old, and no message was consumed in the last 10 s; the limit is 10 s, growing for 30 s',
      },
    ],
    [
      'is not judged where no pod answers',
      { young: 3, oldest: (seconds) => seconds - 2, silentFrom: 0 },
      { outcome: 'inconclusive' },
    ],
  ])('%s', async (_, orders, expected) => {
    const shop = await releasedTwice()
    serve(shop, { isDeaf: true, ...orders })
    const { record } = await shop.watch()
    const age = record.gates.find(({ gate, service }) => gate === 'age' && service === 'order')
    expect(age).toMatchObject(expected)
  })

  it('is not judged by its open orders where its metrics are not read', async () => {
    const shop = await releasedTwice()
    serve(shop, { isDeaf: true, young: 3, oldest: (seconds) => seconds - 2 })
    shop.world.podMetrics.reading = () => null
    const { record } = await shop.watch()
    expect(record.outcome).toBe('inconclusive')
  })
})

it.each([
  ['on', 7],
  ['dry-run', 7],
  ['off', 6],
] as const)(
  '%s, it is one of %s tests: of two services, each has three others',
  async (mode, tests) => {
    const shop = await releasedTwice()
    serve(shop, {})
    const [operation] = movesOf(await shop.world.journal.read()).toReversed()
    if (!operation) throw new Error('nothing was switched')
    const config = watchSchema.parse({ unfinished: mode })
    const { services } = await beginWatching(shop.world, {
      ...{ config, operation, probe: false, mostMs: 1 },
    })
    const { threshold } = createTest(0.005, tests)
    for (const { figures, unfinished } of services) {
      expect(figures.gates.errors.test?.threshold).toBe(threshold)
      const gate = unfinished?.createGate({ requests: 18_000, failures: 0 })
      expect(gate?.test?.threshold ?? threshold).toBe(threshold)
    }
  },
)

describe('a watch that goes on', () => {
  it.each([
    ['finds what a version leaves unfinished from then on', 0.2, 'breached'],
    ['does not take that for what was before', 0, 'passed'],
  ])('%s', async (_, share, outcome) => {
    const shop = await releasedTwice()
    const { clock, faults } = shop.world
    serve(shop, {})
    const from = clock.monotonic()
    const sleep: typeof clock.sleep = async (ms, signal) => {
      if (clock.monotonic() - from > 60_000) throw new Error('killed')
      await clock.sleep(ms, signal)
    }
    await expect(shop.watch({}, { clock: { ...clock, sleep } })).rejects.toThrow('killed')
    await clock.sleep(61_000)
    // Of what was due until then since the switch, 900 were late.
    const well = faults.openWork.order
    const resumedAt = clock.monotonic()
    faults.openWork.order = (question) => {
      const told = well?.(question) ?? null
      const more = Math.floor(((clock.monotonic() - resumedAt) / 1_000) * rate * share)
      return told && { ...told, since: { ...told.since, late: 900 + more } }
    }
    const watched = await shop.watch()
    expect(watched.record.outcome).toBe(outcome)
    const { tolerated, what, failures } = gateOf(watched) ?? {}
    expect(tolerated).toBe(0.005)
    expect(what).toMatch(
      /0\.5 % tolerated \(0 of 1\d,\d+ in the half hour before, by its database\)/,
    )
    if (outcome === 'passed') expect(failures).toBe(0)
  })
})
