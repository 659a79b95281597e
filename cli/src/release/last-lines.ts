// The part of a failed program's output that is shown.

/** The last `count` lines, without stack traces. */
export function lastLines(text: string, count: number): string {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !/^\s+at .+:\d+:\d+\)?$/.test(line))
    .slice(-count)
    .join('\n')
}
