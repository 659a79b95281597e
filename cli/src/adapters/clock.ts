// The machine's clock.
import { setTimeout } from 'node:timers/promises'
import { interrupted } from '../errors.ts'
import type { Clock } from '../release/ports/session.ts'

export function createClock(): Clock {
  return {
    now: () => new Date(),
    monotonic: () => performance.now(),
    async sleep(ms, signal) {
      try {
        await setTimeout(ms, undefined, signal && { signal })
      } catch (error) {
        if (signal?.aborted) throw interrupted()
        throw error
      }
    },
  }
}
