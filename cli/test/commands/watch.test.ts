// What a watch prints, and how the command ends that was watched.
import { describe, expect, it, vi } from 'vitest'
import { historyText, operationText } from '../../src/commands/history.ts'
import { resumeCommand } from '../../src/commands/resume.ts'
import { statusText } from '../../src/commands/status.ts'
import { switchCommand } from '../../src/commands/switch.ts'
import { watchCommand } from '../../src/commands/watch.ts'
import { watchText } from '../../src/commands/watched.ts'
import type { Context } from '../../src/context.ts'
import { failed } from '../../src/errors.ts'
import type { GateRecord } from '../../src/release/watch-record.ts'
import { aHolder } from '../fakes/journal.ts'
import { aReading, aTally } from '../fakes/pod-metrics.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../fakes/shop.ts'
import { aMove, aWatch } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

const errors: GateRecord = {
  ...{ gate: 'errors', service: 'order', mode: 'on', outcome: 'breach', requests: 41, failures: 9 },
  ...{ tolerated: 0.005, limit: 5, since: '2026-01-01T12:00:03.000Z' },
  what: '9 of 41 requests failed, since 12:00:03Z, 5 are a breach, 0.5 % tolerated (0 of 18,000 in the half hour before, by Prometheus)',
}
const pods: GateRecord = {
  ...{ gate: 'pods', service: 'order', mode: 'on', outcome: 'passes', what: '2 pods are well' },
  ...{ requests: null, failures: null, tolerated: null, limit: null, since: null },
}

describe('as text', () => {
  const record = aWatch({ outcome: 'breached', note: 'errors', gates: [pods, errors] })

  it('has each gate with the share that is tolerated, and the words of a breach', () => {
    expect(
      plain((width) => watchText('r-2', record, width))
        .split('\n')
        .slice(0, 4),
    ).toEqual([
      'r-2: it is worse than before: errors',
      'GATE             VERDICT  FAILED  LIMIT  TOLERATED',
      'pods of order    passes   -       -      -',
      'errors of order  breach   9/41    5      0.5 %',
    ])
  })

  it.each(widths)('fits into %s columns', (width) => {
    const text = plain((room) => watchText('r-2', record, room), width)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
    expect(words(text)).toContain('tolerated')
  })
})

describe('elsewhere', () => {
  const over = { watch: aWatch({ outcome: 'passed', gates: [pods] }) }
  const operation = aMove('r-2', 'switch', ['order'], over)
  const undo = { command: null, note: 'none' }

  it('history has the outcome of a watch, and history show its gates', () => {
    const list = plain((width) => historyText({ operations: [operation], byHand: null }, width))
    expect(list).toMatch(/r-2 +switch .* done, passed +order/)
    const all = plain((width) => operationText(operation, undo, width))
    expect(all).toMatch(/r-2: the watch has found nothing\nGATE .*\npods of order +passes/)
  })

  const status = {
    ...{ env: 'local', release: 'r-2', changedAfter: null, operation: null, lock: null },
    ...{
      broker: null,
      alerts: null,
      argocd: null,
      services: {},
      problems: [],
      held: [],
      unlisted: [],
    },
  }
  const until = '2026-01-01T12:05:00.000Z'
  const diedAt = '2026-01-01T12:01:00.000Z'
  const again = 'shopctl watch r-2'
  const errorsText = 'errors of order: 9 of 41'
  it.each([
    [{ diedAt: null, breach: null, next: null }, `r-2 is watched until ${until}`],
    [
      { diedAt: null, breach: errorsText, next: 'shopctl rollback' },
      'r-2 is worse than before (errors of order: 9 of 41), and still live: `shopctl rollback` goes back',
    ],
    [
      { diedAt, breach: null, next: again },
      'the watch of r-2 died at 2026-01-01T12:01:00.000Z: `shopctl watch r-2` starts it again',
    ],
  ])('status says that it goes on, has died, or was not rolled back: %j', (found, line) => {
    const watch = { release: 'r-2', until, ...found }
    const text = plain((width) => statusText({ ...status, watch }, width), 120)
    expect(text.split('\n')[1]).toBe(line)
  })
})

function contextOf({ world, config }: Shop): Context {
  return {
    ...{ config, env: 'local', chosen: null, services: Object.keys(config.services) },
    ...{ environment: config.environments.local, clock: world.clock, progress: world.progress },
    cluster: async () => world,
    tree: async () => ({ registryAddress: '127.0.0.1:5000' }),
    builtinCharts: () => ({}),
  } as unknown as Context
}

const input = {
  ...{ color: null, skipSmoke: false, despiteAlerts: false, timeoutMs: 50, reason: null },
  ...{ yes: true, overrideFreeze: false, lockWaitMs: null, probe: true, dryRun: false },
  pauseBefore: false,
}

async function ready(failing: number): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  await shop.smoke()
  const { clock, metrics, podMetrics } = shop.world
  const known = aTally({ requests: 18_000, attempts: 18_000 })
  metrics.tallies = Object.fromEntries(names.map((name) => [name, known]))
  podMetrics.reading = () => {
    const requests = Math.floor(clock.monotonic() / 100)
    return aReading({ requests, failedRequests: Math.floor(requests * failing) })
  }
  return shop
}

