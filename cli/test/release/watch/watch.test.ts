// A switch is watched: each way in which that ends, and what it leaves behind.
import { describe, expect, it } from 'vitest'
import type { parseConfig } from '../../../src/config/parse.ts'
import { failed, interrupted } from '../../../src/errors.ts'
import { readStatus } from '../../../src/inspect/status.ts'
import type { Tally } from '../../../src/release/ports/pod-metrics.ts'
import { operationSchema } from '../../../src/release/record.ts'
import type { WatchRecord } from '../../../src/release/watch-record.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { aHolder } from '../../fakes/journal.ts'
import { aReading, aTally } from '../../fakes/pod-metrics.ts'
import { aPodState } from '../../fakes/pods.ts'
import { createFakeProbe } from '../../fakes/probe.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  names,
  releasedTwice,
  type Shop,
} from '../../fakes/shop.ts'
import { outcomes, type Ports } from '../../fakes/world.ts'

/** Requests per second of each pod, from a time on. */
interface Traffic {
  rate?: number
  /** Share that fails. */
  failing?: number
  /** Milliseconds of the fake clock at which that begins. */
  from?: number
  until?: number
}

/** What pods count. Before the switch, there were 18,000 requests without a failure. */
function serve(shop: Shop, { rate = 15, failing = 0, from = 0, until = Infinity }: Traffic): void {
  const { world } = shop
  const { clock, podMetrics } = world
  world.metrics.tallies = Object.fromEntries(
    names.map((name) => [name, aTally({ requests: 18_000, attempts: 18_000 })]),
  )
  const begun = clock.monotonic()
  podMetrics.reading = () => {
    const now = clock.monotonic() - begun
    const requests = Math.floor((now / 1_000) * rate)
    const bad = Math.max(0, Math.min(now, until) - from)
    const failedRequests = Math.floor((bad / 1_000) * rate * failing)
    return aReading({ requests, failedRequests, attempts: requests })
  }
}

function watchOf({ world }: Shop, release = 'r-2'): WatchRecord | undefined {
  const record = world.state.journal.closed.find((each) => each.release === release)
  return operationSchema.parse(JSON.parse(JSON.stringify(record))).watch
}

function live(shop: Shop): (string | null)[] {
  return names.map(shop.live)
}

const [old, fresh] = [
  ['blue 1a2b3c4d', 'blue 1a2b3c4d'],
  ['green bbbbbbbb', 'green bbbbbbbb'],
]

describe('a good version', () => {
  it('passes, after the time of the watch', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const before = shop.world.clock.monotonic()
    const { record, failure, back } = await shop.watch()
    expect([record.outcome, failure, back]).toEqual(['passed', null, null])
    expect(shop.world.clock.monotonic() - before).toBeLessThan(305_000)
    expect(watchOf(shop)).toEqual(record)
    const errors = record.gates.find(
      ({ gate, service }) => gate === 'errors' && service === 'order',
    )
    expect(errors).toMatchObject({ outcome: 'passes', failures: 0, tolerated: 0.005, mode: 'on' })
    expect(errors?.requests).toBeGreaterThan(8_900)
    expect(errors?.what).toMatch(
      /0 of 9,\d+ requests failed, \d+ would be a breach, 0\.5 % tolerated \(0 of 18,000 in the half hour before, by Prometheus\)/,
    )
    expect(live(shop)).toEqual(fresh)
  })

  it.each([
    [1_000, /^30 of 9,\d+ requests failed/],
    [3_000, /^90 of 9,\d+ requests failed, .* not counting \d+ of \d+ in the 5 s from/],
  ])('stays after an outage of %s ms', async (ms, what) => {
    const shop = await releasedTwice()
    serve(shop, { failing: 1, from: 60_000, until: 60_000 + ms })
    const { record } = await shop.watch()
    expect(record.outcome).toBe('passed')
    const errors = record.gates.find(({ gate }) => gate === 'errors')
    expect(errors?.what).toMatch(what)
  })

  it('with too few requests is watched for 30 minutes, and then not said to have passed', async () => {
    const shop = await releasedTwice()
    serve(shop, { rate: 0.05 })
    const before = shop.world.clock.monotonic()
    const { record, failure } = await shop.watch()
    expect([record.outcome, failure]).toEqual(['inconclusive', null])
    expect(record.note).toMatch(/^too few to judge by: order had 3\d\d requests and messages/)
    const took = shop.world.clock.monotonic() - before
    expect(took).toBeGreaterThanOrEqual(1_800_000)
    expect(took).toBeLessThan(1_805_000)
  })

  it('that cannot be read has not passed, and the user is told', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    shop.world.podMetrics.reading = () => null
    const { record } = await shop.watch()
    expect(record.outcome).toBe('inconclusive')
    expect(record.note).toMatch(/^nothing judges order, payment; unread: errors of order/)
    expect(shop.world.progress.lines.join('\n')).toMatch(
      /! r-2 goes on, is not judged for now\. errors of order: the metrics of its pods were never read/,
    )
  })

  it('that cannot be read for a while goes on', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock, podMetrics } = shop.world
    const { reading } = podMetrics
    const from = clock.monotonic() + 100_000
    podMetrics.reading = (service, pod) =>
      clock.monotonic() > from && clock.monotonic() < from + 60_000 ? null : reading(service, pod)
    const { record } = await shop.watch()
    expect(record.outcome).toBe('passed')
    expect(shop.world.progress.lines.join('\n')).toMatch(
      /errors of order: the metrics of its pods are not read any more/,
    )
  })
})

