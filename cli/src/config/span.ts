// A time span as people write it. The command tree imports it at each start, so it imports nothing itself.

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `10m`, `90s`, `2h`, `3d`: milliseconds. 0: it is no time span. */
export function spanMs(text: string): number {
  const [, number = '0', unit = ''] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  return Number(number) * (unitsMs[unit] ?? 0)
}

/** Node counts the milliseconds of a timer in 32 bits. A longer timer fires at once. */
export const mostSeconds = 2_147_483
