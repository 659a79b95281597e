// The operations of an environment as a table, and one of them in full.
import { describe, expect, it } from 'vitest'
import { historyText, operationText } from '../../src/commands/history.ts'
import type { Operation } from '../../src/release/record.ts'
import { anAlert } from '../fakes/metrics.ts'
import { aSide } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

describe('a history', () => {
  function operation(number: number, more: Partial<Operation> = {}): Operation {
    return {
      ...{ version: 1, number, release: null, verb: 'deploy', by: 'me@here', run: null },
      ...{ startedAt: '2026-01-01T12:00:00.000Z', endedAt: '2026-01-01T12:01:00.000Z' },
      ...{ reason: null, phases: [], outcome: 'done', error: null },
      services: [{ name: 'order', from: null, to: aSide('green', 'b') }],
      ...more,
    }
  }
  const undone = operation(57, {
    ...{ verb: 'switch', release: 'r-41', outcome: 'undone' },
    by: 'somebody-with-a-name@a-machine-with-a-longer-one',
    run: 'https://github.com/acme/shop/actions/runs/1234567890',
    reason: `because\n${'it had to be done and nobody else would have done it '.repeat(4)}`,
    error: 'payment green did not take over within 30 s.\nIts pods: 1 of 2 consume.',
    services: ['order', 'inventory', 'payment', 'notification'].map((name) => ({
      ...{ name, from: aSide('blue', 'a'), to: aSide('green', 'b') },
      proof: { endpointsMs: 132, consumersMs: null, epoch: 7 },
    })),
    phases: [
      { name: 'move the Services', tookMs: 21 },
      { name: 'wait for the consumers', tookMs: 30_000 },
    ],
  })
  const operations = [operation(58, { outcome: null, endedAt: null }), undone, operation(56)]
  const shown = { operations, byHand: null }

  it('has a line for each: what, when, how it ended, of what, by whom', () => {
    const lines = plain((width) => historyText(shown, width), 160).split('\n')
    expect(lines[1]).toMatch(/^op-58 +deploy +2026-01-01 12:00:00 +open +order +me@here$/)
    expect(lines[2]).toMatch(/^r-41 +switch .* undone +order inventory payment notification +some/)
    expect(lines[3]).toMatch(/^op-56 .* done /)
    expect(lines).toHaveLength(4)
  })

  it('has a line for what was changed by hand: commit, when, what, by whom', () => {
    const change = {
      ...{
        commit: '0123456789abcdef',
        author: 'Jane <jane@example.com>',
        subject: 'Fix\u001b[2J it',
      },
      date: '2026-01-01T12:00:30.000Z',
    }
    const changes = ['order blue → green', 'order-green: image']
    const byHand = [
      { ...change, changes },
      { ...change, date: '2026-01-01T11:00:00.000Z', changes: [] },
    ]
    const lines = plain((width) => historyText({ operations: [operation(56)], byHand }, width), 160)
    expect(lines.split('\n').slice(1)).toEqual([
      expect.stringMatching(
        /^0123456789ab +by hand +2026-01-01 12:00:30 +- +order blue → green, order-green: image +Jane <jane@example.com>$/,
      ),
      expect.stringMatching(/^op-56 /),
      expect.stringMatching(/^0123456789ab +by hand .* - +Fix it +Jane /),
    ])
  })

  it('reports when there is none', () => {
    expect(historyText({ operations: [], byHand: null }, 80)).toBe(
      'This environment has no operations yet.',
    )
  })

  it.each(widths)('fits into %s columns and loses nothing', (width) => {
    const text = words(plain((room) => historyText(shown, room), width))
    for (const part of ['r-41 switch', 'undone', 'payment notification', undone.by, 'op-58'])
      expect(text).toContain(part)
  })

  it('shows one: its slots, what was measured, how long each phase took', () => {
    const text = plain((width) => operationText(undone, width))
    expect(text).toMatch(/^r-41 {2}switch {2}undone$/m)
    expect(text).toMatch(/^from 2026-01-01T12:00:00.000Z to 2026-01-01T12:01:00.000Z$/m)
    expect(text).toMatch(/^SERVICE +FROM +TO +HTTP +EVENTS +EPOCH$/m)
    expect(text).toMatch(/^payment +blue v-a +green v-b +132 ms +- +7$/m)
    expect(text).toMatch(/^wait for the consumers +30\.0 s$/m)
  })

  it('shows under each heading what was measured of each service', () => {
    const services = [{ name: 'order', from: null, to: null }, ...undone.services.slice(1, 2)]
    const text = plain((width) => operationText({ ...undone, services }, width))
    expect(text).toMatch(/^SERVICE +FROM +TO +HTTP/m)
    expect(text).toMatch(/^order +- +- +- +- +-$/m)
    expect(text).toMatch(/^inventory +blue v-a +green v-b +132 ms +- +7$/m)
  })

  it('shows one that is open, and slots that were not there', () => {
    const removed = operation(9, {
      ...{ verb: 'cleanup', outcome: null, endedAt: null },
      services: [{ name: 'order', from: aSide('blue', 'a'), to: null }],
    })
    const text = plain((width) => operationText(removed, width))
    expect(text).toMatch(/^op-9 {2}cleanup {2}open\nfrom \S+, not ended$/m)
    expect(text).toMatch(/^order +blue v-a +-$/m)
  })

  it.each(widths)('shows one in %s columns and loses nothing', (width) => {
    const text = words(plain((room) => operationText(undone, room), width))
    for (const part of [
      ...[undone.by, undone.run ?? '', 'reason: because it had to be done', 'within 30 s.'],
      ...['1 of 2 consume.', 'notification blue v-a green v-b', 'move the Services'],
    ])
      expect(text).toContain(part)
  })

  it('shows the alerts that a switch went on in spite of', () => {
    const alerts = [anAlert({ summary: 'Events of order\nare not published' })]
    const text = plain((width) => operationText({ ...undone, alerts }, width))
    expect(text).toMatch(/^in spite of OutboxStuck \(Events of order are not published\)$/m)
  })

  it('cuts a reason that is a book', () => {
    const book = operation(1, { reason: 'word '.repeat(30_000) })
    expect(plain((width) => operationText(book, width)).length).toBeLessThan(3_000)
  })
})
