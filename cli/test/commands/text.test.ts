// What commands print for people: 80 columns.
import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { auditText } from '../../src/commands/audit.ts'
import { listText } from '../../src/commands/messages.ts'
import { statusText } from '../../src/commands/status.ts'
import { moveDocument } from '../../src/commands/switch.ts'
import { aSlot } from '../fakes/world.ts'

function widest(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.length),
  )
}

function id(n: number): string {
  return `01930000-0000-7000-8000-00000000000${n}`
}

it('a status, with the epoch of the slot that serves', () => {
  const slot = (version: string) => ({
    ...{ digest: 'sha256:a', version, revision: '0123456789', replicas: 2, ready: 2 },
    ...{ smoked: true, consumers: 2, inFlight: 0 },
  })
  const text = statusText(
    {
      ...{ env: 'local', release: 'r-1', operation: null, lock: null },
      services: {
        notification: {
          active: 'green',
          epoch: 123,
          slots: { blue: slot('6c9086eb'), green: slot('6c9086eb-0d2fd927') },
        },
      },
    },
    80,
  )
  expect(stripVTControlCharacters(text)).toMatch(/● green.*2 epoch 123$/m)
  expect(text).toMatch(/ {2}blue.*passed {2}2$/m)
  expect(widest(text)).toBeLessThanOrEqual(80)
})

it('an audit, with the first orders of what is violated', () => {
  const text = auditText(
    {
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
    },
    { env: 'local', plane: 'live' },
  )
  const plain = stripVTControlCharacters(text)
  expect(plain).toMatch(/^local {2}live plane {2}NOT BALANCED/)
  expect(plain).toMatch(/ORDERS +123456 accepted {2}100000 confirmed/)
  expect(plain).toMatch(/order +to 2 +20\norder +3 +blue +10/)
  expect(plain).toMatch(/payment +0 +- +7/)
  expect(plain).toMatch(/✗ captured more than once\n {4}0193.*\n {4}0193\S+\n {4}and 27 more/)
  expect(plain).toMatch(/ {4}and 2 more$/)
  expect(widest(text)).toBeLessThanOrEqual(80)
})

it('messages, two lines each, the reason cut to the width', () => {
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
  const text = listText(
    [message, { ...message, type: null, reason: null }],
    new Date('2026-01-01T12:00:00Z'),
    80,
  )
  expect(text.split('\n')[1]).toMatch(/^0193\S+ {2}notification {2}unroutable {2}12 +2 h$/)
  expect(text.split('\n')[2]).toMatch(/^ {2}order\.placed\.v1: no route x+…$/)
  expect(text.split('\n')[4]).toBe('  no event: ')
  expect(widest(text)).toBeLessThanOrEqual(80)
})

it('a switch as JSON says the epoch of each service', () => {
  const slot = aSlot('green', 'b')
  const services = [{ name: 'order', from: null, to: slot, epoch: 7 }]
  expect(moveDocument({ release: 'r-1', services })).toEqual({
    version: 1,
    release: 'r-1',
    services: [{ name: 'order', from: null, to: 'green', epoch: 7 }],
    probe: null,
  })
})