describe('a bad version', () => {
  it.each([
    [0.5, 15],
    [0.05, 30],
  ])('of which %s fails is rolled back within %s s', async (failing, seconds) => {
    const shop = await releasedTwice()
    serve(shop, { failing })
    const before = shop.world.clock.monotonic()
    const { record, failure, back } = await shop.watch()
    expect(shop.world.clock.monotonic() - before).toBeLessThan(seconds * 1_000)
    expect(live(shop)).toEqual(old)
    expect(back?.release).toBe('r-3')
    expect(failure).toMatchObject({
      ...{ code: 'rolled-back', exitCode: 1 },
      message: expect.stringMatching(
        /^r-2 was rolled back by its watch \(r-3\)\. errors of order: \d+ of \d+ requests failed, since 12:00:\d\dZ, \d+ are a breach/,
      ),
    })
    expect(record).toMatchObject({ outcome: 'breached', note: expect.stringMatching(/by r-3$/) })
    expect(watchOf(shop)).toEqual(record)
    expect((await readStatus(shop.world, 'local', null)).watch).toBeNull()
    const last = shop.world.state.journal.closed.at(-1)
    expect(last).toMatchObject({ verb: 'rollback', release: 'r-3' })
    expect(last?.reason).toMatch(/^watch of r-2: errors of order: /)
    expect(shop.world.events.emitted.find(({ kind }) => kind === 'watch.breached')).toMatchObject({
      payload: { release: 'r-2', cause: 'release' },
    })
  })

  it('that fails through the edge alone is found by the probe', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock } = shop.world
    const probe = createFakeProbe(clock, () => ({ status: 0, error: 'no answer' }))
    const own = shop.world.state.journal.closed.at(-1)
    if (own) own.probe = aProbeRecord
    const { failure } = await shop.watch({}, { probe })
    expect(failure?.message).toMatch(/probe: (\d+) of \1 requests through the edge failed/)
    expect(live(shop)).toEqual(old)
    expect(probe.running.size).toBe(0)
  })

  it('that fails for customers alone is found beside a probe that is well', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock, metrics, podMetrics } = shop.world
    const usual = aTally({ requests: 1_800 })
    metrics.tallies = { order: usual, payment: usual }
    const begun = clock.monotonic()
    // Two pods, each of which gets half of the probe, and of a customer each second. Each fifth customer fails.
    podMetrics.reading = () => {
      const seconds = (clock.monotonic() - begun) / 1_000
      const customers = Math.floor(seconds / 2)
      const requests = Math.floor(seconds * 50) + customers
      return aReading({ requests, failedRequests: Math.floor(customers / 5), attempts: requests })
    }
    const probe = createFakeProbe(clock, () => ({ color: 'green' }))
    const own = shop.world.state.journal.closed.at(-1)
    if (own) own.probe = aProbeRecord
    const { failure } = await shop.watch({}, { probe })
    expect(failure?.message).toMatch(/errors of order: \d+ of \d\d requests failed/)
    expect(live(shop)).toEqual(old)
  })

  /** What a pod counts in a second, besides ten requests and messages that are well. */
  it.each<[string, (seconds: number) => Partial<Tally>, RegExp]>([
    ['handles messages badly', (n) => ({ failedAttempts: n * 5 }), /handlers of order: \d+ of/],
    [
      'is slow',
      (n) => ({ within: { '0.1': 0, '0.5': n * 5, '1': n * 10 } }),
      /slow of order: \d+ of \d+ answers took longer than 0\.5 s/,
    ],
    [
      'cannot read an event',
      (n) => ({ parked: { 'x.v2': n > 20 ? 1 : 0 } }),
      /parked of order: 2 parked: x\.v2/,
    ],
    [
      'consumes later and later',
      (n) => ({ consumed: n, ageSum: (n * n) / 2 }),
      /age of order: messages were \d\d\.\d s old when they were consumed, growing for 30 s; the limit is 10 s/,
    ],
  ])('that %s is rolled back', async (_, counted, what) => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock, podMetrics } = shop.world
    const begun = clock.monotonic()
    podMetrics.reading = (service) => {
      const seconds = (clock.monotonic() - begun) / 1_000
      const well = { requests: Math.floor(seconds * 10), attempts: Math.floor(seconds * 10) }
      return aReading({ ...well, ...(service === 'order' && counted(Math.floor(seconds))) })
    }
    const { failure } = await shop.watch()
    expect(failure?.message).toMatch(what)
    expect(live(shop)).toEqual(old)
  })

  it.each<[string, ReturnType<typeof aPodState>[], RegExp]>([
    ['is killed out of memory', [dead('OOMKilled', 1)], /was killed, out of memory/],
    ['restarts twice', [dead('Error', 2)], /2 restarts/],
    ['is not ready for 10 s', [aPodState('order-green-1', { ready: false })], /no pod is ready/],
  ])('that %s is rolled back', async (_, pods, what) => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock, pods: port } = shop.world
    const from = clock.monotonic() + 20_000
    const states: typeof port.states = async (name, target) =>
      name === 'order' && target.color === 'green' && clock.monotonic() > from
        ? pods
        : port.states(name, target)
    const { failure } = await shop.watch({}, { pods: { ...port, states } })
    expect(failure?.message).toMatch(what)
    expect(live(shop)).toEqual(old)
  })

  it('is not asked by the probe where errors are off', async () => {
    const config = aFullConfig((text) => `${text}    watch: { errors: off }\n`)
    const shop = await twice(config)
    serve(shop, {})
    const probe = createFakeProbe(shop.world.clock, () => ({ status: 500 }))
    const { record } = await shop.watch({}, { probe })
    expect([record.outcome, probe.starts]).toEqual(['passed', 0])
    expect(record.gates.some(({ gate }) => gate === 'probe')).toBe(false)
  })

  it('is only named in a dry-run', async () => {
    const config = aFullConfig((text) => `${text}    watch: { errors: dry-run }\n`)
    const shop = await twice(config)
    serve(shop, { failing: 0.5 })
    const { record, failure } = await shop.watch()
    expect([record.outcome, failure]).toEqual(['passed', null])
    expect(live(shop)).toEqual(fresh)
    expect(shop.world.progress.lines.join('\n')).toMatch(
      /! r-2 goes on, a breach, and only a dry-run\. errors of order: /,
    )
  })

  it('stays where both slots fail: the cause is outside', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 1, from: 30_000, until: 60_000 })
    const { programs, clock } = shop.world
    const until = clock.monotonic() + 62_000
    const script: typeof programs.script = async (...args) =>
      clock.monotonic() < until
        ? { exitCode: 1, stdout: '', output: 'password=hunter2' }
        : programs.script(...args)
    const { record, failure } = await shop.watch({}, { programs: { ...programs, script } })
    expect([record.outcome, failure]).toEqual(['outside', null])
    expect(record.note).toMatch(
      /Both slots failed: order blue \(old\): its smoke script failed; order green \(live\)/,
    )
    // What the script has printed is for the terminal, and is not sent.
    expect(JSON.stringify([record, shop.world.events.emitted])).not.toContain('hunter2')
    expect(shop.world.progress.lines.join('\n')).toContain('order blue: password=hunter2')
    expect(live(shop)).toEqual(fresh)
    const told = shop.world.events.emitted.filter(({ kind }) => kind === 'watch.breached')
    expect(told).toMatchObject([{ payload: { cause: 'outside' } }])
  })

  it('that cannot be rolled back is said to be live', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 0.5 })
    shop.world.lock.byHand = aHolder({ holder: 'me@here', byHand: true })
    const { record, failure } = await shop.watch()
    expect(failure).toMatchObject({ code: 'not-rolled-back', exitCode: 1 })
    expect(record).toMatchObject({
      outcome: 'breached',
      note: expect.stringMatching(/could not go back: me@here has locked/),
    })
    const { watch } = await readStatus(shop.world, 'local', null)
    expect(watch).toMatchObject({
      ...{ release: 'r-2', diedAt: null, next: 'shopctl rollback' },
      breach: expect.stringMatching(/^errors of order: \d+ of/),
    })
    expect(failure?.hint).toMatch(/^It is live\. Ask them\. `shopctl unlock/)
    expect(live(shop)).toEqual(fresh)
  })

  it('beside an interrupted switch names both ways out', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 0.5 })
    const goBack: Parameters<Shop['watch']>[0] = {
      async goBack(only, reason, services) {
        await interruptAnother(shop)
        return shop.rollback({ only, reason, services })
      },
    }
    const { record, failure } = await shop.watch(goBack)
    expect(failure).toMatchObject({ code: 'not-rolled-back', exitCode: 1 })
    expect(failure?.message).toMatch(/The switch r-3 of me@here .* was interrupted\.$/)
    expect(failure?.hint).toMatch(/^`shopctl resume` finishes it, `shopctl rollback` undoes it\.$/)
    expect(record.outcome).toBe('breached')
  })

  it('whose rollback fails has what that says, and nobody is told what is live', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 0.5 })
    const goBack = async () => {
      throw failed({ code: 'preview-not-moved', message: 'Half-way.', hint: 'Go on.' })
    }
    const { record, failure } = await shop.watch({ goBack })
    expect(failure).toMatchObject({ code: 'not-rolled-back', exitCode: 1, hint: 'Go on.' })
    expect(failure?.message).toMatch(
      /^r-2 is worse than before: errors .* rolled back: Half-way\.$/,
    )
    expect(record).toMatchObject({ outcome: 'breached', note: expect.stringMatching(/Half-way/) })
  })

  it('whose rollback is interrupted stays a breach, and nobody is told what is live', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 0.5 })
    const goBack = async () => {
      throw interrupted()
    }
    const { record, failure } = await shop.watch({ goBack })
    expect(failure).toMatchObject({ code: 'interrupted', exitCode: 130 })
    expect(failure?.hint).toMatch(/^The rollback of r-2 was interrupted\. .*`shopctl rollback`/)
    expect(failure?.hint).not.toMatch(/(r-2|It) is live/)
    expect(watchOf(shop)).toMatchObject({ outcome: 'breached' })
    expect(record.note).toMatch(/^errors of order: .*Its rollback was interrupted$/s)
  })
})

describe('a watch', () => {
  it.each<[string, (shop: Shop) => Promise<unknown>, RegExp]>([
    ['a rollback by hand', (shop) => shop.rollback(), /^r-3, a rollback by me@here$/],
    [
      'another switch',
      async (shop) => {
        shop.commit('c')
        await shop.release()
      },
      /^r-3, a switch by me@here$/,
    ],
  ])('is ended by %s, and undoes nothing', async (_, act, note) => {
    const shop = await releasedTwice()
    serve(shop, {})
    const at = shop.world.clock.monotonic() + 20_000
    const { clock } = shop.world
    let acted = false
    const ports: Partial<Ports> = {
      clock: {
        ...clock,
        async sleep(ms, signal) {
          await clock.sleep(ms, signal)
          if (acted || clock.monotonic() < at) return
          acted = true
          await act(shop)
        },
      },
    }
    const { record, failure } = await shop.watch({}, ports)
    expect([record.outcome, failure]).toEqual(['ended', null])
    expect(record.note).toMatch(note)
    expect(outcomes(shop.world).at(-1)).toBe('r-3 done')
    expect(clock.monotonic() - at).toBeLessThan(5_000)
  })

  it('does not undo a release that came while it looked', async () => {
    const shop = await releasedTwice()
    serve(shop, { failing: 0.5 })
    const goBack: Parameters<Shop['watch']>[0] = {
      async goBack(only, reason, services) {
        shop.commit('c')
        await shop.release()
        return shop.rollback({ only, reason, services })
      },
    }
    const { record, failure } = await shop.watch(goBack)
    expect([record.outcome, failure]).toEqual(['ended', null])
    expect(live(shop)).toEqual(['blue cccccccc', 'blue cccccccc'])
  })

  it('ends with Ctrl-C, and leaves the switch standing', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const stop = new AbortController()
    const { clock } = shop.world
    const from = clock.monotonic()
    const sleep: typeof clock.sleep = async (ms, signal) => {
      if (clock.monotonic() - from > 10_000) stop.abort()
      await clock.sleep(ms, signal)
    }
    const ports = { clock: { ...clock, sleep }, signal: stop.signal }
    const { record, failure } = await shop.watch({}, ports)
    expect(failure).toMatchObject({
      exitCode: 130,
      hint: expect.stringMatching(/r-2 is live.*`shopctl watch r-2` goes on/),
    })
    expect(record).toMatchObject({ outcome: 'ended', note: 'its command was interrupted' })
    expect(shop.world.events.emitted.at(-1)).toMatchObject({
      ...{ kind: 'watch.ended', payload: { release: 'r-2', outcome: 'ended' } },
    })
    expect(watchOf(shop)).toEqual(record)
    expect(live(shop)).toEqual(fresh)
    expect(shop.world.lock.holder).toBeNull()
  })

  it('that has died shows in status, and is started again for what is left', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const { clock } = shop.world
    const from = clock.monotonic()
    const dies: typeof clock.sleep = async (ms, signal) => {
      if (clock.monotonic() - from > 100_000) throw new Error('killed')
      await clock.sleep(ms, signal)
    }
    await expect(shop.watch({}, { clock: { ...clock, sleep: dies } })).rejects.toThrow('killed')
    expect(watchOf(shop)).toMatchObject({ outcome: null })
    const now = await readStatus(shop.world, 'local', null)
    expect(now.watch).toMatchObject({ release: 'r-2', diedAt: null })
    await expect(shop.watch()).rejects.toMatchObject({ code: 'watched-already', exitCode: 2 })
    await clock.sleep(61_000)
    const later = await readStatus(shop.world, 'local', null)
    expect(later.watch?.diedAt).toMatch(/^2026-01-01T12:0/)
    expect(later.watch?.next).toBe('shopctl watch r-2')
    const before = clock.monotonic()
    expect((await shop.watch()).record.outcome).toBe('passed')
    expect(clock.monotonic() - before).toBeLessThan(145_000)
    expect((await readStatus(shop.world, 'local', null)).watch).toBeNull()
  })

  it.each<[string, () => Promise<Shop>, string | null, string]>([
    ['is not the last', releasedTwice, 'r-1', 'not-live-any-more'],
    [
      'was rolled back',
      async () => {
        const shop = await releasedTwice()
        await shop.rollback()
        return shop
      },
      null,
      'not-live-any-more',
    ],
    [
      'was the first',
      async () => {
        const shop = createShop()
        await shop.release()
        return shop
      },
      null,
      'no-way-back',
    ],
  ])('of a release that %s is refused', async (_, make, release, code) => {
    const shop = await make()
    await expect(shop.watch({ release })).rejects.toMatchObject({ code, exitCode: 2 })
  })

  it('that died, and whose time is over, is started again by the command of status', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    const dies: typeof shop.world.clock.sleep = async () => {
      throw new Error('killed')
    }
    const { clock } = shop.world
    await expect(shop.watch({}, { clock: { ...clock, sleep: dies } })).rejects.toThrow('killed')
    await clock.sleep(301_000)
    const { watch } = await readStatus(shop.world, 'prod', null)
    expect(watch?.next).toBe('shopctl watch r-2 --for 5m --env prod')
    await expect(shop.watch()).rejects.toMatchObject({ code: 'watch-over' })
  })

  it('with too few requests has moved its end, so that it can go on after its death', async () => {
    const shop = await releasedTwice()
    serve(shop, { rate: 0.05 })
    const { clock } = shop.world
    const from = clock.monotonic()
    const dies: typeof clock.sleep = async (ms, signal) => {
      if (clock.monotonic() - from > 400_000) throw new Error('killed')
      await clock.sleep(ms, signal)
    }
    await expect(shop.watch({}, { clock: { ...clock, sleep: dies } })).rejects.toThrow('killed')
    const { startedAt = '', until = '' } = watchOf(shop) ?? {}
    expect(Date.parse(until) - Date.parse(startedAt)).toBe(1_800_000)
    await clock.sleep(61_000)
    expect((await readStatus(shop.world, 'local', null)).watch?.next).toBe('shopctl watch r-2')
  })

  it('is refused while a move is open', async () => {
    const shop = await releasedTwice()
    await interruptAnother(shop)
    await expect(shop.watch()).rejects.toMatchObject({
      ...{ code: 'interrupted-operation', exitCode: 2 },
      message: expect.stringMatching(/^The switch r-3 of me@here .* has not ended/),
    })
  })

  it('whose time is over needs a new one', async () => {
    const shop = await releasedTwice()
    serve(shop, {})
    await shop.watch()
    await expect(shop.watch()).rejects.toMatchObject({ code: 'watch-over', exitCode: 2 })
    expect((await shop.watch({ forMs: 60_000 })).record.outcome).toBe('passed')
  })
})

describe('a gate of the user', () => {
  const config = () =>
    aFullConfig(
      (text) => `${text}    watch: { own: [{ name: waiting, query: open_orders, limit: 5 }] }\n`,
    )

  it('goes back when its value is above the limit', async () => {
    const shop = await twice(config())
    serve(shop, {})
    shop.world.metrics.values = { open_orders: 3 }
    const { clock, metrics } = shop.world
    const from = clock.monotonic() + 30_000
    const value: typeof metrics.value = async () => ({ value: clock.monotonic() > from ? 7 : 3 })
    const { failure } = await shop.watch({}, { metrics: { ...metrics, value } })
    expect(failure?.message).toMatch(/waiting: 7; the limit is 5\./)
    expect(live(shop)).toEqual(old)
  })

  it('that looks back does not go back for an outage outside that is over', async () => {
    const shop = await twice(config())
    serve(shop, {})
    const { programs, clock, metrics } = shop.world
    const from = clock.monotonic()
    const isIn = (begin: number, end: number) =>
      clock.monotonic() - from > begin && clock.monotonic() - from < end
    const value: typeof metrics.value = async () => ({ value: isIn(30_000, 200_000) ? 7 : 3 })
    const script: typeof programs.script = async (...args) =>
      isIn(30_000, 45_000)
        ? { exitCode: 1, stdout: '', output: 'GET /healthz: 503' }
        : programs.script(...args)
    const ports = { metrics: { ...metrics, value }, programs: { ...programs, script } }
    const { record } = await shop.watch({}, ports)
    expect(record.outcome).toBe('outside')
    expect(record.gates.at(-1)).toMatchObject({ gate: 'waiting', outcome: 'passes' })
    expect(live(shop)).toEqual(fresh)
  })

  it('that was above it before the switch is named, and not counted', async () => {
    const shop = await twice(config())
    serve(shop, {})
    shop.world.metrics.values = { open_orders: 7 }
    const { record } = await shop.watch()
    expect(record.outcome).toBe('passed')
    expect(record.gates.at(-1)).toMatchObject({
      ...{ gate: 'waiting', outcome: 'off' },
      what: 'off: it was 7 before the switch, above 5',
    })
  })
})

async function twice(config: ReturnType<typeof parseConfig>): Promise<Shop> {
  const shop = createShop({ config })
  await shop.release()
  shop.commit('b')
  await shop.release()
  return shop
}

/** Another switch, killed after it moved one of two Services. */
async function interruptAnother(shop: Shop): Promise<void> {
  const { world } = shop
  shop.commit('c')
  await shop.deploy()
  const killed = { driver: dyingDriver(world, 1), journal: dyingJournal(world) }
  await shop.switch({ skipSmoke: true }, killed).catch(() => {})
}

function dead(reason: string, restarts: number) {
  const ended = { exitCode: 137, reason }
  const containers = [{ name: 'order', restarts, waiting: null, ended }]
  return aPodState('order-green-1', { containers })
}

const figures = { requests: 0, failures: 0, p50Ms: null, p99Ms: null }
const before300 = { requests: 300, failures: 0, p50Ms: 2, p99Ms: 5 }
const aProbeRecord = {
  ...{ address: 'http://127.0.0.1:1/orders', service: 'order', ...before300 },
  ...{
    resent: 0,
    lastOldAnswerMs: null,
    before: before300,
    during: figures,
    after: figures,
    failed: [],
  },
}
