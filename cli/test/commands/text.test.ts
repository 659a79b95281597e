// What commands print for people, at the widths of terminals and in a pipe.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { auditText } from '../../src/commands/audit.ts'
import { historyText, operationText } from '../../src/commands/history.ts'
import { listText } from '../../src/commands/messages.ts'
import { moveDocument, movedResult } from '../../src/commands/moved.ts'
import { statusText } from '../../src/commands/status.ts'
import type { Operation } from '../../src/release/record.ts'
import { aSide, aSlot } from '../fakes/state.ts'

const widths = [60, 80, 120, Number.POSITIVE_INFINITY]

function widest(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.length),
  )
}

/** Without styles; no line is wider than it may be. */
function plain(text: (width: number) => string, width = 80): string {
  expect(widest(text(width))).toBeLessThanOrEqual(width)
  return stripVTControlCharacters(text(width))
}

/** The words, wherever lines end. */
function words(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

function id(n: number): string {
  return `01930000-0000-7000-8000-00000000000${n}`
}

describe('a status', () => {
  const slot = (version: string) => ({
    ...{ digest: 'sha256:a', version, revision: '0123456789', replicas: 2, ready: 2 },
    ...{ smoked: true, consumers: 2, inFlight: 0 },
  })
  const notification = {
    active: 'green' as const,
    epoch: 123,
    slots: { blue: slot('6c9086eb'), green: slot('6c9086eb-0d2fd927') },
  }
  const quiet = { env: 'local', release: 'r-1', operation: null, lock: null }
  const busy = {
    ...{ env: 'local', release: 'r-41' },
    operation: {
      ...{ id: 'r-42', verb: 'rollback', step: 'under way' },
      next: 'wait for somebody-with-a-name@a-machine-with-a-longer-one 123456',
    },
    lock: {
      holder: 'somebody-with-a-name@a-machine-with-a-longer-one 123456',
      reason: 'rollback of everything that was released since this morning',
      since: '2026-01-01T12:00:00Z',
    },
  }

  it('has the epoch of the slot that serves', () => {
    const text = plain((width) => statusText({ ...quiet, services: { notification } }, width))
    expect(text).toMatch(/● green.*2 epoch 123$/m)
    expect(text).toMatch(/ {2}blue.*passed {2}2$/m)
  })

  it('marks the slot that serves in color', () => {
    const styled = statusText({ ...quiet, services: { notification } }, 80)
    const line = styled.split('\n').find((each) => each.includes('green')) ?? ''
    expect(line).not.toBe(stripVTControlCharacters(line))
  })

  it.each(widths)('goes into %s columns and loses nothing', (width) => {
    const bare = { active: null, epoch: null, slots: { blue: null, green: null } }
    const services = { notification, inventory: bare }
    const text = words(plain((room) => statusText({ ...busy, services }, room), width))
    for (const part of [
      ...['local r-41', 'rollback r-42 under way: wait for somebody', 'locked by somebody'],
      ...['released since this morning', '6c9086eb-0d2fd927', '2/2', 'passed', '2 epoch 123'],
      ...['inventory', 'not deployed'],
    ])
      expect(text).toContain(part)
  })

  it('says where there is no release yet', () => {
    expect(plain((width) => statusText({ ...quiet, release: null, services: {} }, width))).toMatch(
      /^local {2}no release yet\n/,
    )
  })
})

describe('an audit', () => {
  const books = {
    balanced: false,
    orders: { accepted: 123456, confirmed: 100000, rejected: 20000, cancelled: 3000, open: 456 },
    captures: 100000,
    refunds: 12,
    notifications: 123000,
    stock: { initial: 3000010, reserved: 456, released: 3000, sold: 100000, available: 2899554 },
    outbox: 3,
    queued: 2,
    parked: 1,
    duplicatesRefused: 17,
    byEpoch: [
      ...[1, 2, 3, 4, 5].map((epoch) => ({
        ...{ service: 'order', epoch, color: 'blue', handled: 10 },
      })),
      { service: 'payment', epoch: 0, color: null, handled: 7 },
    ],
    violations: [
      { rule: 'captured more than once', orders: [1, 2, 3].map(id), count: 30 },
      { rule: 'twelve', orders: Array.from({ length: 12 }, (_, n) => id(n % 10)) },
    ],
  }
  const here = { env: 'local', plane: 'live' } as const

  it('has the sections of the script, and the first of what is violated', () => {
    const text = plain((width) => auditText(books, here, width))
    expect(text).toMatch(/^local {2}live plane {2}NOT BALANCED/)
    expect(text).toMatch(/^ORDERS +123456 accepted {2}100000 confirmed/m)
    expect(text).toMatch(/^STOCK +3000010 initial {2}456 reserved/m)
    expect(text).toMatch(/^TOTALS +100000 captures {2}12 refunds/m)
    expect(text).toMatch(/17 duplicates refused/)
    expect(text).toMatch(/^SERVICE +EPOCH +COLOR +HANDLED$/m)
    expect(text).toMatch(/^order +3 +blue +10$/m)
    expect(text).toMatch(/^payment +0 +- +7$/m)
    expect(text).toMatch(/✗ captured more than once\n {4}0193.*\n {4}0193\S+\n {4}and 27 more/)
    expect(text).toMatch(/ {4}and 2 more$/)
  })

  it.each(widths)('goes into %s columns and loses nothing', (width) => {
    const rule = 'what was taken from a customer is what was asked of the customer, and no more'
    const audit = { ...books, violations: [...books.violations, { rule }] }
    const text = words(plain((room) => auditText(audit, here, room), width))
    for (const part of ['123456 accepted', '456 open', '2899554 available', rule, id(3)])
      expect(text).toContain(part)
  })

  it('shows the latest of many rows, and says how many there were before', () => {
    const rows = Array.from({ length: 30 }, (_, day) => ({ day, moved: day * 2 }))
    const text = plain((width) =>
      auditText({ balanced: true, violations: [], rows }, { env: 'bank', plane: 'preview' }, width),
    )
    expect(text).toMatch(/^bank {2}preview plane {2}balanced/)
    expect(text).toMatch(/^29 +58$/m)
    expect(text).not.toMatch(/^17 +34$/m)
    expect(text).toContain('and 18 earlier, with --json')
  })

  it('of any other system has its sections, and no column of maps', () => {
    const ledger = {
      balanced: true,
      violations: [],
      accounts: { open: 3, closed: 1, note: 'text' },
      days: [{ day: 'monday', entries: { many: 1 }, sum: 7 }],
      nothing: [],
    }
    const text = plain((width) => auditText(ledger, { env: 'bank', plane: 'live' }, width))
    expect(text).toMatch(/^ACCOUNTS +3 open {2}1 closed$/m)
    expect(text).toMatch(/^DAY +SUM$/m)
    expect(text).toMatch(/^monday +7$/m)
  })
})

describe('messages', () => {
  const message = {
    ...{
      id: id(1),
      service: 'notification',
      type: 'order.placed.v1',
      state: 'unroutable' as const,
    },
    ...{ attempts: 12, reason: `no\n  route ${'x'.repeat(100)}` },
    ...{ firstFailedAt: '2026-01-01T10:00:00Z', lastFailedAt: '2026-01-01T11:00:00Z' },
  }
  const messages = [message, { ...message, type: null, reason: null }]
  const list = (width: number) => listText(messages, new Date('2026-01-01T12:00:00Z'), width)

  it('have two lines each, the reason cut to the width', () => {
    const text = plain(list)
    expect(text.split('\n')[1]).toMatch(/^0193\S+ {2}notification {2}unroutable {2}12 +2 h$/)
    expect(text.split('\n')[2]).toMatch(/^ {2}order\.placed\.v1: no route x+…$/)
    expect(text.split('\n')[4]).toBe('  no event: ')
  })

  it.each(widths)('go into %s columns with their ids whole', (width) => {
    const text = plain(list, width)
    for (const part of [
      id(1),
      'notification',
      'unroutable',
      '12',
      '2 h',
      'order.placed.v1: no route',
    ])
      expect(text).toContain(part)
    expect(text.match(/no event/g)).toHaveLength(1)
  })
})

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

  it('has a line for each: what, when, how it ended, of what, by whom', () => {
    const lines = plain((width) => historyText(operations, width), 160).split('\n')
    expect(lines[1]).toMatch(/^op-58 +deploy +2026-01-01 12:00:00 +open +order +me@here$/)
    expect(lines[2]).toMatch(/^r-41 +switch .* undone +order inventory payment notification +some/)
    expect(lines[3]).toMatch(/^op-56 .* done /)
    expect(lines).toHaveLength(4)
  })

  it('says when there is none', () => {
    expect(historyText([], 80)).toBe('Nothing has been done in this environment yet.')
  })

  it.each(widths)('goes into %s columns and loses nothing', (width) => {
    const text = words(plain((room) => historyText(operations, room), width))
    for (const part of ['r-41 switch', 'undone', 'payment notification', undone.by, 'op-58'])
      expect(text).toContain(part)
  })

  it('shows one: its slots, what was measured, how long each phase took', () => {
    const text = plain((width) => operationText(undone, width))
    expect(text).toMatch(/^r-41 {2}switch {2}undone$/m)
    expect(text).toMatch(/^from 2026-01-01T12:00:00.000Z to 2026-01-01T12:01:00.000Z$/m)
    expect(text).toMatch(/^SERVICE +FROM +TO +ENDPOINTS MS +CONSUMERS MS +EPOCH$/m)
    expect(text).toMatch(/^payment +blue v-a +green v-b +132 +- +7$/m)
    expect(text).toMatch(/^wait for the consumers +30\.0 s$/m)
  })

  it('shows under each heading what was measured of each service', () => {
    const services = [{ name: 'order', from: null, to: null }, ...undone.services.slice(1, 2)]
    const text = plain((width) => operationText({ ...undone, services }, width))
    expect(text).toMatch(/^SERVICE +FROM +TO +ENDPOINTS MS/m)
    expect(text).toMatch(/^order +- +- +- +- +-$/m)
    expect(text).toMatch(/^inventory +blue v-a +green v-b +132 +- +7$/m)
  })

  it('shows one that is open, and slots that were not there', () => {
    const removed = operation(9, {
      ...{ verb: 'cleanup', outcome: null, endedAt: null },
      services: [{ name: 'order', from: aSide('blue', 'a'), to: null }],
    })
    const text = plain((width) => operationText(removed, width))
    expect(text).toMatch(/^op-9 {2}cleanup {2}open\nfrom \S+ to now$/m)
    expect(text).toMatch(/^order +blue v-a +-$/m)
  })

  it.each(widths)('shows one in %s columns and loses nothing', (width) => {
    const text = words(plain((room) => operationText(undone, room), width))
    for (const part of [
      ...[undone.by, undone.run ?? '', 'why: because it had to be done', 'within 30 s.'],
      ...['1 of 2 consume.', 'notification blue v-a green v-b', 'move the Services'],
    ])
      expect(text).toContain(part)
  })

  it('cuts a reason that is a book', () => {
    const book = operation(1, { reason: 'word '.repeat(30_000) })
    expect(plain((width) => operationText(book, width)).length).toBeLessThan(3_000)
  })
})

describe('a switch', () => {
  const proof = {
    ...{ name: 'notification', from: aSide('blue', 'a'), to: aSide('green', 'b') },
    ...{ endpointsMs: 132, consumersMs: null, epoch: null },
    recycled: { tookMs: 1_900, drained: 1, killed: 1, unknown: 1 },
  }

  it('as JSON says the epoch of each service', () => {
    const slot = aSlot('green', 'b')
    const services = [{ name: 'order', from: null, to: slot, epoch: 7, recycled: null }]
    expect(moveDocument('r-1', services)).toEqual({
      version: 1,
      release: 'r-1',
      services: [{ name: 'order', from: null, to: 'green', epoch: 7 }],
      probe: null,
    })
  })

  it.each(widths)('goes into %s columns, with what was restarted', (width) => {
    const { text } = movedResult({ release: 'r-1', services: [proof] })
    const found = words(plain(text, width))
    expect(found).toContain('notification blue v-a green v-b 132 ms -')
    expect(found).toContain(
      'notification blue restarted: 1 drained, 1 killed with its connections, 1 not seen to end in 1.9 s',
    )
  })
})
