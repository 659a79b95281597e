// The operations of an environment as a table, and one of them in full.
import { describe, expect, it } from 'vitest'
import { historyText, operationText } from '../../src/commands/history.ts'
import type { Undo } from '../../src/inspect/undo.ts'
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
      { name: 'move the Services', startedAt: '2026-01-01T12:00:00.250Z', tookMs: 21 },
      { name: 'wait for the consumers', tookMs: 30_000 },
    ],
  })
  const undo = { command: null, note: 'There is nothing to undo.' }
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
    const services = ['order']
    const byHand = [
      { ...change, changes, services },
      { ...change, date: '2026-01-01T11:00:00.000Z', changes: [], services: null },
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
    const text = plain((width) => operationText(undone, undo, width))
    expect(text).toMatch(/^r-41 {2}switch {2}undone$/m)
    expect(text).toMatch(/^from 2026-01-01T12:00:00.000Z to 2026-01-01T12:01:00.000Z, 1 min 0 s$/m)
    expect(text).toMatch(/^payment green v-b +b +sha256:b$/m)
    expect(text).toMatch(/^SERVICE +FROM +TO +HTTP +EVENTS +EPOCH$/m)
    expect(text).toMatch(/^payment +blue v-a +green v-b +132 ms +- +7$/m)
    // A record of an earlier version does not know when.
    expect(text).toMatch(/^move the Services +12:00:00\.250 +0\.0 s$/m)
    expect(text).toMatch(/^wait for the consumers +- +30\.0 s$/m)
    expect(text).toMatch(/\n\nThere is nothing to undo\.$/)
  })

  it.each(widths)('shows the open work in %s columns as a line, without a column', (width) => {
    const open = { openBefore: 12, finishedByOld: 3, finishedByNew: 8, openAfter: 2 }
    const services = undone.services.map((each) =>
      each.name === 'order' ? { ...each, proof: { ...each.proof, ...open } } : each,
    )
    const text = plain((room) => operationText({ ...undone, services }, undo, room), width)
    expect(words(text)).toContain(
      'order: 12 open before, 3 finished by blue, 8 by green; 2 open after',
    )
    expect(text).not.toMatch(/OPEN|FINISHED/)
    expect(text.match(/open before/g)).toHaveLength(1)
  })

  it('shows under each heading what was measured of each service', () => {
    const services = [{ name: 'order', from: null, to: null }, ...undone.services.slice(1, 2)]
    const text = plain((width) => operationText({ ...undone, services }, undo, width))
    expect(text).toMatch(/^SERVICE +FROM +TO +HTTP/m)
    expect(text).toMatch(/^order +- +- +- +- +-$/m)
    expect(text).toMatch(/^inventory +blue v-a +green v-b +132 ms +- +7$/m)
  })

  it('shows a lock, which has no slots, and a freeze that was overridden', () => {
    const locked = operation(9, { verb: 'lock', reason: 'night', services: [] })
    const lock = plain((width) => operationText(locked, undo, width))
    expect(lock).toMatch(/^op-9 {2}lock {2}done$/m)
    expect(lock).not.toMatch(/SERVICE/)
    const freeze = { from: '2026-01-01T00:00:00Z', to: '2026-01-04T00:00:00Z', reason: 'New Year' }
    const frozen = plain((width) => operationText({ ...undone, freeze }, undo, width))
    expect(frozen).toMatch(/^in a freeze, until 2026-01-04T00:00:00Z: New Year$/m)
  })

  it('shows the hooks, and what they have printed', () => {
    const ran = { script: 'a.mjs', tookMs: 300, exitCode: 0, output: 'the calendar\nis free' }
    const hooks = [
      { ...ran, hook: 'pre-switch' },
      { ...ran, hook: 'post-switch', exitCode: 3, output: '' },
      { ...ran, hook: 'on-failure', exitCode: null, output: 'too late' },
    ]
    const text = plain((width) => operationText({ ...undone, hooks }, undo, width))
    expect(text).toContain(`HOOK         SCRIPT  ENDED        TOOK
pre-switch   a.mjs   passed       0.3 s
post-switch  a.mjs   exit code 3  0.3 s
on-failure   a.mjs   not ended    0.3 s
pre-switch:
  the calendar
  is free
on-failure:
  too late`)
  })

  it('shows one that is open, and slots that were not there', () => {
    const removed = operation(9, {
      ...{ verb: 'cleanup', outcome: null, endedAt: null },
      services: [{ name: 'order', from: aSide('blue', 'a'), to: null }],
    })
    const text = plain((width) => operationText(removed, undo, width))
    expect(text).toMatch(/^op-9 {2}cleanup {2}open\nfrom \S+, not ended$/m)
    expect(text).toMatch(/^order +blue v-a +-$/m)
  })

  it.each(widths)('shows one in %s columns and loses nothing', (width) => {
    const text = words(plain((room) => operationText(undone, undo, room), width))
    for (const part of [
      ...[undone.by, undone.run ?? '', 'reason: because it had to be done', 'within 30 s.'],
      ...['1 of 2 consume.', 'notification blue v-a green v-b', 'move the Services'],
    ])
      expect(text).toContain(part)
  })

  it('shows digests in full in 80 columns, and what was tested together', () => {
    const digest = (letter: string) => `sha256:${letter.repeat(64)}`
    const side = { color: 'green', version: 'v-b', revision: 'b', digest: digest('b') } as const
    const tested = operation(3, {
      verb: 'smoke',
      services: [{ name: 'order', from: null, to: side }],
      combination: {
        order: { revision: 'b', digest: digest('b') },
        notification: { revision: '1234567890', digest: digest('c') },
      },
    })
    const text = words(plain((width) => operationText(tested, undo, width)))
    expect(text).toContain(`order green v-b b ${digest('b')} notification,`)
    expect(text).toContain(`notification, tested with 1234567890 ${digest('c')}`)
  })

  it.each<[string, Undo, string]>([
    ['a way', { command: 'shopctl rollback', note: null }, 'To undo this, run `shopctl rollback`.'],
    [
      'what else it does',
      { command: 'shopctl rollback', note: 'It undoes r-42, too.' },
      'To undo this, run `shopctl rollback`. It undoes r-42, too.',
    ],
    ['that there is none', { command: null, note: 'There is none.' }, 'There is none.'],
  ])('ends with how to undo it: %s', (_, way, expected) => {
    const text = plain((width) => operationText(undone, way, width))
    expect(text.split('\n').at(-1)).toBe(expected)
  })

  it('says that a filter leaves nothing', () => {
    const none = { operations: [], byHand: [] }
    expect(historyText(none, 80, true)).toBe('There is no such operation in the journal.')
  })

  it('shows the alerts that a switch went on in spite of', () => {
    const alerts = [anAlert({ summary: 'Events of order\nare not published' })]
    const text = plain((width) => operationText({ ...undone, alerts }, undo, width))
    expect(text).toMatch(/^in spite of OutboxStuck \(Events of order are not published\)$/m)
  })

  it('cuts a reason that is a book', () => {
    const book = operation(1, { reason: 'word '.repeat(30_000) })
    expect(plain((width) => operationText(book, undo, width)).length).toBeLessThan(3_000)
  })
})
