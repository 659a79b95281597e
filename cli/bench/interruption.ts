// How a measurement ends early.
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../src/errors.ts'

/** Ctrl-C or SIGTERM ends the measurement, which then brings back what it took away. */
export function interruption(): AbortSignal {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(interrupted())
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop)
  return stopping.signal
}

/** Throws at once when the measurement is interrupted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}
