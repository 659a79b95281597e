// Kills a process at each call of a port, one after the other.
import { failed } from '../../../src/errors.ts'
import type { Around } from './scene.ts'

/** Dies before a call, or after it: its answer is lost. */
export function killing(at: number, isAfter: boolean): Around {
  let calls = 0
  return async (_, run) => {
    const index = calls++
    if (index > at) throw new Error('killed')
    if (index < at) return run()
    if (isAfter) await run()
    throw new Error('killed')
  }
}

/** Dies when this call is done: its answer is lost. */
export function killingAfter(call: string): Around {
  let isDead = false
  return async (name, run) => {
    if (!isDead) {
      const result = await run()
      if (name !== call) return result
      isDead = true
    }
    throw new Error('killed')
  }
}

/** One call fails, before it is done or after it: its answer is lost. The process goes on. */
export function failingAt(at: number, isAfter: boolean): Around {
  let calls = 0
  return async (_, run) => {
    if (calls++ !== at) return run()
    if (isAfter) await run()
    throw failed({ code: 'lost', message: 'no answer' })
  }
}

/** Each run that ends badly. `run` gets the number of a call. */
export async function failures(
  calls: number,
  variants: readonly number[],
  run: (at: number, variant: number) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = []
  for (let at = 0; at < calls; at++)
    for (const variant of variants) {
      const problem = await run(at, variant)
      if (problem !== null) found.push(`call ${at}, ${variant}: ${problem}`)
    }
  return found
}

export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)
