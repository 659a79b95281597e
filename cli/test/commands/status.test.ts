// What is live and what is on standby, as a table.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { statusText } from '../../src/commands/status.ts'
import { anAlert } from '../fakes/metrics.ts'
import { plain, widths, words } from './widths.ts'

describe('a status', () => {
  const slot = (version: string) => ({
    ...{ digest: 'sha256:a', version, revision: '0123456789', replicas: 2, ready: 2 },
    ...{ smoked: true, smokeFailed: false, consumers: 2, inFlight: 0, login: null },
    metrics: null,
  })
  const notification = {
    active: 'green' as const,
    epoch: 123,
    slots: { blue: slot('6c9086eb'), green: slot('6c9086eb-0d2fd927') },
  }
  const well = { problems: [], unlisted: [], held: [], alerts: null, argocd: null, watch: null }
  const quiet = {
    ...{ env: 'local', release: 'r-1', operation: null, lock: null, broker: null },
    changedAfter: null,
    ...well,
  }
  const busy = {
    ...{ env: 'local', release: 'r-41', changedAfter: null, ...well },
    operation: {
      ...{ id: 'r-42', verb: 'rollback', step: 'under way' },
      next: 'wait for somebody-with-a-name@a-machine-with-a-longer-one 123456',
      says: [],
    },
    lock: {
      holder: 'somebody-with-a-name@a-machine-with-a-longer-one 123456',
      reason: 'rollback of everything that was released since this morning',
      since: '2026-01-01T12:00:00Z',
      ...{ run: 'https://github.com/o/n/actions/runs/123456789', byHand: false },
    },
    freeze: {
      ...{ from: '2026-01-01T00:00:00Z', to: '2026-01-04T00:00:00Z' },
      reason: 'nobody is here until everybody is back again',
    },
    broker: { problems: ['memory alarm on rabbit@rabbitmq-0, so it takes no events'] },
  }

  it('has the epoch of the live slot', () => {
    const text = plain((width) => statusText({ ...quiet, services: { notification } }, width))
    expect(text).toMatch(/● green.*2 epoch 123$/m)
    expect(text).toMatch(/ {2}blue.*passed {2}2$/m)
  })

  it('claims no release after a change by hand, and says whose it was', () => {
    const byHand = [
      { change: 'order blue → green', commit: '0123456789abcdef', author: 'Jane <j@x.org>' },
    ]
    const status = { ...quiet, release: null, changedAfter: 'r-41', services: {} }
    const argocd = { problems: ['local-order-green is OutOfSync'], byHand }
    const text = plain((width) => statusText({ ...status, argocd }, width))
    expect(text.split('\n').slice(0, 3)).toEqual([
      'local  r-41, but changed since without shopctl',
      'argocd: local-order-green is OutOfSync',
      'by hand: order blue → green, by Jane <j@x.org> in 0123456789ab',
    ])
  })

  it('tells a failed smoke test from none', () => {
    const blue = { ...slot('a'), smoked: false, smokeFailed: true }
    const slots = { blue, green: { ...slot('b'), smoked: false } }
    const services = { notification: { ...notification, slots } }
    const text = plain((width) => statusText({ ...quiet, services }, width))
    expect(text).toMatch(/ {2}blue.*2\/2 +failed +2$/m)
    expect(text).toMatch(/● green.*2\/2 +- +2 epoch 123$/m)
  })

  it('marks the live slot in color', () => {
    const styled = statusText({ ...quiet, services: { notification } }, 80)
    const line = styled.split('\n').find((each) => each.includes('green')) ?? ''
    expect(line).not.toBe(stripVTControlCharacters(line))
  })

  it.each(widths)('fits into %s columns and loses nothing', (width) => {
    const bare = { active: null, epoch: null, slots: { blue: null, green: null } }
    const services = { notification, inventory: bare }
    const text = words(plain((room) => statusText({ ...busy, services }, room), width))
    for (const part of [
      ...['local r-41', 'rollback r-42 under way: wait for somebody', 'locked by somebody'],
      ...['released since this morning', '6c9086eb-0d2fd927', '2/2', 'passed', '2 epoch 123'],
      ...['inventory', 'not deployed'],
      'broker: memory alarm on rabbit@rabbitmq-0',
      'longer-one 123456 (https://github.com/o/n/actions/runs/123456789) since 2026-01-01T12:00:00Z:',
      'frozen until 2026-01-04T00:00:00Z: nobody is here',
    ])
      expect(text).toContain(part)
  })

  it.each(widths)(
    'says what was interrupted, what serves and what to do, in %s columns',
    (width) => {
      const says = [
        'The switch r-42 of order began at 2026-01-01T12:00:00Z, by me@here, and did not end.',
        'Live now: order blue 6c9086eb (not moved).',
        '`shopctl resume` finishes it, `shopctl rollback` undoes it.',
      ]
      const id = { id: 'r-42', verb: 'switch', step: 'interrupted', next: 'shopctl resume' }
      const status = { ...quiet, operation: { ...id, says }, services: {} }
      const text = words(plain((room) => statusText(status, room), width))
      for (const part of ['switch r-42 interrupted: shopctl resume', ...says])
        expect(text).toContain(part)
    },
  )

  it('tells a lock by hand from a command that runs', () => {
    const lock = { ...busy.lock, holder: 'ann@laptop', run: null, byHand: true }
    const text = plain((room) => statusText({ ...quiet, lock, services: {} }, room))
    expect(words(text)).toContain(
      'locked by hand, by ann@laptop since 2026-01-01T12:00:00Z: rollback',
    )
  })

  it('names what is on hold', () => {
    const side = { color: 'green', digest: `sha256:${'1'.repeat(64)}`, revision: 'a' } as const
    const of = { release: 'r-3', by: 'ann@laptop', since: '2026-01-01T12:00:00Z', reason: null }
    const held = [
      { service: 'order', side: { ...side, version: '6c9086eb' }, ...of },
      { service: 'payment', side: { ...side, version: '1a2b3c4d' }, ...of },
    ]
    const text = plain((room) => statusText({ ...quiet, held, services: {} }, room))
    expect(words(text)).toContain(
      'on hold: order 6c9086eb, payment 1a2b3c4d. `shopctl hold` shows why',
    )
  })

  it.each(widths)('has the alerts that fire, and what to do, in %s columns', (width) => {
    const alerts = [
      anAlert({ color: 'green' }),
      anAlert({ ...{ name: 'CpuHigh', severity: 'warning', service: null }, command: null }),
    ]
    const status = { ...quiet, alerts, services: { notification } }
    const text = plain((room) => statusText(status, room), width)
    expect(words(text)).toContain(
      'critical OutboxStuck (order green) since 2026-01-01T11:59:00Z: Events of order are not published `shopctl messages list --service order` warning CpuHigh since 2026',
    )
    const lines = text.split('\n')
    expect(lines.findIndex((line) => line.startsWith('warning'))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('SERVICE')),
    )
  })

  it('has what is measured of the slots, where something is', () => {
    const of = (requestsPerSecond: number, errorShare: number | null, p99Ms: number | null) => ({
      ...slot('v-a'),
      metrics: { requestsPerSecond, errorShare, p99Ms },
    })
    const slots = { blue: of(0, null, null), green: of(30.06, 0.0234, 41.6) }
    const services = { notification: { ...notification, slots }, inventory: notification }
    const [, , measured = ''] = plain((width) => statusText({ ...quiet, services }, width)).split(
      '\n\n',
    )
    expect(measured.split('\n')).toEqual([
      'SERVICE       SLOT     REQUESTS  ERRORS  P99',
      'notification    blue   0.0/s     -       -',
      'notification  ● green  30.1/s    2.3 %   42 ms',
    ])
  })

  it('without metrics is as it was before there were any', () => {
    const text = plain((width) => statusText({ ...quiet, services: { notification } }, width))
    expect(text.split('\n\n')).toHaveLength(2)
    expect(text).not.toMatch(/alert|REQUESTS/)
  })

  it('reports that there is no release yet', () => {
    expect(plain((width) => statusText({ ...quiet, release: null, services: {} }, width))).toMatch(
      /^local {2}no release yet\n/,
    )
  })

  it('says what is wrong with a slot, since when, and which command helps', () => {
    const problem = {
      ...{ service: 'order', color: 'blue' as const, what: 'order blue 6c9086eb is not ready.' },
      ...{ since: '2026-01-01T12:00:00.123Z', hint: 'Run `shopctl deploy`.' },
    }
    const status = { ...quiet, services: { notification }, problems: [problem] }
    expect(words(plain((width) => statusText(status, width)))).toMatch(
      /! order blue 6c9086eb is not ready\. Since 2026-01-01T12:00:00Z\. Run `shopctl deploy`\.$/,
    )
  })

  it('names the slots of services that are not in shopctl.yaml, and how to delete them', () => {
    const unlisted = (['blue', 'green'] as const).map((color) => ({
      ...{ service: 'billing', color, version: `v-${color}` },
    }))
    const status = { ...quiet, services: { notification }, unlisted }
    expect(words(plain((width) => statusText(status, width)))).toContain(
      'billing has blue v-blue and green v-green, but is not in shopctl.yaml. `helm uninstall billing billing-blue billing-green` deletes it.',
    )
  })
})
