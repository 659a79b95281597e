// A fault, or a release, while customers order: whatever the body does, each order that was accepted must end as it
// has to, and the accounts of the four services must balance.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { rules } from '../../../services/shop/audit/rules.ts'
import { type Load, startLoad } from '../../../services/shop/load/drive.ts'
import { describe, type LoadReport } from '../../../services/shop/load/report.ts'
import { handovers } from './database.ts'
import { edgeUrl, shopctl, until } from './shop.ts'

/** `shopctl audit --json`, as far as it is read here. */
export interface Audit {
  balanced: boolean
  orders: { accepted: number; confirmed: number; rejected: number; cancelled: number; open: number }
  captures: number
  refunds: number
  notifications: number
  outbox: number
  queued: number
  parked: number
  duplicatesRefused: number
  byEpoch: { service: string; epoch: number; color: string | null; handled: number }[]
  violations: { rule: string; count: number; orders: string[] }[]
}

export interface UnderLoadOptions {
  /** Requests per second. */
  rate?: number
  url?: string
  /** Customers may see 5xx and broken connections: they ask again, with the same key, until they are answered. */
  allowFailures?: boolean
  /** Orders that the body places by other ways. */
  otherOrders?: number
}

export interface Outcome {
  /** Accepted orders that never ended, or that the order service does not know. */
  lost: number
  /** Orders that no customer placed, captures and refunds too many, and notifications of another outcome. */
  doubled: number
  /** Answers and ends that are not what they should be, and whatever else the audit found. */
  unexpected: number
  /** Requests that failed at first. */
  failures: number
  load: LoadReport
  audit: Audit
}

const doubling: readonly string[] = [
  rules.capturedTwice,
  rules.refundedTwice,
  rules.unknownOrder,
  rules.wrongNotification,
]

const services = ['order', 'inventory', 'payment', 'notification']
/** So long after an order has moved, the audit takes a missing message for lost. */
const restMs = 2_500
/** The most that a load may last. */
const seconds = 1_200

/** Waits until nothing moves any more, and audits; never throws on what the audit finds. */
export async function audit(): Promise<Audit> {
  const { stdout, stderr, exitCode } = await shopctl(['audit', '--wait', '60', '--json'])
  if (exitCode > 1 || !stdout.trimStart().startsWith('{') || !('balanced' in JSON.parse(stdout)))
    throw new Error(`shopctl audit → ${exitCode}\n${stdout}\n${stderr}`)
  return JSON.parse(stdout) as Audit
}

/** How many orders the audit has found since `before`: what an earlier test left is not counted again. */
function found(before: Audit, after: Audit, isCounted: (rule: string) => boolean): number {
  // A sum that is wrong names no order, and counts all the same.
  const orders = ({ violations }: Audit, rule: string): number =>
    violations
      .filter((violation) => violation.rule === rule)
      .reduce((sum, { count }) => sum + Math.max(1, count), 0)
  return [...new Set(after.violations.map(({ rule }) => rule))]
    .filter(isCounted)
    .reduce((sum, rule) => sum + Math.max(0, orders(after, rule) - orders(before, rule)), 0)
}

function judge(load: LoadReport, before: Audit, after: Audit, otherOrders: number): Outcome {
  const unknown = after.orders.accepted - before.orders.accepted - load.accepted - otherOrders
  const isDoubling = (rule: string): boolean => doubling.includes(rule)
  const others = found(before, after, (rule) => !isDoubling(rule))
  return {
    lost: load.lost.length + Math.max(0, -unknown),
    doubled: found(before, after, isDoubling) + Math.max(0, unknown),
    unexpected: load.unexpected.length + load.unanswered + others,
    failures: load.failures,
    load,
    audit: after,
  }
}

/** Runs `body` while customers order, then waits for quiet and expects that nothing was lost, doubled or unexpected. */
export async function underLoad(
  options: UnderLoadOptions,
  body: (load: Load) => unknown,
): Promise<Outcome> {
  const { rate = 12, url = edgeUrl, allowFailures = false, otherOrders = 0 } = options
  const before = await audit()
  const load = startLoad({ url, rate, seconds, patienceMs: 60_000 })
  let report: LoadReport
  try {
    await until('the first orders are accepted', () => load.progress().accepted > 5)
    await body(load)
  } finally {
    report = await load.stop()
  }
  await sleep(restMs)
  const outcome = judge(report, before, await audit(), otherOrders)
  const { lost, doubled, unexpected, failures } = outcome
  const violations = JSON.stringify(outcome.audit.violations, null, 2)
  const summary = [...describe(report), violations].join('\n')
  expect({ lost, doubled, unexpected }, summary).toEqual({ lost: 0, doubled: 0, unexpected: 0 })
  if (before.balanced) expect(outcome.audit.balanced, summary).toBe(true)
  if (!allowFailures) expect(failures, summary).toBe(0)
  const gaps = await Promise.all(services.map((service) => handovers(service, 1)))
  for (const [n, service] of services.entries()) {
    for (const gapMs of gaps[n] ?? [])
      expect(
        gapMs,
        `${service}: the first commit of an epoch after the last of the one before`,
      ).toBeGreaterThan(0)
  }
  return outcome
}
