// The thread that sends for the probe: apart, so that neither the command nor the figures wait for each other.
import module from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ProbeConfig } from '../config/probe.ts'
import type { Sample } from '../release/ports/probe.ts'
import type { Call, Exchange } from './sender.ts'

export interface ProbeTask extends Pick<ProbeConfig, 'url' | 'path' | 'rate' | 'colorHeader'> {
  /** It ends then, where nobody ends it. */
  seconds: number
}

/** `samples`: times are milliseconds of `process.hrtime`, the clock that threads share. */
export type ProbeMessage =
  | { kind: 'started' }
  | { kind: 'samples'; samples: Sample[] }
  | { kind: 'stopped' }

/** Nobody waits longer for an answer. */
const timeoutMs = 2_000
const share = { connections: 8, newConnections: 0.1 }
/** A shop that becomes slow gets fewer requests, not more at once. */
const gentle = { maxOpen: 32, mostLateMs: 50 }
const reportEveryMs = 50

const hrtimeBefore = Number(process.hrtime.bigint()) / 1e6 - performance.now()

function sampleOf({ intendedAt, latencyMs, ...exchange }: Exchange): Sample {
  const { status, error, color, isNew, isResent } = exchange
  const sentAt = intendedAt - performance.timeOrigin + hrtimeBefore
  // A timer may be a little early.
  const isLate = status === 0 && latencyMs > timeoutMs - 10
  return { sentAt, endedAt: sentAt + latencyMs, status, error, isLate, color, isNew, isResent }
}

function tell(message: ProbeMessage): void {
  parentPort?.postMessage(message)
}

async function send({ url, path, rate, seconds, colorHeader }: ProbeTask): Promise<void> {
  // A thread has a cache of its own. Without it, compiling takes CPU time from a move that is under way.
  module.enableCompileCache()
  const { startSender } = await import('./sender.ts')
  let samples: Sample[] = []
  const report = (): void => {
    if (samples.length > 0) tell({ kind: 'samples', samples })
    samples = []
  }
  const call: Call = { method: 'GET', path, headers: { 'user-agent': 'shopctl-probe' } }
  const sender = startSender({
    url,
    rate,
    colorHeader,
    timeoutMs,
    ...share,
    ...gentle,
    remote: true,
    seconds,
    next: () => call,
    onExchange(exchange) {
      samples.push(sampleOf(exchange))
    },
  })
  const reporting = setInterval(report, reportEveryMs)
  parentPort?.once('message', async () => {
    await sender.stop()
    clearInterval(reporting)
    report()
    tell({ kind: 'stopped' })
    module.flushCompileCache()
  })
  tell({ kind: 'started' })
}

await send(workerData as ProbeTask)
