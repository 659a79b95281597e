// Moves all four services to and fro, while customers order and read.
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { startSender } from '../../src/adapters/sender.ts'
import type { Operation, ServiceRecord } from '../../src/release/record.ts'
import { copyTree, edgeUrl, releaseHolds, shopctlJson, shopctlOk, status } from './shop.ts'
import { underLoad } from './under-load.ts'

const services = ['inventory', 'notification', 'order', 'payment']
/** Per second. */
export interface Customers {
  orders: number
  reads: number
}

/** The most that the readers may last, in seconds. */
const longest = 1_200

/** Puts another version of all four services on standby, tested. */
async function putOnStandby(): Promise<void> {
  const tree = await copyTree()
  try {
    for (const name of services) await tree.append(`services/${name}/main.ts`, '\n// to and fro\n')
    for (const verb of ['build', 'push', 'deploy', 'smoke'])
      await shopctlOk([verb], { cwd: tree.dir })
  } finally {
    await tree.remove()
  }
}

interface Reads {
  requests: number
  /** What each failed one got. */
  failures: string[]
  colors: Set<string | null>
}

/** Nine of ten reads on connections that are kept, each tenth on a new one. */
function startReaders(rate: number): { stop(): Promise<Reads> } {
  const reads: Reads = { requests: 0, failures: [], colors: new Set() }
  const sender = startSender({
    url: edgeUrl,
    rate,
    seconds: longest,
    connections: 16,
    newConnections: 0.1,
    timeoutMs: 5_000,
    // Both cores are busy: what this program could not send in time was never sent.
    mostLateMs: 500,
    next: () => ({ method: 'GET', path: `/orders/${randomUUID()}` }),
    onExchange({ status: code, error, color }) {
      reads.requests += 1
      reads.colors.add(color)
      // No such order: an answer, and a statement at the database.
      if (code !== 404) reads.failures.push(error ?? String(code))
    },
  })
  return {
    async stop() {
      await sender.stop()
      return reads
    },
  }
}

/** Expects that nobody has noticed, and that each move has its whole record. */
export async function moveToAndFro(
  moves: number,
  { orders, reads: rate }: Customers,
): Promise<void> {
  await putOnStandby()
  const { services: before } = await status()
  let reads: Reads | undefined
  const outcome = await underLoad({ rate: orders }, async () => {
    const readers = startReaders(rate)
    try {
      for (let n = 0; n < moves; n += 2) {
        await shopctlOk(['switch', '--service', services.join()])
        await shopctlOk(['rollback'])
        await releaseHolds()
        await releaseHolds()
      }
    } finally {
      reads = await readers.stop()
    }
  })
  expect(reads?.failures).toEqual([])
  expect(reads?.colors).toEqual(new Set(['blue', 'green']))
  const { operations } = await shopctlJson<{ operations: Operation[] }>([
    ...['history', '--verb', 'switch,rollback', '--limit', String(Math.min(moves, 50))],
  ])
  const lateMs: number[] = []
  const handoverMs: number[] = []
  for (const { release, outcome: end, services: moved, probe } of operations) {
    expect(end, `${release}`).toBe('done')
    expect(moved.map(({ name }) => name).toSorted(), `${release}`).toEqual(services)
    for (const { name, proof } of moved) {
      expect(proof, `${release}`).toMatchObject({
        endpointsMs: expect.any(Number),
        epoch: expect.any(Number),
      })
      if (typeof proof?.handoverMs === 'number') handoverMs.push(proof.handoverMs)
      if (name === 'order') expectOpenWork(proof, release)
    }
    // On a busy machine an answer may take longer than the probe waits.
    const failed = probe?.failed.filter(({ what }) => !what.startsWith('no answer within'))
    expect(failed, `${release}`).toEqual([])
    const last = probe?.lastOldAnswerMs ?? null
    if (last !== null) lateMs.push(last)
  }
  const finished = operations.flatMap((each) =>
    each.services.map(({ proof }) => proof?.finishedByNew),
  )
  // Few orders are open at any moment.
  if (moves >= 100)
    expect(Math.max(...finished.map((each) => Number(each ?? 0)))).toBeGreaterThan(0)
  // A new slot may have had no event yet when it was asked.
  expect(handoverMs.length).toBeGreaterThanOrEqual(0.9 * services.length * operations.length)
  const { services: after } = await status()
  for (const name of services) expect(after[name]?.active, name).toBe(before[name]?.active)
  console.info(
    `${moves} moves, ${outcome.load.accepted} orders, ${reads?.requests} reads; ` +
      `last answer of the old color: ${spread(lateMs)}; handover of a queue: ${spread(handoverMs)}`,
  )
}

function expectOpenWork(proof: ServiceRecord['proof'], release: string | null): void {
  expect(proof, `${release}`).toMatchObject({
    ...{ openBefore: expect.any(Number), openAfter: expect.any(Number) },
    ...{ finishedByOld: expect.any(Number), finishedByNew: expect.any(Number) },
  })
  const { openBefore, finishedByOld, finishedByNew } = proof ?? {}
  expect(Number(openBefore), `${release}`).toBeGreaterThanOrEqual(
    Number(finishedByOld) + Number(finishedByNew),
  )
}

function spread(values: number[]): string {
  const sorted = values.toSorted((one, two) => one - two)
  return `p95 ${sorted[Math.ceil(sorted.length * 0.95) - 1]} ms, worst ${sorted.at(-1)} ms`
}