describe('a switch', () => {
  it('without a watch writes none', async () => {
    const shop = await ready(0)
    const result = await switchCommand(contextOf(shop), { ...input, watchMs: null, json: false })
    expect(plain(result.text)).toMatch(/^r-2\n/)
    expect(shop.world.state.journal.closed.at(-1)?.watch).toBeUndefined()
  })

  it('with one has its verdict in the document', async () => {
    const shop = await ready(0)
    const result = await switchCommand(contextOf(shop), { ...input, watchMs: 60_000, json: true })
    expect(result.failure).toBeUndefined()
    expect(result.document).toMatchObject({
      ...{ release: 'r-2', watch: { outcome: 'passed' }, back: null, error: null },
    })
    expect(result.outputs).toEqual({ release: 'r-2', colors: { order: 'green', payment: 'green' } })
    expect(result.summary).toMatch(
      /r-2: order green, payment green; r-2: the watch has found nothing/,
    )
  })

  it('that is rolled back by it ends with 1, and its proof was printed before', async () => {
    const shop = await ready(0.5)
    const printed: string[] = []
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed.push(`${shop.live('order')}: ${String(text)}`)
      return true
    })
    const result = await switchCommand(contextOf(shop), {
      ...{ ...input, watchMs: 60_000, json: false },
    }).finally(() => write.mockRestore())
    expect(printed.join('')).toMatch(/^green bbbbbbbb: r-2\n/)
    expect(result.failure).toMatchObject({ code: 'rolled-back', exitCode: 1 })
    expect(plain(result.text)).toMatch(/^r-2: it is worse than before: errors of order: \d+ of \d+/)
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(result.document).toMatchObject({
      ...{ release: 'r-2', watch: { outcome: 'breached' } },
      back: { release: 'r-3', services: [{ from: 'green', to: 'blue' }, {}] },
      error: { code: 'rolled-back', hint: expect.stringMatching(/./) },
    })
    expect(result.outputs).toEqual({ release: 'r-3', colors: { order: 'blue', payment: 'blue' } })
  })

  it('that is rolled back by it gives its slots the same time to take over', async () => {
    const shop = await ready(0.5)
    const { podMetrics, faults } = shop.world
    const { reading } = podMetrics
    podMetrics.reading = (...pod) => {
      faults.deaf.add('order')
      return reading(...pod)
    }
    const own = { timeoutMs: 7_000, watchMs: 60_000, json: true }
    const { failure } = await switchCommand(contextOf(shop), { ...input, ...own })
    expect(failure).toMatchObject({ code: 'not-rolled-back' })
    expect(failure?.hint).toMatch(/The limit was 7 s: `--timeout` sets another one\.$/)
  })

  it('that is rolled back by it waits for a lock, also of a person', async () => {
    const shop = await ready(0.5)
    const { podMetrics, lock, clock } = shop.world
    const { reading } = podMetrics
    const { sleep } = clock
    let from = Number.POSITIVE_INFINITY
    podMetrics.reading = (...pod) => {
      if (from === Number.POSITIVE_INFINITY) {
        from = clock.monotonic()
        lock.byHand = aHolder({ holder: 'ann@there', byHand: true })
      }
      return reading(...pod)
    }
    clock.sleep = async (ms, signal) => {
      if (clock.monotonic() - from > 1_500_000) lock.byHand = null
      await sleep(ms, signal)
    }
    const own = { watchMs: 60_000, json: true }
    const { failure } = await switchCommand(contextOf(shop), { ...input, ...own })
    expect(failure).toMatchObject({ code: 'rolled-back' })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('whose watch cannot begin has that as its error', async () => {
    const shop = await ready(0)
    const { world } = shop
    const { read } = world.journal
    let isDone = false
    world.journal.read = async () => {
      isDone ||= shop.live('order') === 'green bbbbbbbb'
      if (isDone && world.lock.holder === null)
        throw failed({ code: 'no-journal', message: 'It does not answer.' })
      return read()
    }
    const result = await switchCommand(contextOf(shop), { ...input, watchMs: 60_000, json: true })
    expect(result.document).toMatchObject({
      ...{ release: 'r-2', watch: null, back: null },
      error: { code: 'no-journal', hint: 'r-2 is live. `shopctl watch r-2` watches it.' },
    })
  })

  it('is not watched where nothing was live before', async () => {
    const shop = createShop()
    await shop.deploy()
    await shop.smoke()
    const context = contextOf(shop)
    const result = await switchCommand(context, { ...input, watchMs: 60_000, json: true })
    expect(result.failure).toBeUndefined()
    expect(shop.world.progress.lines.join('\n')).toMatch(/Nothing was live before r-1/)
  })
})

describe('a resume', () => {
  const resuming = {
    ...{ reason: null, yes: true, lockWaitMs: null, probe: true, timeoutMs: 50, json: true },
    watchMs: 60_000,
  }

  it('of a switch is watched like one', async () => {
    const shop = await interruptedSwitch()
    const result = await resumeCommand(contextOf(shop), resuming)
    expect(result.failure).toBeUndefined()
    expect(result.document).toMatchObject({ release: 'r-3', watch: { outcome: 'inconclusive' } })
  })

  it('of a rollback is not', async () => {
    const shop = await releasedTwice()
    const { world } = shop
    const killed = { driver: dyingDriver(world, 1), journal: dyingJournal(world) }
    await shop.rollback({}, killed).catch(() => {})
    const result = await resumeCommand(contextOf(shop), resuming)
    expect(result.failure).toBeUndefined()
    expect(result.document).toMatchObject({ release: expect.stringMatching(/^r-/) })
    expect(result.document).not.toHaveProperty('watch')
  })
})

it('watch judges the last switch again', async () => {
  const shop = await releasedTwice()
  const { document, failure } = await watchCommand(contextOf(shop), {
    release: 'r-2',
    ...{ forMs: 30_000, timeoutMs: 50 },
  })
  expect(failure).toBeUndefined()
  expect(document).toMatchObject({ version: 1, release: 'r-2', back: null, error: null })
})
