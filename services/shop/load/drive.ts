// A load on the shop: places orders on a schedule, repeats failed requests, and reads how the orders end.
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'
import {
  type Call,
  createLatencies,
  type Exchange,
  startSender,
} from '../../../cli/src/adapters/sender.ts'
import { followOrders } from './follow.ts'
import { createLedger } from './ledger.ts'
import { createMix, type Step } from './mix.ts'
import { close, type LoadReport, percentilesOf } from './report.ts'

export interface LoadOptions {
  /** The base of the order API, on loopback. */
  url: string
  /** Requests per second. */
  rate: number
  seconds: number
  /** Random unless given. */
  seed?: number
  /** How long failed requests are repeated after the schedule. After that, open orders are read for the same time. */
  patienceMs?: number
}

export interface Load {
  progress(): { requests: number; failures: number; accepted: number }
  /** Resolves when the schedule is over and all orders have ended, or when time is up. */
  ended: Promise<LoadReport>
  /** Ends the schedule now. */
  stop(): Promise<LoadReport>
}

type OrderCall = Call & { step: Step }

const retryEveryMs = 250
const timeouts = { headersTimeout: 5_000, bodyTimeout: 5_000 }

function callOf(step: Step): OrderCall {
  return {
    method: 'POST',
    path: '/orders',
    headers: { 'content-type': 'application/json', 'idempotency-key': step.placement.key },
    body: step.body,
    step,
  }
}

/** Repeats failed requests with the same key until they are answered. */
function retryFailed(url: string, judge: (step: Step, status: number, text: string) => boolean) {
  const pool = new Pool(url, { connections: 4, ...timeouts })
  const failed: Step[] = []
  let sent = 0
  let inProgress = 0
  let until = Number.POSITIVE_INFINITY

  /** Resolves with true when there was an answer. */
  const again = async (step: Step): Promise<boolean> => {
    sent += 1
    const { method, path, headers = {}, body = null } = callOf(step)
    try {
      const answer = await pool.request({ method, path, headers, body })
      return judge(step, answer.statusCode, await answer.body.text())
    } catch {
      return false
    }
  }

  const rounds = async (): Promise<void> => {
    while (Date.now() < until && (until === Number.POSITIVE_INFINITY || failed.length > 0)) {
      const round = failed.splice(0)
      inProgress = round.length
      await Promise.all(round.map(async (step) => (await again(step)) || failed.push(step)))
      inProgress = 0
      await setTimeout(retryEveryMs)
    }
    await pool.close()
  }

  const ended = rounds()
  return {
    add(step: Step): void {
      failed.push(step)
    },
    sent: (): number => sent,
    waiting: (): number => failed.length + inProgress,
    async finish(patienceMs: number): Promise<void> {
      until = Date.now() + patienceMs
      await ended
    },
  }
}

/** Starts sending at once. Throws when the options are invalid. */
export function startLoad(options: LoadOptions): Load {
  const { url, rate, seconds, patienceMs = 30_000 } = options
  const seed = options.seed ?? randomBytes(4).readUInt32LE()
  const mix = createMix({ seed, run: randomBytes(4).toString('hex') })
  const ledger = createLedger()
  const answers = createLatencies()
  const confirmed = createLatencies()
  const failuresByKind: Record<string, number> = {}
  const counts = { requests: 0, failures: 0 }

  /** Returns false when the request failed, because then its effect is unknown. */
  const judge = (step: Step, status: number, text: string): boolean => {
    const before = ledger.accepted()
    const verdict = ledger.answer(step, status, text)
    if (ledger.accepted() > before) follower.add(ledger.entry(step.placement))
    return verdict !== 'failed'
  }

  const observe = (
    { status, error, latencyMs }: Exchange,
    { step }: Call & { step: Step },
    text: string,
  ): void => {
    counts.requests += 1
    answers.record(latencyMs)
    if (judge(step, status, text)) return
    counts.failures += 1
    const kind = error ?? String(status)
    failuresByKind[kind] = (failuresByKind[kind] ?? 0) + 1
    retries.add(step)
  }

  const sender = startSender<OrderCall>({
    url,
    rate,
    seconds,
    next: () => {
      const step = mix.next(ledger.earlier)
      ledger.sending(step)
      return callOf(step)
    },
    onExchange: observe,
    timeoutMs: 5_000,
  })
  const retries = retryFailed(url, judge)
  const readsPerSecond = Math.min(10, Math.max(2, rate / 3))
  const follower = followOrders({ url, ledger, latencies: confirmed, readsPerSecond })

  const run = async (): Promise<LoadReport> => {
    await sender.ended
    await retries.finish(patienceMs)
    await follower.finish(patienceMs)
    return {
      url,
      rate,
      seconds,
      seed,
      ...counts,
      answers: percentilesOf(answers),
      failuresByKind,
      retries: retries.sent(),
      confirmed: percentilesOf(confirmed),
      ...close(ledger),
    }
  }

  const ended = run()
  return {
    progress: () => ({ ...counts, accepted: ledger.accepted() }),
    ended,
    async stop() {
      await sender.stop()
      return ended
    },
  }
}
