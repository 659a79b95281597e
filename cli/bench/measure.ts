// How the figures are taken.

export type Report = (what: string, measured: string, reach: string) => void

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** With an even number of samples, the mean of the two in the middle. */
export function medianOf(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const middle = sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1)
  return middle.reduce((sum, sample) => sum + sample, 0) / middle.length
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** Calls `run` several times and returns the median of its milliseconds. */
export async function median(times: number, run: () => Promise<unknown>): Promise<number> {
  const samples: number[] = []
  for (let n = 0; n < times; n++) samples.push(await timed(run))
  return medianOf(samples)
}
